"""AutoReg(3) with Fourier terms: lags and regressors fitted together."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.fourier import fourier_terms
from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries

LAGS = 3
"""Lags of the autoregression.  Chosen by hand."""


def autoreg(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) ŷ(t) = Σᵢ φᵢ·y(t−i) + β·x(t) with x the Fourier terms, by conditional least squares."""
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.ar_model import AutoReg

    n, x = training.y.size, fourier_terms(training, horizon)
    fitted = AutoReg(training.y, LAGS, trend="n", exog=x[:n]).fit()
    return np.asarray(fitted.forecast(horizon, exog=x[n:]), np.float64)
