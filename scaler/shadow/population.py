"""Arrange the simulated items of a fleet as arrays: Revisions times their permitted candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever, RevisionPolicy
from models.fleet.keys import RevisionKey
from scaler.kpa.config import MIN_TARGET
from scaler.kpa.resolve import panic_window_s
from scaler.kpa.settings import LEVERS
from scaler.plan.candidates import CANDIDATES, allowed
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import (
    GROUP_PODS,
    POD_PARAMS,
    SPEC,
    Batch,
    idle_batch,
    spec_record,
)

MAX_STARTUP_S = 600.0
"""Seconds: longer start-ups are simulated as this one, which bounds the state of an item."""
N_CANDIDATES = len(CANDIDATES)


@dataclass(frozen=True)
class SimulatedRevision:
    """One Revision as the shadow evaluation simulates it.

    pod_model          how its pods start and serve, and the KPA's parameters without Tidecast.
    levers             the levers that are permitted and that the owner has not set.
    limited            containerConcurrency limits the requests in a pod.
    policy             the configured costs.
    max_starts_ratio   limit on starts, times those of the KPA alone.
    """

    key: RevisionKey
    pod_model: PodModel
    levers: frozenset[Lever]
    limited: bool
    policy: RevisionPolicy
    max_starts_ratio: float = 1.0

    @property
    def candidates(self) -> tuple[int, ...]:
        """Indices in CANDIDATES of the candidates that the levers permit."""
        return candidate_indices(self.levers, self.limited)


@dataclass(frozen=True, eq=False)
class Population:
    """All k items of l Revisions; an item is one Revision under one candidate.

    revisions    (l,)
    of_item      (k,) row of the Revision of each item.
    candidate    (k,) index in CANDIDATES.
    first        (l + 1,) first item of each Revision.
    pod_params   (k,) POD_PARAMS.
    batch        the state that compiled code changes.
    """

    revisions: tuple[SimulatedRevision, ...]
    of_item: NDArray[np.intp]
    candidate: NDArray[np.intp]
    first: NDArray[np.intp]
    pod_params: NDArray[np.void]
    batch: Batch


@cache
def candidate_indices(levers: frozenset[Lever], limited: bool) -> tuple[int, ...]:
    """Return the indices in CANDIDATES of the candidates that the levers permit."""
    return tuple(index for index, _ in allowed(levers, limited=limited))


@cache
def _settings(levers: frozenset[Lever], limited: bool) -> NDArray[np.float64]:
    """Return the settings (e', 4) of the permitted candidates as LEVERS; NaN = the owner's value."""
    rows = [candidate.settings.row() for _, candidate in allowed(levers, limited=limited)]
    return np.array(rows, np.float64).reshape(-1, len(LEVERS))


def population(revisions: Sequence[SimulatedRevision]) -> Population:
    """Return the items of these Revisions, at zero pods since long ago."""
    counts = [len(revision.candidates) for revision in revisions]
    specs = [spec_record(revision.pod_model.spec) for revision in revisions]
    baseline = np.repeat(np.array(specs, SPEC), counts)
    pod_params = np.array([revision.pod_model.pod_params for revision in revisions], POD_PARAMS)
    pod_params["startups_s"] = np.minimum(pod_params["startups_s"], MAX_STARTUP_S)
    panic_percent = np.repeat([revision.pod_model.panic_window_percentage for revision in revisions], counts)
    settings = np.concatenate(
        [np.empty((0, len(LEVERS))), *(_settings(r.levers, r.limited) for r in revisions)]
    )
    longest_s = float(pod_params["startups_s"].max(initial=1.0))
    batch = idle_batch(
        _with_settings(baseline, settings, panic_percent), longest_window_s=0, startup_s=longest_s
    )
    batch.baseline[:] = baseline
    return Population(
        revisions=tuple(revisions),
        of_item=np.repeat(np.arange(len(revisions)), counts).astype(np.intp),
        candidate=np.array([index for revision in revisions for index in revision.candidates], np.intp),
        first=np.concatenate([[0], np.cumsum(counts, dtype=np.intp)]).astype(np.intp),
        pod_params=np.repeat(pod_params, counts),
        batch=batch,
    )


def carry_state(old: Population, new: Population) -> NDArray[np.intp]:
    """Copy the state of continuing items from `old` to `new`; return the previous item (k,), -1 = new.

    An item continues if the KPA's parameters and the levers of its Revision are the same.  Other start-up or
    service times apply from now on.
    """
    row = {revision.key: i for i, revision in enumerate(old.revisions)}
    previous = np.full(len(new.of_item), -1, np.intp)
    for i, revision in enumerate(new.revisions):
        j = row.get(revision.key)
        if j is None or not same_candidates(old.revisions[j], revision):
            continue
        if old.revisions[j].pod_model.spec == revision.pod_model.spec:
            previous[new.first[i] : new.first[i + 1]] = np.arange(old.first[j], old.first[j + 1])
    continues = previous >= 0
    _shorten_startups(old, new, previous)
    for name in Batch._fields:
        target, source = getattr(new.batch, name), getattr(old.batch, name)
        if name in ("spec", "baseline"):
            continue
        if target.ndim == 1:
            target[continues] = source[previous[continues]]
        else:
            # Windows and start-ups of other Revisions may have made the arrays longer or shorter.
            common = tuple(
                slice(0, min(a, b)) for a, b in zip(target.shape[1:], source.shape[1:], strict=True)
            )
            target[(continues, *common)] = source[(previous[continues], *common)]
    new.batch.spec["min_scale"][continues] = old.batch.spec["min_scale"][previous[continues]]
    return previous


def same_candidates(old: SimulatedRevision, new: SimulatedRevision) -> bool:
    """Return whether each candidate index means the same candidate in both."""
    return old.limited == new.limited and old.levers == new.levers


def _shorten_startups(old: Population, new: Population, previous: NDArray[np.intp]) -> None:
    """Where pods start faster than before, make all starting pods of `old` ready together with the first.

    Groups are in the order of time, and there is room for as many as one start-up can create.
    """
    continuing = np.flatnonzero(previous >= 0)
    source = previous[continuing]
    longest_s, previous_s = (
        params["startups_s"].max(axis=1) for params in (new.pod_params[continuing], old.pod_params[source])
    )
    revision = old.batch.revision
    items = source[(longest_s < previous_s) & (revision["starting_groups"][source] > 0)]
    old.batch.starting_groups[items, 0, GROUP_PODS] = revision["starting"][items]
    revision["starting_groups"][items] = 1


def _with_settings(
    baseline: NDArray[np.void], settings: NDArray[np.float64], panic_percent: NDArray[np.float64]
) -> NDArray[np.void]:
    """Return the baseline (k,) SPEC with settings (k, 4) applied.

    panic_percent   (k,) panic window, percent of the stable window
    """
    specs = baseline.copy()
    utilization, window_s, panic_threshold, retention_s = settings.T

    def apply(name: str, value: NDArray[np.float64]) -> None:
        specs[name] = np.where(np.isnan(value), baseline[name], np.nan_to_num(value))

    apply("target_value", np.maximum(MIN_TARGET, baseline["total_value"] * utilization / 100))
    apply("stable_window_s", window_s)
    windows = np.stack([specs["stable_window_s"], panic_percent], axis=1)
    pairs, which = np.unique(windows, axis=0, return_inverse=True)
    panics = np.array([panic_window_s(int(window), percent) for window, percent in pairs], np.int64)
    specs["panic_window_s"] = panics[which] if len(pairs) else specs["panic_window_s"]
    apply("panic_threshold", panic_threshold / 100)
    apply("pod_retention_period_s", retention_s)
    return specs
