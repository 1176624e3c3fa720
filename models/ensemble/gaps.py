"""What members are given: one series without gaps, of a length that fits, and of a size near one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ensemble.seasons import MIN_CYCLES, seasons

HOUR_S, DAY_S, WEEK_S = 3600, 86400, 604800
SHORT_S = 3600
"""A gap up to this long is bridged by a line; a longer one repeats what was at this time a day before."""
MAX_STEPS = 4032
"""No member looks at more: two weeks of five minutes."""
MIN_SEEN = 16
"""Observed steps without which nothing is said."""


@dataclass(frozen=True, eq=False)
class Past:
    """y (n,): rates over `scale`, finite, past to present; n = 0 where too little was observed.

    seasons   periods in steps, the strongest first, each in y at least twice; none found means none.
    """

    y: NDArray[np.float64]
    scale: float
    step_s: int
    seasons: tuple[int, ...] = ()

    def steps(self, period_s: int) -> int:
        """Steps of a period; 0 where it is no whole number of steps or was not seen twice."""
        whole = whole_steps(period_s, self.step_s)
        return whole if self.y.size >= 2 * whole else 0

    @property
    def likely(self) -> tuple[int, ...]:
        """Its seasons, and the week where there are days but of weeks too few to find any."""
        week = self.steps(WEEK_S)
        if not week or week in self.seasons or self.steps(DAY_S) not in self.seasons:
            return self.seasons
        return (*self.seasons, week) if self.y.size < MIN_CYCLES * week else self.seasons

    @property
    def varies(self) -> bool:
        """False: every step is as every other, and there is nothing to fit."""
        return bool(self.y.size) and float(np.ptp(self.y)) > 1e-9 * float(np.abs(self.y).max())


def past(rates: NDArray[np.float64], step_s: int, known: tuple[int, ...] | None = None) -> Past:
    """What the members are given of rates (n,) in requests/s; NaN = not observed.

    known   seasons found before, in steps; None = they are searched for here.
    """
    y = np.where(np.isfinite(rates) & (rates >= 0), rates, np.nan).astype(np.float64)[-MAX_STEPS:]
    seen = np.flatnonzero(~np.isnan(y))
    if seen.size < MIN_SEEN:
        return Past(np.empty(0), 1.0, step_s)
    y = filled(y[seen[0] :], step_s)
    # The mean of what is there; an absurd value makes the rest small, not the arithmetic overflow.
    scale = float(np.abs(y).mean()) or 1.0
    y = y / scale
    if known is None:
        likely = tuple(whole_steps(each, step_s) for each in (HOUR_S, DAY_S, WEEK_S))
        known = tuple(period for period in seasons(y, likely) if not _part_of_week(period, *likely[1:]))
    return Past(y, scale, step_s, tuple(period for period in known if 2 * period <= y.size))


def _part_of_week(period: int, day: int, week: int) -> bool:
    """Whether a period longer than a day goes into a week, the nearest to it that so few weeks may show."""
    parts = week / period
    return bool(day) and day < period < 0.75 * week and abs(parts - round(parts)) < 0.1


def whole_steps(period_s: int, step_s: int) -> int:
    """Steps of a period; 0 where it is no whole number of them, or one."""
    whole, rest = divmod(period_s, step_s)
    return whole if rest == 0 and whole > 1 else 0


def filled(y: NDArray[np.float64], step_s: int) -> NDArray[np.float64]:
    """Y (n,) without NaN; its first value is no NaN.  After its last observed step a level goes on."""
    missing = np.isnan(y)
    if not missing.any():
        return y
    n, at = y.size, np.arange(y.size)
    out = y.copy()
    out[missing] = np.interp(at[missing], at[~missing], y[~missing])
    day = DAY_S // step_s
    if DAY_S % step_s == 0 and n > day:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2):
            if (end - first) * step_s > SHORT_S:
                for i in range(max(first, day), end):
                    out[i] = out[i - day]
    return out
