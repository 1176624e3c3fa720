"""Seasonal profile: what was at this time on the days and weeks before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import lograte
from models.history import FleetHistory

DAY_S = 86400
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, eq=False)
class Table:
    """z (s, slots): the profile of the coming slots; slot j covers [start_s + j*slot_s, ...)."""

    z: NDArray[np.float32]
    start_s: int
    slot_s: int


@dataclass(frozen=True)
class Profile:
    """The weighted median of the log rates at the same time of day.

    The same weekday of the last weeks counts `weekday` times as much as another day; a weight halves in
    `half_life_days`; the slots beside it count a quarter, so that what fills one slot alone is still found.
    Two values must have been seen, else it does not say.
    """

    half_life_days: float = 10.0
    weekday: float = 4.0
    weeks: int = 4

    def fit(self, history: FleetHistory, ahead_s: int) -> Table:
        slots = -(-ahead_s // history.step_s)
        z = np.full((len(history.keys), slots), np.nan, np.float32)
        backs, weights = self._lookback(history)
        if backs.size:
            for j in range(slots):
                columns = history.arrivals.shape[1] + j - backs
                seen = (columns >= 0) & (columns < history.arrivals.shape[1])
                if seen.any():
                    past = lograte.from_rate(history.arrivals[:, columns[seen]], history.step_s)
                    z[:, j] = weighted_median(past, weights[seen])
        return Table(z, history.end_s, history.step_s)

    def _lookback(self, history: FleetHistory) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Columns back from a slot, and the weight of each."""
        if DAY_S % history.step_s:
            return np.empty(0, np.intp), np.empty(0, np.float32)
        day = DAY_S // history.step_s
        days = np.arange(1, 7 * self.weeks + 1)
        # Of the days that are no whole week ago, the last week says enough.
        days = days[(days % 7 == 0) | (days < 7)]
        by_day = 0.5 ** (days / self.half_life_days) * np.where(days % 7 == 0, self.weekday, 1.0)
        backs = (days[:, None] * day + np.array([0, 1, -1])).ravel()
        weights = (by_day[:, None] * np.array([1.0, 0.25, 0.25])).ravel()
        return backs, weights.astype(np.float32)

    def start(self, services: int) -> tuple[()]:
        return ()

    def update(
        self, fit: Table, state: tuple[()], z: NDArray[np.float32], time_s: int, step_s: int
    ) -> tuple[()]:
        return ()

    def locate(
        self, fit: Table, state: tuple[()], time_s: int, step_s: int, steps: int
    ) -> NDArray[np.float32]:
        middles = time_s + step_s * np.arange(steps) + step_s // 2
        slot = (middles - fit.start_s) // fit.slot_s
        out = np.full((fit.z.shape[0], steps), np.nan, np.float32)
        inside = (slot >= 0) & (slot < fit.z.shape[1])
        out[:, inside] = fit.z[:, slot[inside]]
        # A slot's mean and a step's mean have different half requests below them.
        return lograte.from_rate(lograte.to_rate(out, fit.slot_s), step_s)


def weighted_median(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """(s,) of values (s, c), weights (c,): where half of the weight lies below; NaN counts nothing.

    NaN where less than two values were seen.
    """
    order = np.argsort(values, axis=1)  # NaN last
    by_rank = np.take_along_axis(values, order, axis=1)
    weight = np.where(np.isnan(by_rank), np.float32(0), weights[order])
    below = np.cumsum(weight, axis=1)
    at = (below < 0.5 * below[:, -1:]).sum(axis=1)
    median = np.take_along_axis(by_rank, np.minimum(at, values.shape[1] - 1)[:, None], axis=1)[:, 0]
    return np.where((~np.isnan(values)).sum(axis=1) >= 2, median, np.float32(np.nan))
