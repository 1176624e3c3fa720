"""Sines and cosines of the seasons found, as regressors."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.gaps import Past

HARMONICS = (8, 6, 6, 6, 6)
"""Of each season, the strongest first."""


def waves(before: Past, horizon: int) -> NDArray[np.float64]:
    """(n + h, k) one, and the waves of its seasons; row n is the first step ahead."""
    at = np.arange(before.y.size + horizon)
    columns = [np.ones((at.size, 1))]
    for period, most in zip(before.likely, HARMONICS, strict=False):
        phases = np.outer(2 * np.pi / period * at, np.arange(1, min(most, period // 2) + 1))
        columns += [np.sin(phases), np.cos(phases)]
    return np.concatenate(columns, axis=1)


def ridge(x: NDArray[np.float64], y: NDArray[np.float64], strength: float = 1e-3) -> NDArray[np.float64]:
    """Coefficients (k, ...) of y (n, ...) on x (n, k); the strength is in rows, and spares no column."""
    gram = x.T @ x + strength * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, x.T @ y), np.float64)
