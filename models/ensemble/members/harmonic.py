"""Dynamic harmonic regression with autoregressive residuals, plain and in logarithms: numpy alone."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past
from models.ensemble.waves import ridge, waves

LAGS = 3


def plain(before: Past, horizon: int) -> NDArray[np.float64]:
    """ŷ = β·x + û,  û(t) = Σᵢ φᵢ u(t−i): least squares for β, then for φ.

    Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., §10.5.
    """
    return path(_plain, before, horizon)


def logarithmic(before: Past, horizon: int) -> NDArray[np.float64]:
    """The same of log(1 + requests of a step): for what grows and shrinks by factors."""
    return path(_logarithmic, before, horizon)


def _plain(before: Past, horizon: int) -> NDArray[np.float64]:
    return harmonic_path(before, before.y, horizon)


def _logarithmic(before: Past, horizon: int) -> NDArray[np.float64]:
    requests = before.scale * before.step_s
    z = harmonic_path(before, np.log1p(before.y * requests), horizon)
    return np.asarray(np.expm1(np.minimum(z, 700)) / requests, np.float64)


def harmonic_path(before: Past, y: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """(h,) of y (n,): the waves, and residuals that die away."""
    x = waves(before, horizon)
    n = y.size
    coef = ridge(x[:n], y)
    u = y - x[:n] @ coef
    lagged = np.stack([u[LAGS - i : n - i] for i in range(1, LAGS + 1)], axis=1)
    phi = ridge(lagged, u[LAGS:], 1e-6 * float(u @ u) + 1e-12)
    most, lags = 3 * float(np.abs(u).max()), u[: -LAGS - 1 : -1]
    out = x[n:] @ coef
    for j in range(horizon):
        following = float(np.clip(phi @ lags, -most, most))
        out[j] += following
        lags = np.concatenate([[following], lags[:-1]])
    return np.asarray(out, np.float64)
