"""Autoregression on the last steps and on the same time of the days and weeks before: numpy alone."""

import numpy as np
from numpy.typing import NDArray

from models.slow.border import path
from models.slow.gaps import DAY_S, WEEK_S, Past
from models.slow.waves import ridge, waves

LAGS = 3


def seasonal_ar(rates: NDArray[np.float64], step_s: int, horizon: int) -> NDArray[np.float64]:
    """ŷ(t) by ridge on y(t−1..t−3), on y around t a day and a week before, and on the waves.

    Where a shape repeats that waves are too smooth for, such as the edge of a school bell, the lags have it.
    Says nothing before two days were seen.
    """
    return path(_fit, rates, step_s, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    periods = [period for period in (before.steps(DAY_S), before.steps(WEEK_S)) if period]
    if not periods:
        raise ValueError("no whole days")
    lags = [1, 2, 3, *(period + beside for period in periods for beside in (-1, 0, 1, 2))]
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
