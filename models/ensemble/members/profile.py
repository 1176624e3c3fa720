"""The daily profile: the median of the last days at the same time."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import DAY_S, TrainingSeries

DAYS = 7
"""Days that the median is over, at most."""


def profile(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) ŷ(t) = median of y(t − d days), d = 1..DAYS; NaN for a series of less than two days."""
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    day = training.steps(DAY_S)
    if not day:
        raise ValueError("no whole days")
    days = min(DAYS, training.y.size // day)
    shape = np.median(training.y[-days * day :].reshape(days, day), axis=0)
    return np.resize(shape, horizon)
