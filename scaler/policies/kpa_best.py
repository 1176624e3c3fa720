"""The KPA at the best of a grid of its own settings: with hindsight, and chosen anew from the past.

    kpa-fixed   the setting of least cost over the scored span, for good
    kpa-tuned   every hour the setting of least cost from the beginning to what is known

cost = pod-seconds + delay-cost x delayed requests, of each setting's own replay from the beginning.  The grid
is utilization x window x panic threshold, as far as the levers go; what the Service has is always in it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scaler.kpa.settings import KpaSettings
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.policies.settings_grid import grid
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.plan_rows import NO_PLAN, setting_rows
from scaler.simulation.simulator import replay_all
from scaler.simulation.state import METRICS

BLOCK_S = 300
"""Costs are cumulated by it."""
REVIEW_S = 3600
NAMED = frozenset({"kpa-fixed", "kpa-tuned"})
"""Policies that need the grid."""


@dataclass(frozen=True, eq=False)
class Tried:
    """What each setting of the grid came to on one series.

    settings   (g,); the first is what the Service has.
    from_s     seconds from the first arrival to the first block, so that the scored span begins with one.
    pod_s, delayed, starts   (g, b) in each block of BLOCK_S.
    """

    settings: tuple[KpaSettings, ...]
    from_s: int
    pod_s: NDArray[np.float64]
    delayed: NDArray[np.float64]
    starts: NDArray[np.float64]

    def costs(self, delay_cost: float) -> NDArray[np.float64]:
        """(g, b) pod-seconds, and `delay_cost` for each delayed request."""
        return self.pod_s + delay_cost * self.delayed


_TRIED: WeakKeyDictionary[Series, Tried] = WeakKeyDictionary()
"""Both policies and all delay-costs look at the same replays; they are gone with their subject."""


def tried(
    series: Series, each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map
) -> Tried:
    """The replays of the grid, made at the first time that a subject is asked for.

    each   as `map`: does the same with everything, perhaps several at a time
    """
    known = _TRIED.get(series)
    if known is None:
        world, settings = series.world, tuple(grid(series.scenario, retained=False))
        from_s = series.score_s % BLOCK_S
        plans = [setting_rows(world, setting) for setting in settings]
        came_to = np.stack(list(each(lambda plan: _replayed(series, plan, from_s), plans)))
        known = _TRIED[series] = Tried(settings, from_s, came_to[:, 0], came_to[:, 1], came_to[:, 2])
    return known


def fixed(series: Series, delay_cost: float) -> PlanRows:
    """The best setting with hindsight among those within the limit on starts."""
    its = tried(series)
    scored = slice((series.score_s - its.from_s) // BLOCK_S, None)
    costs = its.costs(delay_cost)[:, scored].sum(axis=1)
    starts = its.starts[:, scored].sum(axis=1)
    allowed = starts <= max_starts_ratio(series.world) * starts[0]
    best = int(np.argmin(np.where(allowed, costs, np.inf)))
    return setting_rows(series.world, its.settings[best])


def tuned(series: Series, delay_cost: float) -> PlanRows:
    """The setting that was best until now, every REVIEW_S; it begins with what the Service has."""
    its = tried(series)
    until = np.cumsum(its.costs(delay_cost), axis=1)
    until = np.concatenate([np.zeros((len(until), 1)), until], axis=1)
    at_s = np.arange(0, len(series.arrivals), REVIEW_S)
    known_s = at_s - series.scenario.metrics_delay_seconds - its.from_s
    # Where nothing is known yet all costs are 0, and the first of equals is what the Service has.
    best = until[:, np.maximum(known_s // BLOCK_S, 0)].argmin(axis=0)
    changes = np.flatnonzero(np.diff(best, prepend=0))
    rows = [setting_rows(series.world, its.settings[best[i]], int(at_s[i])) for i in changes]
    return np.concatenate([NO_PLAN, *rows])


def _replayed(series: Series, plan: PlanRows, from_s: int) -> NDArray[np.float64]:
    """(3, b) pod-seconds, requests delayed and pods started in each block."""
    lived = replay_all(
        [series.world], series.arrivals[np.newaxis], [0], [plan], score_s=from_s, block_s=BLOCK_S
    )
    of = {name: lived[0, :, place] for place, name in enumerate(METRICS)}
    return np.stack([of["starting_pod_s"] + of["ready_pod_s"], of["delayed"], of["starts"]])


KPA_FIXED = Policy(
    about="the KPA at its best fixed setting, chosen with hindsight",
    source="a bound of careful tuning by hand: the grid of this file",
    plan=fixed,
    uses_delay_cost=True,
    hindsight=True,
)
KPA_TUNED = Policy(
    about="the KPA at the setting that was best until now, chosen anew every hour",
    source="tuning by what the past tells: the grid of this file",
    plan=tuned,
    uses_delay_cost=True,
)
