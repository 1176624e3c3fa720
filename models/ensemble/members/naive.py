"""Naive methods: the last step, the recent level, or the same time a day, a week or a season before."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import no_forecast, safe_forecast
from models.ensemble.training import DAY_S, WEEK_S, TrainingSeries

HALF_LIFE_S = 1800.0
"""Seconds in which the weight of a step halves in the recent level.  Chosen by hand."""


def last(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the rate of the last step."""
    return safe_forecast(lambda series, h: np.full(h, series.y[-1]), training, horizon)


def level(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the level l(t) = l(t−1) + a·(y(t) − l(t−1)); a weight halves in HALF_LIFE_S, at least one step."""
    return safe_forecast(_level, training, horizon)


def day(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the same time of the day before; NaN for a series of less than two days."""
    return safe_forecast(lambda series, h: _repeated(series, series.steps(DAY_S), h), training, horizon)


def week(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the same time of the week before; NaN for a series of less than two weeks."""
    return safe_forecast(lambda series, h: _repeated(series, series.steps(WEEK_S), h), training, horizon)


def season(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the same time one season before, the longest that was detected; NaN without a season."""
    return safe_forecast(
        lambda series, h: _repeated(series, max(series.seasons, default=0), h), training, horizon
    )


def _level(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    decay = 0.5 ** (training.step_s / max(HALF_LIFE_S, training.step_s))
    weight = decay ** np.arange(training.y.size)[::-1]
    return np.full(horizon, training.y @ weight / weight.sum())


def _repeated(training: TrainingSeries, period: int, horizon: int) -> NDArray[np.float64]:
    return np.resize(training.y[-period:], horizon) if period else no_forecast(horizon)
