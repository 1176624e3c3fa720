"""The plain profile: the median of what was at this time on the last days."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import DAY_S, Past

DAYS = 7


def profile(before: Past, horizon: int) -> NDArray[np.float64]:
    """ŷ(t) = median of y(t − d days), d = 1..DAYS; says nothing before two days were seen."""
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    day = before.steps(DAY_S)
    if not day:
        raise ValueError("no whole days")
    days = min(DAYS, before.y.size // day)
    shape = np.median(before.y[-days * day :].reshape(days, day), axis=0)
    return np.resize(shape, horizon)
