"""Sines and cosines of day and week, as regressors."""

import numpy as np
from numpy.typing import NDArray

from models.slow.gaps import DAY_S, WEEK_S, Past

DAILY, WEEKLY = 8, 6
"""Harmonics of each."""


def waves(before: Past, horizon: int) -> NDArray[np.float64]:
    """(n + h, k) one, and the waves of what was seen twice; row n is the first step ahead."""
    at = np.arange(before.y.size + horizon)
    columns = [np.ones((at.size, 1))]
    for period_s, harmonics in ((DAY_S, DAILY), (WEEK_S, WEEKLY)):
        if before.y.size * before.step_s >= 2 * period_s:
            most = min(harmonics, max(1, period_s // before.step_s // 2 - 1))
            phases = np.outer(2 * np.pi * before.step_s / period_s * at, np.arange(1, most + 1))
            columns += [np.sin(phases), np.cos(phases)]
    return np.concatenate(columns, axis=1)


def ridge(x: NDArray[np.float64], y: NDArray[np.float64], strength: float = 1e-3) -> NDArray[np.float64]:
    """Coefficients (k, ...) of y (n, ...) on x (n, k); the strength is in rows, and spares no column."""
    gram = x.T @ x + strength * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, x.T @ y), np.float64)
