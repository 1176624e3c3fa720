"""Represent the Revisions of a fleet as arrays, which plans read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever, Mode
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.kpa.settings import LEVERS
from scaler.plan.revision import Metric, RevisionSpec
from scaler.simulation.state import STARTUPS

NO_BOUND = np.iinfo(np.int32).max
MEAN_WAIT_SHARE = 0.5
"""Mean wait of a request that waits for a pod, as a share of the start-up: it arrives at any moment of it."""


@dataclass(frozen=True, eq=False)
class FleetSpec:
    """The r Revisions of a fleet as arrays; computed again only when the cluster or a start-up time changes.

    keys, services         (r,) the Revision, and its service.
    share                  (r,) route share of the arrivals of the service, 0..1.
    reachable              (r,) False = the KPA ignores a floor.
    total_value            (r,) capacity of a pod: requests in flight, or requests/s where `rps`.
    rps                    (r,) the Revision scales on requests/s.
    delay_cost             (r,) pod-seconds per delayed request, as configured.
    effective_delay_cost   (r,) the same, with the configured cost of the mean wait for a start-up.
    max_delayed            (r,) permitted share of delayed requests, 0..1; NaN = the costs decide.
    floor_writable         (r,) Tidecast may write a floor (mode act, lever floor).
    settings_usable        (r, 4) as LEVERS: plans may use that setting of the KPA (see `_usable_settings`).
    settings_writable      (r, 4) Tidecast may also write it (mode act).
    off                    (r,) mode off: no plan.
    min_pods, max_pods     (r,) configured bounds; 0 and NO_BOUND where there are none.
    owner_min, owner_max   (r,) the owner's min-scale and max-scale; 0 and NO_BOUND where there are none.
    activation_scale       (r,) the owner's activation-scale; NO_BOUND where there is none.
    budget_group           (r,) index into `budgets`; -1 = no budget.
    budgets                (g,) pods that the members of a group share.
    startups_s             (r, STARTUPS) seconds from requesting a pod until it serves: equally likely,
                           rising.
    zones                  (r,) time zone of the service's days and weeks; None = that of the calendar.
    """

    keys: tuple[RevisionKey, ...]
    services: tuple[ServiceKey, ...]
    share: NDArray[np.float64]
    reachable: NDArray[np.bool_]
    total_value: NDArray[np.float64]
    rps: NDArray[np.bool_]
    delay_cost: NDArray[np.float64]
    effective_delay_cost: NDArray[np.float64]
    max_delayed: NDArray[np.float64]
    floor_writable: NDArray[np.bool_]
    settings_usable: NDArray[np.bool_]
    settings_writable: NDArray[np.bool_]
    off: NDArray[np.bool_]
    min_pods: NDArray[np.int32]
    max_pods: NDArray[np.int32]
    owner_min: NDArray[np.int32]
    owner_max: NDArray[np.int32]
    activation_scale: NDArray[np.int32]
    budget_group: NDArray[np.intp]
    budgets: NDArray[np.float64]
    startups_s: NDArray[np.float64]
    zones: tuple[str | None, ...]

    @property
    def startup_s(self) -> NDArray[np.float64]:
        """Mean seconds (r,) from requesting a pod until it serves."""
        return np.asarray(self.startups_s.mean(axis=1))


def fleet_spec(revisions: Sequence[RevisionSpec], startups_s: NDArray[np.float64]) -> FleetSpec:
    """Return the Revisions as arrays.

    startups_s   (r, STARTUPS) seconds, equally likely and rising; or (r,) seconds, always the same
    """
    startups_s = np.broadcast_to(startups_s.T, (STARTUPS, len(revisions))).T
    policies = [revision.policy for revision in revisions]
    budgets = {revision.key.namespace: revision.policy.max_total_pods for revision in revisions}
    limited = sorted(name for name, pods in budgets.items() if pods is not None)
    group = {name: i for i, name in enumerate(limited)}

    def ints(values: Sequence[int | None], absent: int) -> NDArray[np.int32]:
        return np.array([absent if value is None else value for value in values], np.int32)

    def flags(values: Sequence[bool] | Sequence[tuple[bool, ...]]) -> NDArray[np.bool_]:
        return np.array(values, np.bool_)

    def reals(values: Sequence[float]) -> NDArray[np.float64]:
        return np.array(values, np.float64)

    acts = flags([policy.mode is Mode.ACT for policy in policies])
    usable = flags([_usable_settings(revision) for revision in revisions]).reshape(-1, len(LEVERS))
    delay_cost = reals([policy.delay_cost for policy in policies])
    wait_cost = reals([policy.wait_cost for policy in policies])
    return FleetSpec(
        keys=tuple(r.key for r in revisions),
        services=tuple(r.service for r in revisions),
        share=reals([r.percent / 100 for r in revisions]),
        reachable=flags([r.reachable for r in revisions]),
        total_value=reals([r.total_value for r in revisions]),
        rps=flags([r.metric is Metric.RPS for r in revisions]),
        delay_cost=delay_cost,
        effective_delay_cost=delay_cost + wait_cost * MEAN_WAIT_SHARE * startups_s.mean(axis=1),
        max_delayed=reals([np.nan if p.max_delayed is None else p.max_delayed / 100 for p in policies]),
        floor_writable=acts & flags([Lever.FLOOR in p.levers for p in policies]),
        settings_usable=usable,
        settings_writable=usable & acts[:, np.newaxis],
        off=flags([p.mode is Mode.OFF for p in policies]),
        min_pods=ints([p.min for p in policies], 0),
        max_pods=ints([p.max for p in policies], NO_BOUND),
        owner_min=ints([r.owner_min for r in revisions], 0),
        owner_max=ints([r.owner_max or None for r in revisions], NO_BOUND),
        activation_scale=ints([r.activation_scale or None for r in revisions], NO_BOUND),
        budget_group=np.array([group.get(r.key.namespace, -1) for r in revisions], np.intp),
        budgets=reals([float(budgets[name] or 0) for name in limited]),
        startups_s=startups_s,
        zones=tuple(p.time_zone for p in policies),
    )


def service_zones(spec: FleetSpec, services: tuple[ServiceKey, ...]) -> tuple[str | None, ...]:
    """Return the time zone (s,) of each service: from the Revision with the largest share."""
    zone_of: dict[ServiceKey, str] = {}
    for row in np.argsort(spec.share, kind="stable"):
        if (zone := spec.zones[row]) is not None:
            zone_of[spec.services[row]] = zone
    return tuple(zone_of.get(key) for key in services)


def _usable_settings(revision: RevisionSpec) -> tuple[bool, ...]:
    """Return, for each of LEVERS, whether a plan may use that setting.

    Not usable: what the owner set; every setting where the KPA does not scale the Revision or no route leads
    to it; the target utilization where concurrency is not limited or is not the metric.
    """
    if revision.hpa or not revision.reachable:
        return (False,) * len(LEVERS)
    levers = revision.policy.levers - revision.owner_levers
    if revision.metric is not Metric.CONCURRENCY or revision.container_concurrency == 0:
        levers -= {Lever.TARGET}
    return tuple(lever in levers for lever in LEVERS)
