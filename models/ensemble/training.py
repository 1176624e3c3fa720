"""The training series of the members: one series without gaps, of limited length, and of a size near one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ensemble.seasons import MIN_CYCLES, seasons

HOUR_S, DAY_S, WEEK_S = 3600, 86400, 604800
SHORT_GAP_S = 3600
"""A gap up to this many seconds is interpolated linearly; a longer one repeats the day before.  Chosen by
hand."""
MAX_STEPS = 4032
"""Newest steps that a member gets: two weeks of five minutes."""
MIN_SEEN = 16
"""Observed steps without which a series gets no forecast.  Chosen by hand."""


@dataclass(frozen=True, eq=False)
class TrainingSeries:
    """One series, as the members take it.

    y        (n,) rates over `scale`, finite, past to present; n = 0 where too little was observed.
    scale    requests/s.
    step_s   seconds per step.
    seasons  detected periods in steps, the strongest first, each at least twice in y; () = none was detected.
    """

    y: NDArray[np.float64]
    scale: float
    step_s: int
    seasons: tuple[int, ...] = ()

    def steps(self, period_s: int) -> int:
        """Steps of a period; 0 where it is no whole number of steps, or y has less than two of it."""
        whole = whole_steps(period_s, self.step_s)
        return whole if self.y.size >= 2 * whole else 0

    @property
    def assumed_seasons(self) -> tuple[int, ...]:
        """The detected seasons, and the week where a day was detected but y is too short to detect a week."""
        week = self.steps(WEEK_S)
        if not week or week in self.seasons or self.steps(DAY_S) not in self.seasons:
            return self.seasons
        return (*self.seasons, week) if self.y.size < MIN_CYCLES * week else self.seasons

    @property
    def varies(self) -> bool:
        """False where all steps are equal, so that there is nothing to fit."""
        return bool(self.y.size) and float(np.ptp(self.y)) > 1e-9 * float(np.abs(self.y).max())


def training_series(
    rates: NDArray[np.float64], step_s: int, known_seasons: tuple[int, ...] | None = None
) -> TrainingSeries:
    """The training series of past rates (n,) in requests/s; NaN = not observed.

    known_seasons   periods in steps that were detected before; None = detect them here
    """
    y = np.where(np.isfinite(rates) & (rates >= 0), rates, np.nan).astype(np.float64)[-MAX_STEPS:]
    observed = np.flatnonzero(~np.isnan(y))
    if observed.size < MIN_SEEN:
        return TrainingSeries(np.empty(0), 1.0, step_s)
    y = fill_gaps(y[observed[0] :], step_s)
    # The mean of all values: with an absurd value the others become small, but nothing overflows.
    scale = float(np.abs(y).mean()) or 1.0
    y = y / scale
    if known_seasons is None:
        expected = tuple(whole_steps(period_s, step_s) for period_s in (HOUR_S, DAY_S, WEEK_S))
        detected = seasons(y, expected)
        known_seasons = tuple(period for period in detected if not _is_part_of_week(period, *expected[1:]))
    return TrainingSeries(y, scale, step_s, tuple(period for period in known_seasons if 2 * period <= y.size))


def _is_part_of_week(period: int, day: int, week: int) -> bool:
    """Whether a period above a day divides a week: in few weeks it may be detected in place of the week."""
    parts = week / period
    return bool(day) and day < period < 0.75 * week and abs(parts - round(parts)) < 0.1


def whole_steps(period_s: int, step_s: int) -> int:
    """Steps of a period; 0 where that is no whole number, or 1."""
    whole, rest = divmod(period_s, step_s)
    return whole if rest == 0 and whole > 1 else 0


def fill_gaps(y: NDArray[np.float64], step_s: int) -> NDArray[np.float64]:
    """(n,) y (n,) without NaN; y does not begin with NaN, and is constant after its last value.

    Gaps up to SHORT_GAP_S are interpolated linearly, longer ones repeat the day before where there is one.
    """
    missing = np.isnan(y)
    if not missing.any():
        return y
    n, index = y.size, np.arange(y.size)
    out = y.copy()
    out[missing] = np.interp(index[missing], index[~missing], y[~missing])
    day = DAY_S // step_s
    if DAY_S % step_s == 0 and n > day:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2):
            if (end - first) * step_s > SHORT_GAP_S:
                for i in range(max(first, day), end):
                    out[i] = out[i - day]
    return out
