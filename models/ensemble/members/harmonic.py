"""Dynamic harmonic regression with autoregressive residuals, on rates and on logarithms: numpy alone."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.fourier import fourier_terms, ridge
from models.ensemble.safe_fit import MAX_EXPONENT, safe_forecast
from models.ensemble.training import TrainingSeries

LAGS = 3
"""Lags of the autoregression.  Chosen by hand."""


def plain(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) ŷ = β·x + û,  û(t) = Σᵢ φᵢ·u(t−i): least squares for β, then for φ [hyndman2021, §10.5].

    x are the Fourier terms, u the residuals of y on them.
    """
    return safe_forecast(_plain, training, horizon)


def logarithmic(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) as `plain`, of log(1 + requests per step): for traffic that grows and shrinks by factors."""
    return safe_forecast(_logarithmic, training, horizon)


def _plain(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    return harmonic_path(training, training.y, horizon)


def _logarithmic(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    requests = training.scale * training.step_s
    z = harmonic_path(training, np.log1p(training.y * requests), horizon)
    return np.asarray(np.expm1(np.minimum(z, MAX_EXPONENT)) / requests, np.float64)


def harmonic_path(training: TrainingSeries, y: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """(h,) the path of y (n,): β·x, plus residuals that decay by the autoregression."""
    x = fourier_terms(training, horizon)
    n = y.size
    beta = ridge(x[:n], y)
    u = y - x[:n] @ beta
    lagged = np.stack([u[LAGS - i : n - i] for i in range(1, LAGS + 1)], axis=1)
    phi = ridge(lagged, u[LAGS:], 1e-6 * float(u @ u) + 1e-12)
    max_u, lags = 3 * float(np.abs(u).max()), u[: -LAGS - 1 : -1]
    out = x[n:] @ beta
    for j in range(horizon):
        next_u = float(np.clip(phi @ lags, -max_u, max_u))
        out[j] += next_u
        lags = np.concatenate([[next_u], lags[:-1]])
    return np.asarray(out, np.float64)
