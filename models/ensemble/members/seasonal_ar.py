"""Autoregression on the last steps and on the same time of previous seasons: numpy alone."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.fourier import fourier_terms, ridge
from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries

LAGS = (1, 2, 3)
"""Lags of the autoregression, in addition to those of the seasons.  Chosen by hand."""
SEASON_OFFSETS = (-1, 0, 1, 2)
"""Lags around each seasonal period, relative to it."""
MAX_GROWTH = 2
"""Upper bound of a step of the path, in maxima of the series, so that the recursion does not diverge.  Chosen
by hand."""


def seasonal_ar(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) ŷ(t) by ridge on y(t−1..t−3), on y around t one season before, and on Fourier terms.

    The seasonal lags carry shapes for which Fourier terms are too smooth, such as the edge of a school bell.
    NaN without a season.
    """
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    if not training.seasons:
        raise ValueError("no season")
    seasonal = (period + offset for period in training.assumed_seasons for offset in SEASON_OFFSETS)
    lags = sorted({*LAGS, *seasonal})
    n, first, x = training.y.size, max(lags), fourier_terms(training, horizon)
    y = np.concatenate([training.y, np.zeros(horizon)])
    design = np.concatenate(
        [x[first:n], np.stack([y[first - lag : n - lag] for lag in lags], axis=1)], axis=1
    )
    coef = ridge(design, y[first:n], 1.0)
    for j in range(n, n + horizon):
        value = float(x[j] @ coef[: x.shape[1]] + y[j - np.array(lags)] @ coef[x.shape[1] :])
        y[j] = min(max(value, 0.0), MAX_GROWTH * float(training.y.max()))
    return y[n:]
