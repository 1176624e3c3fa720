"""What was goes on: the last step, the last hour, the same time a day, a week or a season before."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import nothing, path
from models.ensemble.gaps import DAY_S, WEEK_S, Past

HALF_LIFE_S = 1800.0


def last(before: Past, horizon: int) -> NDArray[np.float64]:
    """The last step goes on."""
    return path(lambda known, h: np.full(h, known.y[-1]), before, horizon)


def level(before: Past, horizon: int) -> NDArray[np.float64]:
    """l(t) = l(t−1) + a·(y(t) − l(t−1)); a weight halves in HALF_LIFE_S, at least one step."""
    return path(_level, before, horizon)


def day(before: Past, horizon: int) -> NDArray[np.float64]:
    """The same time of the day before; says nothing before two days were seen."""
    return path(lambda known, h: _repeated(known, known.steps(DAY_S), h), before, horizon)


def week(before: Past, horizon: int) -> NDArray[np.float64]:
    """The same time of the week before; says nothing before two weeks were seen."""
    return path(lambda known, h: _repeated(known, known.steps(WEEK_S), h), before, horizon)


def season(before: Past, horizon: int) -> NDArray[np.float64]:
    """What was one season before, the longest of those found; says nothing where none was."""
    return path(lambda known, h: _repeated(known, max(known.seasons, default=0), h), before, horizon)


def _level(before: Past, horizon: int) -> NDArray[np.float64]:
    keep = 0.5 ** (before.step_s / max(HALF_LIFE_S, before.step_s))
    weight = keep ** np.arange(before.y.size)[::-1]
    return np.full(horizon, before.y @ weight / weight.sum())


def _repeated(before: Past, period: int, horizon: int) -> NDArray[np.float64]:
    return np.resize(before.y[-period:], horizon) if period else nothing(horizon)
