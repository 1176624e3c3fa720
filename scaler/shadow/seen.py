"""Revisions of a cluster as the shadow lives through them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever, Mode
from scaler.kpa.annotations import Annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, parameters
from scaler.replay.world import World
from scaler.revision import Metric, RevisionSpec
from scaler.shadow.choice import most_starts
from scaler.shadow.items import Lived


def lived(
    revisions: Sequence[RevisionSpec], startup_s: NDArray[np.float64], service_time_s: NDArray[np.float64]
) -> list[Lived | None]:
    """Each Revision (r,), with its start-up and service time (r,) seconds; None where there is no shadow: no
    KPA scales it, no route leads to it, it is off, it scales on requests/s, or its service time is not known.
    """
    return [
        _lived(one, float(starts), float(serves)) if _has_one(one, float(serves)) else None
        for one, starts, serves in zip(revisions, startup_s, service_time_s, strict=True)
    ]


def rounded(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """To two digits: what is learned moves a little all the time, and need not change anything."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.floor(np.log10(seconds) - 1)
    return np.where(seconds > 0, np.round(seconds / unit) * unit, seconds)


def _has_one(revision: RevisionSpec, serves_s: float) -> bool:
    scaled = not revision.hpa and revision.metric is Metric.CONCURRENCY
    return scaled and revision.reachable and revision.policy.mode is not Mode.OFF and serves_s > 0


def _lived(revision: RevisionSpec, starts_s: float, serves_s: float) -> Lived:
    limited = revision.container_concurrency > 0
    world = World(
        startup_s=starts_s,
        service_s=serves_s,
        at_once=float(revision.container_concurrency or revision.total_value),
        spec=revision.kpa or _resolved(revision),
        panic_window_percentage=revision.panic_window_percentage,
    )
    levers = revision.policy.levers - revision.own_levers - (frozenset() if limited else {Lever.TARGET})
    return Lived(
        key=revision.key,
        world=world,
        levers=frozenset(levers),
        limited=limited,
        policy=revision.policy,
        most_starts=most_starts(world),
    )


def _resolved(revision: RevisionSpec) -> KpaSpec:
    """What a KPA of Knative's defaults makes of what is known of the Revision."""
    said = Annotations(
        target=revision.total_value,
        target_utilization_percentage=100 * revision.target_value / revision.total_value,
        stable_window_s=int(revision.window_s),
    )
    return parameters(AutoscalerConfig(), said, revision.container_concurrency, Reachability.REACHABLE)
