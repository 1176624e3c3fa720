"""The level since its last shift, and the seasons: the level before a shift is forgotten at once."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.safe_fit import MAX_EXPONENT, safe_forecast
from models.ensemble.training import TrainingSeries

MIN_LOG_RATIO = 12.0
"""Twice the log likelihood ratio of a shift, beyond 2·log of the number of steps where it may be.  Chosen by
hand."""
MIN_STEPS = 4
"""Steps on each side of a shift, at least."""
SEARCH_S, MIN_SEARCH_STEPS = 4 * 86400, 64
"""Newest seconds, and at least steps, in which shifts are searched for: the level is at most as old.  Chosen
by hand."""
MEDIAN_STEPS = 49
"""Width in steps of the running median that estimates the level.  Chosen by hand."""


def level_shift(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    """(h,) log(1 + ŷ) = l + s(t), with l the mean since the last shift and s the seasonal medians by phase.

    The seasons are removed one after the other: what remains after the day may be the season of the week.

    A shift is where the means before and after it differ most for their number of steps:
    n₁·n₂/(n₁+n₂)·(m₁−m₂)²/σ², with σ² the variance of a step times (1+ρ)/(1−ρ), as steps are autocorrelated.
    The search is repeated in the steps after it.  The test is that of Hawkins [hawkins1977].
    """
    return safe_forecast(_fit, training, horizon)


def _fit(training: TrainingSeries, horizon: int) -> NDArray[np.float64]:
    requests = training.scale * training.step_s
    u = np.log1p(training.y * requests)
    n, v, s = u.size, u, np.zeros(u.size + horizon)
    for period in training.seasons:
        cycle = np.resize(_seasonal_medians(v, period), n + horizon)
        v, s = v - cycle[:n], s + cycle
    searched = max(SEARCH_S // training.step_s, MIN_SEARCH_STEPS)
    first = n - min(n, searched) + last_shift(v[-searched:])
    level = float(v[first:].mean())
    fitted = np.expm1(np.minimum(level + s, MAX_EXPONENT))
    # The mean of logs is not the log of the mean.
    bias = float((training.y[first:] * requests).sum()) / max(float(fitted[first:n].sum()), 1e-12)
    return np.asarray(fitted[n:] * np.clip(bias, 0.5, 2.0) / requests, np.float64)


def last_shift(v: NDArray[np.float64]) -> int:
    """The first step after the last shift of v (n,); 0 where there is none."""
    first, variance = 0, _variance(v)
    while v.size - first >= 2 * MIN_STEPS:
        part = v[first:]
        n2 = np.arange(part.size - MIN_STEPS, MIN_STEPS - 1, -1)
        total = np.cumsum(part[::-1])
        m2 = total[n2 - 1] / n2
        m1 = (total[-1] - total[n2 - 1]) / (part.size - n2)
        ratio = n2 * (part.size - n2) / part.size * (m1 - m2) ** 2 / variance
        best = int(np.argmax(ratio))
        if ratio[best] < MIN_LOG_RATIO + 2 * np.log(part.size):
            break
        first += part.size - int(n2[best])
    return first


def _variance(v: NDArray[np.float64]) -> float:
    """σ²: the variance of one step of v (n,) around its level, without autocorrelation; robust to shifts."""
    d = np.diff(v)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(v, MEDIAN_STEPS // 2, mode="reflect"), MEDIAN_STEPS
    )
    r = v - np.median(windows, axis=1)
    rho = float(np.clip(r[1:] @ r[:-1] / max(float(r @ r), 1e-300), 0.0, 0.9))
    robust = (1.4826 * float(np.median(np.abs(d)))) ** 2 / (2 * (1 - rho))
    variance = max(robust, 0.25 * float(r.var()), 1e-12)
    return variance * (1 + rho) / (1 - rho)


def _seasonal_medians(u: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """(period,) medians by phase over the cycles of u (n,), each relative to its level; phase 0 is step 0."""
    cycles = u.size // period
    folded = u[u.size - cycles * period :].reshape(cycles, period)
    shape = np.median(folded - np.median(folded, axis=1, keepdims=True), axis=0)
    return np.roll(shape - shape.mean(), (u.size - cycles * period) % period)
