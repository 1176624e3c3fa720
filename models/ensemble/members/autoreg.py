"""AutoReg(3) with Fourier terms, lags and waves fitted together."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past
from models.ensemble.waves import waves

LAGS = 3


def autoreg(before: Past, horizon: int) -> NDArray[np.float64]:
    """ŷ(t) = Σᵢ φᵢ y(t−i) + β·x(t), by conditional least squares."""
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    from statsmodels.tsa.ar_model import AutoReg

    n, x = before.y.size, waves(before, horizon)
    fitted = AutoReg(before.y, LAGS, trend="n", exog=x[:n]).fit()
    return np.asarray(fitted.forecast(horizon, exog=x[n:]), np.float64)
