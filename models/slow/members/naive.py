"""What was goes on: the last step, the last hour, the same time a day or a week before."""

import numpy as np
from numpy.typing import NDArray

from models.slow.border import nothing, path
from models.slow.gaps import DAY_S, WEEK_S, Past

HALF_LIFE_S = 1800.0


def last(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """The last step goes on."""
    return path(lambda before, h: np.full(h, before.y[-1]), rates, step_s, horizon)


def level(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """l(t) = l(t−1) + a·(y(t) − l(t−1)); a weight halves in HALF_LIFE_S, at least one step."""
    return path(_level, rates, step_s, horizon)


def day(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """The same time of the day before; says nothing before two days were seen."""
    return path(lambda before, h: _season(before, DAY_S, h), rates, step_s, horizon)


def week(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """The same time of the week before; says nothing before two weeks were seen."""
    return path(lambda before, h: _season(before, WEEK_S, h), rates, step_s, horizon)


def _level(before: Past, horizon: int) -> NDArray[np.float64]:
    keep = 0.5 ** (before.step_s / max(HALF_LIFE_S, before.step_s))
    weight = keep ** np.arange(before.y.size)[::-1]
    return np.full(horizon, before.y @ weight / weight.sum())


def _season(before: Past, period_s: int, horizon: int) -> NDArray[np.float64]:
    period = before.steps(period_s)
    return np.resize(before.y[-period:], horizon) if period else nothing(horizon)
