"""MSTL: several seasons by local regression, and an autoregression of the residuals."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.fourier import ridge
from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import TrainingSeries

LAGS = 3
"""Lags of the autoregression.  Chosen by hand."""
MAX_SEASONS = 2
"""Seasons, the strongest: each one adds the time of the first.  Chosen by hand."""
ROUNDS = 2
"""Rounds in which each of several seasons is estimated without the others.  Chosen by hand."""


def mstl(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) the last cycle of each season again, and an autoregression of the residuals; NaN without a season.

    Local regressions are computed at some steps only and joined linearly, which is a hundred times quicker
    and differs in the fourth digit.  How many steps are skipped depends on the period, so each season has an
    STL of its own.  The method of Bandara, Hyndman and Bergmeir [bandara2021].
    """
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    # STL has no trend where the period is half the length.
    usable = [period for period in training.seasons if 2 * period < training.y.size]
    periods = sorted(usable[:MAX_SEASONS])
    if not periods:
        raise ValueError("no season")
    residuals, seasonals = training.y, [np.zeros(training.y.size) for _ in periods]
    for _ in range(ROUNDS if len(periods) > 1 else 1):
        for i, period in enumerate(periods):
            without_others = residuals + seasonals[i]
            seasonals[i] = _seasonal(without_others, period, 11 + 4 * i)
            residuals = without_others - seasonals[i]
    out = _residual_path(residuals, horizon)
    for period, seasonal in zip(periods, seasonals, strict=True):
        out += np.resize(seasonal[-period:], horizon)
    return out


def _seasonal(y: NDArray[np.float64], period: int, window: int) -> NDArray[np.float64]:
    """(n,) the season in y (n,), each phase smoothed over `window` cycles."""
    from statsmodels.tsa.seasonal import STL

    jump = max(1, period // 10)
    stl = STL(
        y,
        period=period,
        seasonal=window,
        seasonal_jump=max(1, period // 50),
        trend_jump=jump,
        low_pass_jump=jump,
    )
    return np.asarray(stl.fit().seasonal, np.float64)


def _residual_path(u: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """(h,) the autoregression of residuals u (n,) around a level, within their range."""
    n = u.size
    lagged = np.stack([np.ones(n - LAGS), *(u[LAGS - i : n - i] for i in range(1, LAGS + 1))], axis=1)
    coef = ridge(lagged, u[LAGS:], 1e-9)
    lags, out = u[: -LAGS - 1 : -1], np.empty(horizon)
    for j in range(horizon):
        out[j] = np.clip(coef[0] + coef[1:] @ lags, u.min(), u.max())
        lags = np.concatenate([out[j : j + 1], lags[:-1]])
    return out
