"""Choose which Revisions of a cluster are simulated, and describe each as a `SimulatedRevision`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever, Mode
from models.fleet import rows
from scaler.kpa.annotations import Annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, kpa_spec
from scaler.plan.revision import Metric, RevisionSpec
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import STARTUPS

WARM_UP_ITEM_S = 3e8
"""Seconds times Revisions times candidates that a warm-up simulates: about 15 CPU seconds."""
MIN_CHANGE = 0.1
"""Share by which a learned start-up or service time, which moves constantly, must change to be applied."""


@dataclass(frozen=True, eq=False)
class ShadowedRevisions:
    """The r Revisions of a cluster, and those of them that are simulated.

    specs       (r,) as in the cluster.
    times_s     (STARTUPS + 1, r) start-up times and service time, seconds, as they are simulated.
    simulated   (r,) None = not simulated.
    revisions   the simulated ones.
    warm_up_s   seconds of the past that a warm-up may simulate.
    """

    specs: tuple[RevisionSpec, ...]
    times_s: NDArray[np.float64]
    simulated: tuple[SimulatedRevision | None, ...]
    revisions: tuple[SimulatedRevision, ...]
    warm_up_s: int


NO_SHADOW = ShadowedRevisions((), np.empty((STARTUPS + 1, 0)), (), (), 0)


def shadowed_revisions(
    previous: ShadowedRevisions,
    specs: tuple[RevisionSpec, ...],
    startups_s: NDArray[np.float64],
    service_time_s: NDArray[np.float64],
) -> ShadowedRevisions:
    """Return the Revisions to simulate; `previous` itself where nothing changed.

    startups_s       (r, STARTUPS) seconds from requesting a pod until it serves, rising
    service_time_s   (r,) seconds that a request occupies a pod; NaN = not known
    """
    measured = np.concatenate([startups_s.T, service_time_s[np.newaxis]])
    if previous.specs is specs:
        times_s = settled_times(measured, previous.times_s)
        same = (times_s == previous.times_s) | (np.isnan(times_s) & np.isnan(previous.times_s))
        changed = ~same.all(axis=0)
        if not changed.any():
            return previous
    else:
        previous_row = rows.previous_rows([spec.key for spec in previous.specs], [spec.key for spec in specs])
        times_s = settled_times(measured, rows.align_rows(previous.times_s.T, previous_row).T)
        changed = np.ones(len(specs), np.bool_)
    which = np.flatnonzero(changed)
    none: list[SimulatedRevision | None] = [None] * len(specs)
    simulated = list(previous.simulated) if previous.specs is specs else none
    updated = simulated_revisions([specs[i] for i in which], times_s[:-1, which].T, times_s[-1, which])
    for i, revision in zip(which.tolist(), updated, strict=True):
        simulated[i] = revision
    present = tuple(revision for revision in simulated if revision is not None)
    items = sum(len(revision.candidates) for revision in present)
    warm_up_s = int(WARM_UP_ITEM_S / items) if items else 0
    return ShadowedRevisions(specs, times_s, tuple(simulated), present, warm_up_s)


def settled_times(measured: NDArray[np.float64], previous: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `settled` times (STARTUPS + 1, r); keep all start-ups where mean and maximum are settled.

    A single one of several start-ups moves with every few pods that start.
    """
    new, old = ([times[:-1].mean(axis=0), times[-2]] for times in (measured, previous))
    keep = np.all([settled(a, b) == b for a, b in zip(new, old, strict=True)], axis=0)
    startups_s = np.where(keep, previous[:-1], np.sort(rounded(measured[:-1]), axis=0))
    return np.concatenate([startups_s, settled(measured[-1:], previous[-1:])])


def settled(seconds: NDArray[np.float64], previous: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the previous value where the change is below MIN_CHANGE; else the new value, to two digits."""
    return np.where(np.abs(seconds - previous) <= MIN_CHANGE * previous, previous, rounded(seconds))


def rounded(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return seconds to two digits, so that small changes of a learned time change nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.floor(np.log10(seconds) - 1)
        return np.where(seconds > 0, np.round(seconds / unit) * unit, seconds)


def simulated_revisions(
    specs: Sequence[RevisionSpec], startups_s: NDArray[np.float64], service_time_s: NDArray[np.float64]
) -> list[SimulatedRevision | None]:
    """Return each Revision as it is simulated; None where it is not simulated.

    Not simulated: the KPA does not scale the Revision, no route leads to it, it is off, it scales on
    requests/s, or its service time is not known.

    startups_s       (r, STARTUPS) seconds
    service_time_s   (r,) seconds; NaN = not known
    """
    return [
        _simulated(spec, startups, float(service_s)) if _can_be_simulated(spec, float(service_s)) else None
        for spec, startups, service_s in zip(specs, startups_s, service_time_s, strict=True)
    ]


def _can_be_simulated(spec: RevisionSpec, service_time_s: float) -> bool:
    scaled = not spec.hpa and spec.metric is Metric.CONCURRENCY
    return scaled and spec.reachable and spec.policy.mode is not Mode.OFF and service_time_s > 0


def _simulated(
    spec: RevisionSpec, startups_s: NDArray[np.float64], service_time_s: float
) -> SimulatedRevision:
    limited = spec.container_concurrency > 0
    pod_model = PodModel(
        startup_s=float(startups_s.mean()),
        startups_s=tuple(startups_s.tolist()),
        service_time_s=service_time_s,
        concurrency=float(spec.container_concurrency or spec.total_value),
        spec=spec.kpa or _resolved(spec),
        panic_window_percentage=spec.panic_window_percentage,
    )
    levers = spec.policy.levers - spec.owner_levers - (frozenset() if limited else {Lever.TARGET})
    return SimulatedRevision(
        key=spec.key,
        pod_model=pod_model,
        levers=frozenset(levers),
        limited=limited,
        policy=spec.policy,
        max_starts_ratio=max_starts_ratio(pod_model),
    )


def _resolved(spec: RevisionSpec) -> KpaSpec:
    """Return the parameters that a KPA with Knative's defaults resolves for the Revision."""
    annotations = Annotations(
        target=spec.total_value,
        target_utilization_percentage=100 * spec.target_value / spec.total_value,
        stable_window_s=int(spec.window_s),
        min_scale=spec.owner_min,
        max_scale=spec.owner_max,
        activation_scale=spec.activation_scale or None,
    )
    return kpa_spec(AutoscalerConfig(), annotations, spec.container_concurrency, Reachability.REACHABLE)
