"""Autoregression on the last steps and on the same time of the seasons before: numpy alone."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past
from models.ensemble.waves import ridge, waves

LAGS = 3


def seasonal_ar(before: Past, horizon: int) -> NDArray[np.float64]:
    """ŷ(t) by ridge on y(t−1..t−3), on y around t a season before, of each found, and on the waves.

    Where a shape repeats that waves are too smooth for, such as the edge of a school bell, the lags have it.
    Says nothing where no season was found.
    """
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    if not before.seasons:
        raise ValueError("no season")
    around = (period + beside for period in before.likely for beside in (-1, 0, 1, 2))
    lags = sorted({1, 2, 3, *around})
    n, first, x = before.y.size, max(lags), waves(before, horizon)
    y = np.concatenate([before.y, np.zeros(horizon)])
    design = np.concatenate(
        [x[first:n], np.stack([y[first - lag : n - lag] for lag in lags], axis=1)], axis=1
    )
    coef = ridge(design, y[first:n], 1.0)
    for j in range(n, n + horizon):
        following = float(x[j] @ coef[: x.shape[1]] + y[j - np.array(lags)] @ coef[x.shape[1] :])
        y[j] = min(max(following, 0.0), 2 * float(before.y.max()))
    return y[n:]
