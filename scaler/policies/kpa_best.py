"""The KPA at the best settings of a grid: chosen with hindsight, and chosen every hour from the past.

    kpa-fixed   the settings of least cost over the scored seconds, for the whole time
    kpa-tuned   every hour, the settings of least cost from the start to what is known

cost = pod-seconds + delay cost x delayed requests, of a replay of each setting from the start.  The grid is
utilization x window x panic threshold, as far as the levers permit; it always has the current settings.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scaler.kpa.settings import KpaSettings
from scaler.parallel.interface import MapItems
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.policies.settings_grid import grid
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.plan_rows import NO_PLAN, settings_rows
from scaler.simulation.simulator import replay_all
from scaler.simulation.state import DELAYED, READY_POD_S, STARTING_POD_S, STARTS

BLOCK_S = 300
"""Seconds of a block, in which costs are summed."""
REVIEW_S = 3600
"""Seconds from one choice of kpa-tuned to the next, as in Tidecast."""
GRID_POLICIES = frozenset({"kpa-fixed", "kpa-tuned"})
"""Policies that need the replays of the grid."""


@dataclass(frozen=True, eq=False)
class GridReplays:
    """Metrics of each setting of the grid on one series.

    settings   (g,); the first are the current settings.
    from_s     seconds from the first arrival to the first block; the scored seconds begin with a block.
    pod_s, delayed, starts   (g, b) in each block of BLOCK_S.
    """

    settings: tuple[KpaSettings, ...]
    from_s: int
    pod_s: NDArray[np.float64]
    delayed: NDArray[np.float64]
    starts: NDArray[np.float64]

    def costs(self, delay_cost: float) -> NDArray[np.float64]:
        """Return pod-seconds + `delay_cost` x delayed requests: (g, b)."""
        return self.pod_s + delay_cost * self.delayed


_REPLAYS: WeakKeyDictionary[Series, GridReplays] = WeakKeyDictionary()
"""Both policies and all delay costs use the same replays; they are deleted together with their series."""


def grid_replays(series: Series, map_items: MapItems = map) -> GridReplays:
    """Return the replays of the grid on a series, computed at the first call.

    map_items   as `map`: applies a function to every item, perhaps to several concurrently
    """
    cached = _REPLAYS.get(series)
    if cached is None:
        settings = tuple(grid(series.scenario, with_retention=False))
        from_s = series.score_s % BLOCK_S
        plans = [settings_rows(series.pod_model, fixed) for fixed in settings]
        metrics = np.stack(list(map_items(lambda plan: _replay_blocks(series, plan, from_s), plans)))
        cached = _REPLAYS[series] = GridReplays(settings, from_s, metrics[:, 0], metrics[:, 1], metrics[:, 2])
    return cached


def best_fixed(series: Series, delay_cost: float) -> PlanRows:
    """Return the plan of the settings of least scored cost, among those within the limit on pod starts."""
    replays = grid_replays(series)
    scored = slice((series.score_s - replays.from_s) // BLOCK_S, None)
    costs = replays.costs(delay_cost)[:, scored].sum(axis=1)
    starts = replays.starts[:, scored].sum(axis=1)
    within_limit = starts <= max_starts_ratio(series.pod_model) * starts[0]
    best = int(np.argmin(np.where(within_limit, costs, np.inf)))
    return settings_rows(series.pod_model, replays.settings[best])


def tuned_hourly(series: Series, delay_cost: float) -> PlanRows:
    """Return the plan of the settings of least past cost, chosen every REVIEW_S.

    It starts with the current settings.
    """
    replays = grid_replays(series)
    past_cost = np.cumsum(replays.costs(delay_cost), axis=1)
    past_cost = np.concatenate([np.zeros((len(past_cost), 1)), past_cost], axis=1)
    at_s = np.arange(0, len(series.arrivals), REVIEW_S)
    known_s = at_s - series.scenario.metrics_delay_seconds - replays.from_s
    # Before anything is known all costs are 0, and the first of equal settings are the current ones.
    best = past_cost[:, np.maximum(known_s // BLOCK_S, 0)].argmin(axis=0)
    changes = np.flatnonzero(np.diff(best, prepend=0))
    rows = [settings_rows(series.pod_model, replays.settings[best[i]], int(at_s[i])) for i in changes]
    return np.concatenate([NO_PLAN, *rows])


def _replay_blocks(series: Series, plan: PlanRows, from_s: int) -> NDArray[np.float64]:
    """Return pod-seconds, delayed requests and pod starts in each block: (3, b)."""
    metrics = replay_all(
        [series.pod_model], series.arrivals[np.newaxis], [0], [plan], score_s=from_s, block_s=BLOCK_S
    )[0]
    pod_s = metrics[:, STARTING_POD_S] + metrics[:, READY_POD_S]
    return np.stack([pod_s, metrics[:, DELAYED], metrics[:, STARTS]])


KPA_FIXED = Policy(
    description="the KPA at its best fixed settings, chosen with hindsight",
    source="a bound of careful tuning by hand: the grid of this project",
    plan=best_fixed,
    uses_delay_cost=True,
    hindsight=True,
)
KPA_TUNED = Policy(
    description="the KPA at the settings that were best until now, chosen every hour",
    source="tuning from the past: the grid of this project",
    plan=tuned_hourly,
    uses_delay_cost=True,
)
