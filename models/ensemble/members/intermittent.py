"""TSB: the probability that a step has any traffic, and its size then, for services that are mostly idle."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries

PROB_GAIN, SIZE_GAIN = 0.05, 0.1
"""Smoothing parameters of the probability and of the size.  Chosen by hand."""


def tsb(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) ŷ = p·s: p is smoothed at every step, towards 1 or 0; s at steps with traffic, towards their rate.

    The method of Teunter, Syntetos and Babai [teunter2011].
    """
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    busy = training.y > 0
    p = _smoothed(busy.astype(np.float64), PROB_GAIN)
    s = _smoothed(training.y[busy], SIZE_GAIN) if busy.any() else 0.0
    return np.full(horizon, p * s)


def _smoothed(y: NDArray[np.float64], gain: float) -> float:
    """The last level of y (n,) by simple exponential smoothing that begins at its mean."""
    weight = (1 - gain) ** np.arange(y.size)[::-1]
    return float(gain * (weight @ y) + (1 - gain) ** y.size * y.mean())
