"""Revisions of a cluster as the shadow lives through them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever, Mode
from models.fleet import rows
from scaler.kpa.annotations import Annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, parameters
from scaler.plan.revision import Metric, RevisionSpec
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import STARTUPS

REHEARSED_ITEM_S = 3e8
"""Seconds times Revisions times candidates that a warm-up lives through in shadow: some 15 CPU seconds."""
MOVED = 0.1
"""What is learned of start-up and service time moves all the time; less than this share changes nothing."""


@dataclass(frozen=True, eq=False)
class ShadowedRevisions:
    """The Revisions (r,) of a cluster, and those of them that have a shadow.

    timed     (STARTUPS + 1, r) seconds that their pods may take to start, and take to serve a request, as
              lived through.
    ones      (r,) as lived through; None where there is no shadow.
    revisions those of `ones` that have one; rehearsed_s: seconds of the past that they may live through.
    """

    seen: tuple[RevisionSpec, ...]
    timed: NDArray[np.float64]
    ones: tuple[SimulatedRevision | None, ...]
    revisions: tuple[SimulatedRevision, ...]
    rehearsed_s: int


NO_SHADOW = ShadowedRevisions((), np.empty((STARTUPS + 1, 0)), (), (), 0)


def shadowed_revisions(
    before: ShadowedRevisions,
    revisions: tuple[RevisionSpec, ...],
    startups_s: NDArray[np.float64],
    served_s: NDArray[np.float64],
) -> ShadowedRevisions:
    """The Revisions (r,) with their start-ups (r, STARTUPS) and service time (r,); `before`, where nothing
    changed.
    """
    now = np.concatenate([startups_s.T, served_s[np.newaxis]])
    if before.seen is revisions:
        timed = together(now, before.timed)
        changed = ~((timed == before.timed) | (np.isnan(timed) & np.isnan(before.timed))).all(axis=0)
        if not changed.any():
            return before
    else:
        at = rows.previous_rows([one.key for one in before.seen], [one.key for one in revisions])
        timed = together(now, rows.align_rows(before.timed.T, at).T)
        changed = np.ones(len(revisions), np.bool_)
    which = np.flatnonzero(changed)
    none: list[SimulatedRevision | None] = [None] * len(revisions)
    ones = list(before.ones) if before.seen is revisions else none
    anew = lived([revisions[i] for i in which], timed[:-1, which].T, timed[-1, which])
    for i, one in zip(which.tolist(), anew, strict=True):
        ones[i] = one
    present = tuple(one for one in ones if one is not None)
    items = sum(len(one.candidates) for one in present)
    return ShadowedRevisions(
        revisions, timed, tuple(ones), present, int(REHEARSED_ITEM_S / items) if items else 0
    )


def together(now: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """(STARTUPS + 1, r) as `settled`, but all start-ups stay what they were where their mean and the longest
    do: one of several moves with every few pods that start.
    """
    sums, known = ([each[:-1].mean(axis=0), each[-2]] for each in (now, before))
    stay = np.all([settled(a, b) == b for a, b in zip(sums, known, strict=True)], axis=0)
    startups_s = np.where(stay, before[:-1], np.sort(rounded(now[:-1]), axis=0))
    return np.concatenate([startups_s, settled(now[-1:], before[-1:])])


def settled(seconds: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """What it was `before` where it moved less than MOVED; else the new value, to two digits."""
    return np.where(np.abs(seconds - before) <= MOVED * before, before, rounded(seconds))


def lived(
    revisions: Sequence[RevisionSpec], startups_s: NDArray[np.float64], service_time_s: NDArray[np.float64]
) -> list[SimulatedRevision | None]:
    """Each Revision (r,), with its start-ups (r, STARTUPS) and service time (r,) seconds; None where there is
    no shadow: no KPA_INDEX scales it, no route leads to it, it is off, it scales on requests/s, or its service time
    is not known.
    """
    return [
        _lived(one, starts, float(serves)) if _has_one(one, float(serves)) else None
        for one, starts, serves in zip(revisions, startups_s, service_time_s, strict=True)
    ]


def rounded(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """To two digits: what is learned moves a little all the time, and need not change anything."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.floor(np.log10(seconds) - 1)
        return np.where(seconds > 0, np.round(seconds / unit) * unit, seconds)


def _has_one(revision: RevisionSpec, serves_s: float) -> bool:
    scaled = not revision.hpa and revision.metric is Metric.CONCURRENCY
    return scaled and revision.reachable and revision.policy.mode is not Mode.OFF and serves_s > 0


def _lived(revision: RevisionSpec, starts_s: NDArray[np.float64], serves_s: float) -> SimulatedRevision:
    limited = revision.container_concurrency > 0
    world = PodModel(
        startup_s=float(starts_s.mean()),
        startups_s=tuple(starts_s.tolist()),
        service_s=serves_s,
        concurrency=float(revision.container_concurrency or revision.total_value),
        spec=revision.kpa or _resolved(revision),
        panic_window_percentage=revision.panic_window_percentage,
    )
    levers = revision.policy.levers - revision.own_levers - (frozenset() if limited else {Lever.TARGET})
    return SimulatedRevision(
        key=revision.key,
        world=world,
        levers=frozenset(levers),
        limited=limited,
        policy=revision.policy,
        max_starts_ratio=max_starts_ratio(world),
    )


def _resolved(revision: RevisionSpec) -> KpaSpec:
    """What a KPA_INDEX of Knative's defaults makes of what is known of the Revision."""
    said = Annotations(
        target=revision.total_value,
        target_utilization_percentage=100 * revision.target_value / revision.total_value,
        stable_window_s=int(revision.window_s),
        min_scale=revision.owner_min,
        max_scale=revision.owner_max,
        activation_scale=revision.activation_scale or None,
    )
    return parameters(AutoscalerConfig(), said, revision.container_concurrency, Reachability.REACHABLE)
