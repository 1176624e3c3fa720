"""The items of a live shadow as arrays: Revisions times the candidates that their levers allow."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
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
from scaler.simulation.state import POD_PARAMS, SPEC, Items, at_rest, spec_record

LONGEST_STARTUP_S = 600.0
"""Longer start-ups are lived through as this one."""


@dataclass(frozen=True)
class SimulatedRevision:
    """One Revision as the shadow sees it.

    world     how its pods start and serve, and the KPA_INDEX's settings as the owner has them.
    levers    what may be set.  limited: a pod serves so many requests at once and no more.
    policy    what its delays are worth.  max_starts_ratio: times those of the KPA_INDEX alone.
    """

    key: RevisionKey
    world: PodModel
    levers: frozenset[Lever]
    limited: bool
    policy: RevisionPolicy
    max_starts_ratio: float = 1.0

    @property
    def candidates(self) -> tuple[int, ...]:
        """Places among CANDIDATES of those that its levers allow."""
        return places(self.levers, self.limited)


@dataclass(frozen=True, eq=False)
class Population:
    """All items (k,) of l Revisions.

    of_item    (k,) the Revision of each; candidate (k,) its place among CANDIDATES.
    first      (l + 1,) where the items of each Revision begin.
    worlds     (k,) POD_PARAMS.
    items      the state that compiled code changes.
    """

    lived: tuple[SimulatedRevision, ...]
    of_item: NDArray[np.intp]
    candidate: NDArray[np.intp]
    first: NDArray[np.intp]
    worlds: NDArray[np.void]
    items: Items


@cache
def places(levers: frozenset[Lever], limited: bool) -> tuple[int, ...]:
    """Places among CANDIDATES of those that these levers allow."""
    return tuple(place for place, _ in allowed(levers, limited=limited))


@cache
def _settings(levers: frozenset[Lever], limited: bool) -> NDArray[np.float64]:
    """(e', 4) settings of the candidates allowed, as LEVERS; NaN = the owner's."""
    rows = [candidate.setting.row() for _, candidate in allowed(levers, limited=limited)]
    return np.array(rows, np.float64).reshape(-1, len(LEVERS))


def population(lived: Sequence[SimulatedRevision]) -> Population:
    """The items of these Revisions, long at zero."""
    counts = [len(one.candidates) for one in lived]
    owned = np.repeat(np.array([spec_record(one.world.spec) for one in lived], SPEC), counts)
    worlds = np.array([one.world.pod_params for one in lived], POD_PARAMS)
    worlds["startups_s"] = np.minimum(worlds["startups_s"], LONGEST_STARTUP_S)
    percent = np.repeat([one.world.panic_window_percentage for one in lived], counts)
    settings = np.concatenate(
        [np.empty((0, len(LEVERS))), *(_settings(one.levers, one.limited) for one in lived)]
    )
    specs = _set(owned, settings, percent)
    items = at_rest(specs, longest_window_s=0, startup_s=float(worlds["startups_s"].max(initial=1.0)))
    items.owned[:] = owned
    return Population(
        lived=tuple(lived),
        of_item=np.repeat(np.arange(len(lived)), counts).astype(np.intp),
        candidate=np.array([place for one in lived for place in one.candidates], np.intp),
        first=np.concatenate([[0], np.cumsum(counts, dtype=np.intp)]).astype(np.intp),
        worlds=np.repeat(worlds, counts),
        items=items,
    )


def carry_state(old: Population, new: Population) -> NDArray[np.intp]:
    """Let items that stay go on where they were; gives (k,) where each was, -1 where it begins.

    An item stays where the KPA_INDEX's settings and the levers of its Revision do: pods that start or serve
    otherwise go on otherwise.
    """
    at = {one.key: i for i, one in enumerate(old.lived)}
    before = np.full(len(new.of_item), -1, np.intp)
    for i, one in enumerate(new.lived):
        j = at.get(one.key)
        if j is not None and old.lived[j].world.spec == one.world.spec and same_candidates(old.lived[j], one):
            before[new.first[i] : new.first[i + 1]] = np.arange(old.first[j], old.first[j + 1])
    stays = before >= 0
    _ready_together(old, new, before)
    for each in fields(Items):
        mine, theirs = getattr(new.items, each.name), getattr(old.items, each.name)
        if each.name in ("spec", "owned"):
            continue
        if mine.ndim == 1:
            mine[stays] = theirs[before[stays]]
        else:
            # Windows and start-ups of others may have made the arrays longer or shorter.
            common = tuple(slice(0, min(a, b)) for a, b in zip(mine.shape[1:], theirs.shape[1:], strict=True))
            mine[(stays, *common)] = theirs[(before[stays], *common)]
    new.items.spec["min_scale"][stays] = old.items.spec["min_scale"][before[stays]]
    return before


def same_candidates(old: SimulatedRevision, new: SimulatedRevision) -> bool:
    """Is the candidate of each place the same for both?"""
    return old.limited == new.limited and old.levers == new.levers


def _ready_together(old: Population, new: Population, before: NDArray[np.intp]) -> None:
    """Where pods start faster than before, `old` lets those that start be ready when its first ones are.

    Batches are in the order of time, and there is room for as many as one start-up may make.
    """
    stays = np.flatnonzero(before >= 0)
    was = before[stays]
    longest_s, before_s = (each["startups_s"].max(axis=1) for each in (new.worlds[stays], old.worlds[was]))
    faster = longest_s < before_s
    at = was[faster & (old.items.revision["batches"][was] > 0)]
    old.items.batches[at, 0, 1] = old.items.revision["starting"][at]
    old.items.revision["batches"][at] = 1


def _set(
    owned: NDArray[np.void], settings: NDArray[np.float64], percent: NDArray[np.float64]
) -> NDArray[np.void]:
    """(k,) SPEC with the settings (k, 4) laid over; percent (k,) of the window that panic looks at."""
    specs = owned.copy()
    utilization, window_s, panic_threshold, retention_s = settings.T

    def over(name: str, value: NDArray[np.float64]) -> None:
        specs[name] = np.where(np.isnan(value), owned[name], np.nan_to_num(value))

    over("target_value", np.maximum(MIN_TARGET, owned["total_value"] * utilization / 100))
    over("stable_window_s", window_s)
    pairs, which = np.unique(
        np.stack([specs["stable_window_s"], percent], axis=1), axis=0, return_inverse=True
    )
    panics = np.array([panic_window_s(int(window), share) for window, share in pairs], np.int64)
    specs["panic_window_s"] = panics[which] if len(pairs) else specs["panic_window_s"]
    over("panic_threshold", panic_threshold / 100)
    over("pod_retention_period_s", retention_s)
    return specs


N_CANDIDATES = len(CANDIDATES)
"""Candidates that there are."""
