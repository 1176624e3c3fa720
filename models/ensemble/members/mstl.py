"""MSTL: seasons by local regression, and residuals that go on by themselves."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past
from models.ensemble.waves import ridge

LAGS = 3
MOST = 2
"""Seasons, the strongest: each costs as much again."""
ROUNDS = 2
"""Of several seasons each is found anew beside the others."""


def mstl(before: Past, horizon: int) -> NDArray[np.float64]:
    """The last season of each period again, and an autoregression of all that is beside them.

    Local regressions are computed only so often and joined by lines, which is a hundred times
    quicker and differs in the fourth digit: how often goes by the period, so each has its own STL.
    Says nothing where no season was found.
    Bandara, Hyndman & Bergmeir, MSTL, arXiv:2107.13462.
    """
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    # Of a period of half the length there is no trend.
    periods = sorted([period for period in before.seasons if 2 * period < before.y.size][:MOST])
    if not periods:
        raise ValueError("no season")
    left, found = before.y, [np.zeros(before.y.size) for _ in periods]
    for _ in range(ROUNDS if len(periods) > 1 else 1):
        for i, period in enumerate(periods):
            beside = left + found[i]
            found[i] = _seasonal(beside, period, 11 + 4 * i)
            left = beside - found[i]
    out = _residuals(left, horizon)
    for period, seasonal in zip(periods, found, strict=True):
        out += np.resize(seasonal[-period:], horizon)
    return out


def _seasonal(y: NDArray[np.float64], period: int, window: int) -> NDArray[np.float64]:
    """The season in y (n,), each phase smoothed over so many cycles."""
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


def _residuals(u: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """(h,) the autoregression of u (n,) around a level."""
    n = u.size
    lagged = np.stack([np.ones(n - LAGS), *(u[LAGS - i : n - i] for i in range(1, LAGS + 1))], axis=1)
    coef = ridge(lagged, u[LAGS:], 1e-9)
    lags, out = u[: -LAGS - 1 : -1], np.empty(horizon)
    for j in range(horizon):
        out[j] = np.clip(coef[0] + coef[1:] @ lags, u.min(), u.max())
        lags = np.concatenate([out[j : j + 1], lags[:-1]])
    return out
