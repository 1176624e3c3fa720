"""The fleet's Revisions as arrays: what a plan reads."""

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
WAIT_SHARE = 0.5
"""A request that waits for a pod waits half its start-up in the mean: it may come at any moment of it."""


@dataclass(frozen=True, eq=False)
class FleetSpec:
    """Revisions as arrays (r,); made anew only when the cluster changed.

    keys, services     the Revision and its service.
    share              of the service's arrivals, 0..1.
    reachable          False: the KPA ignores a floor.
    total_value        what a pod can take: requests in flight, or requests/s where `rps`.
    worth              pod-seconds that one delayed request is worth, waiting for a start-up included.
    delay_cost         as the policy says, waiting not included.
    max_delayed        share of requests that may be delayed, 0..1; NaN: the costs rule.
    floors_act         a floor may be written (mode act, lever floor).
    writable           (r, 4) as scaler.kpa.settings.LEVERS: that setting of the KPA is ours to say (`_settable`).
    settings_act       (r, 4) and it may be written (mode act).
    least, most        pods, the bounds of the policy; 0 and NO_BOUND where there are none.
    owner_min, owner_max, activation   pods, as the owner wrote them; NO_BOUND where there is no upper one.
    budget_group       index into `budgets`, -1 = none; budgets (g,) pods that the members of a group share.
    startups_s         (r, STARTUPS) seconds from asking for a pod until it serves, each as likely, rising.
    off                mode off: no plan is made.
    zones              time zone whose days and weeks the service lives by; None: as the calendar says.
    """

    keys: tuple[RevisionKey, ...]
    services: tuple[ServiceKey, ...]
    share: NDArray[np.float64]
    reachable: NDArray[np.bool_]
    total_value: NDArray[np.float64]
    rps: NDArray[np.bool_]
    worth: NDArray[np.float64]
    delay_cost: NDArray[np.float64]
    max_delayed: NDArray[np.float64]
    floors_act: NDArray[np.bool_]
    writable: NDArray[np.bool_]
    settings_act: NDArray[np.bool_]
    off: NDArray[np.bool_]
    min_pods: NDArray[np.int32]
    max_pods: NDArray[np.int32]
    owner_min: NDArray[np.int32]
    owner_max: NDArray[np.int32]
    activation: NDArray[np.int32]
    budget_group: NDArray[np.intp]
    budgets: NDArray[np.float64]
    startups_s: NDArray[np.float64]
    zones: tuple[str | None, ...]

    @property
    def startup_s(self) -> NDArray[np.float64]:
        """(r,) seconds from asking for a pod until it serves, in the mean."""
        return np.asarray(self.startups_s.mean(axis=1))


def fleet_spec(revisions: Sequence[RevisionSpec], startups_s: NDArray[np.float64]) -> FleetSpec:
    """Arrays of `revisions` with their start-up seconds (r, STARTUPS), or (r,): always as long."""
    startups_s = np.broadcast_to(startups_s.T, (STARTUPS, len(revisions))).T
    policies = [r.policy for r in revisions]
    budgets = {r.key.namespace: r.policy.max_total_pods for r in revisions}
    limited = sorted(name for name, pods in budgets.items() if pods is not None)
    group = {name: i for i, name in enumerate(limited)}

    def ints(values: Sequence[int | None], absent: int) -> NDArray[np.int32]:
        return np.array([absent if v is None else v for v in values], np.int32)

    def flags(values: Sequence[bool] | Sequence[tuple[bool, ...]]) -> NDArray[np.bool_]:
        return np.array(values, np.bool_)

    def reals(values: Sequence[float]) -> NDArray[np.float64]:
        return np.array(values, np.float64)

    acts = flags([p.mode is Mode.ACT for p in policies])
    writable = flags([_settable(r) for r in revisions]).reshape(-1, len(LEVERS))
    return FleetSpec(
        keys=tuple(r.key for r in revisions),
        services=tuple(r.service for r in revisions),
        share=reals([r.percent / 100 for r in revisions]),
        reachable=flags([r.reachable for r in revisions]),
        total_value=reals([r.total_value for r in revisions]),
        rps=flags([r.metric is Metric.RPS for r in revisions]),
        worth=reals([p.delay_cost for p in policies])
        + reals([p.wait_cost for p in policies]) * WAIT_SHARE * startups_s.mean(axis=1),
        delay_cost=reals([p.delay_cost for p in policies]),
        max_delayed=reals([np.nan if p.max_delayed is None else p.max_delayed / 100 for p in policies]),
        floors_act=acts & flags([Lever.FLOOR in p.levers for p in policies]),
        writable=writable,
        settings_act=writable & acts[:, np.newaxis],
        off=flags([p.mode is Mode.OFF for p in policies]),
        min_pods=ints([p.min for p in policies], 0),
        max_pods=ints([p.max for p in policies], NO_BOUND),
        owner_min=ints([r.owner_min for r in revisions], 0),
        owner_max=ints([r.owner_max or None for r in revisions], NO_BOUND),
        activation=ints([r.activation_scale or None for r in revisions], NO_BOUND),
        budget_group=np.array([group.get(r.key.namespace, -1) for r in revisions], np.intp),
        budgets=reals([float(budgets[name] or 0) for name in limited]),
        startups_s=startups_s,
        zones=tuple(p.time_zone for p in policies),
    )


def service_zones(spec: FleetSpec, services: tuple[ServiceKey, ...]) -> tuple[str | None, ...]:
    """(s,) time zone of each service: that of the Revision with most of its traffic which names one."""
    said: dict[ServiceKey, str] = {}
    for row in np.argsort(spec.share, kind="stable"):
        if (zone := spec.zones[row]) is not None:
            said[spec.services[row]] = zone
    return tuple(said.get(key) for key in services)


def _settable(revision: RevisionSpec) -> tuple[bool, ...]:
    """As LEVERS: which settings its policy leaves to us.

    Not what the owner wrote; nothing where the KPA does not scale the Revision or no route leads to it; and
    no utilization where requests in flight are not limited, or not what it scales on.
    """
    if revision.hpa or not revision.reachable:
        return (False,) * len(LEVERS)
    levers = revision.policy.levers - revision.own_levers
    if revision.metric is not Metric.CONCURRENCY or revision.container_concurrency == 0:
        levers -= {Lever.TARGET}
    return tuple(lever in levers for lever in LEVERS)
