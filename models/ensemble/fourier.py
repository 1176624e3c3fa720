"""Fourier terms of the seasons, as regressors, and ridge regression on them."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.training import TrainingSeries

HARMONICS = (8, 6, 6, 6, 6)
"""Harmonics of each season, the strongest season first, at most.  Chosen by hand."""


def fourier_terms(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(n + h, k) ones, then sines and cosines of the assumed seasons; row n is the first step ahead."""
    step = np.arange(training.y.size + horizon)
    columns = [np.ones((step.size, 1))]
    for period, max_harmonics in zip(training.assumed_seasons, HARMONICS, strict=False):
        phases = np.outer(2 * np.pi / period * step, np.arange(1, min(max_harmonics, period // 2) + 1))
        columns += [np.sin(phases), np.cos(phases)]
    return np.concatenate(columns, axis=1)


def ridge(x: NDArray[np.float64], y: NDArray[np.float64], strength: float = 1e-3) -> NDArray[np.float64]:
    """Coefficients (k, ...) of y (n, ...) on x (n, k), by ridge regression that shrinks all columns alike.

    strength   weight of the penalty, in squared regressors
    """
    gram = x.T @ x + strength * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, x.T @ y), np.float64)
