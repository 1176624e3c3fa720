"""Holt-Winters with given constants, one step ahead, as a sum over the series.

Additive trend and season of m steps, from a start (l, b, s) of level, trend and m seasonals:

    l' = α (y - s[0]) + (1 - α)(l + b)      b' = β (l' - l) + (1 - β) b
    s[m]' = γ (y - l - b) + (1 - γ) s[0]    forecast = l + b + s[0], of the seasonals left

What statsmodels' ExponentialSmoothing forecasts with optimized=False and its start "estimated" (its
heuristic: Hyndman et al., Forecasting with Exponential Smoothing, section 2.6).  The recursion is linear in
start and series: with weights that depend on the number of steps n alone,

    forecast = L[n] l + B[n] b + Σ_j Z[n - j] s[j] + Σ_i W[n - 1 - i] y[i]

so that a forecast from n steps is two sums and no recursion, and is exact but for rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """The constants, and the season in steps: even, and 10 or more (shorter ones begin otherwise)."""

    alpha: float
    beta: float
    gamma: float
    season: int

    @property
    def announced_rate(self) -> int:
        """Steps from which a forecast can be made."""
        return 2 * self.season

    def cycles(self, n: int) -> int:
        """Seasons at the beginning of n steps that the start is read from."""
        return min(5, n // self.season)


@dataclass(frozen=True, eq=False)
class Start:
    """Where the recursion begins."""

    level: float
    trend: float
    seasonal: Floats
    """(m,)"""


@dataclass(frozen=True, eq=False)
class Weights:
    """What start and series weigh in a forecast from up to n steps."""

    level: Floats
    """(n + 1,) L"""
    trend: Floats
    """(n + 1,) B"""
    seasonal: Floats
    """(n + 1,) Z"""
    latest_last: Floats
    """(n,) W, reversed: the weight of the newest step is the last."""


def weights(smoothing: Smoothing, n: int) -> Weights:
    """Weights for series of up to n steps: the forecast's own row, taken through one step after another."""
    alpha, beta, gamma, m = smoothing.alpha, smoothing.beta, smoothing.gamma, smoothing.season
    level, trend, seasonal, series = [1.0], [1.0], [1.0], []
    for i in range(n):
        oldest = seasonal[i - m + 1] if i >= m - 1 else 0.0
        to_level = level[i] + beta * trend[i]
        series.append(alpha * to_level + gamma * oldest)
        level.append((1 - alpha) * to_level - beta * trend[i] - gamma * oldest)
        trend.append((1 - alpha) * to_level + (1 - beta) * trend[i] - gamma * oldest)
        seasonal.append(-alpha * to_level + (1 - gamma) * oldest)
    return Weights(np.array(level), np.array(trend), np.array(seasonal), np.array(series[::-1]))


def start(first: Floats, season: int) -> Start:
    """The start from whole seasons at the beginning of a series, two or more.

    Seasonals: what is left beside a centred moving average over a season, averaged by phase, mean 0.  Level
    and trend: the straight line through the first ten points of that average.
    """
    half = season // 2
    average = centred_average(np.concatenate([[0.0], np.cumsum(first)]), half, len(first) - half, season)
    rest = first[half : len(first) - half] - average
    return start_of(average[:10], rest.reshape(-1, season).mean(axis=0))


def centred_average(total: Floats, begin: int, end: int, season: int) -> Floats:
    """The mean of two windows of a season about each of the steps begin ... end - 1.

    total   (n + 1,) sums of the series before each step
    """
    half = season // 2
    before = total[begin + half : end + half] - total[begin - half : end - half]
    after = total[begin + half + 1 : end + half + 1] - total[begin - half + 1 : end - half + 1]
    return np.asarray((before + after) / (2 * season))


def start_of(average: Floats, rest: Floats) -> Start:
    """The start from the first ten points (10,) of the average, and what is left by phase.

    rest   (m,) of the steps half a season from the beginning, and on for a season
    """
    steps = np.arange(1, len(average) + 1)
    slope = float((steps - 5.5) @ average / 82.5)
    return Start(float(average.mean()) - 5.5 * slope, slope, np.roll(rest - rest.mean(), len(rest) // 2))


def one_ahead(series: Floats, begin: Start, by: Weights) -> float:
    """The forecast of the step after `series` (n,), n at least the season."""
    n, m = len(series), len(begin.seasonal)
    # Not as dot products: for so many numbers BLAS starts threads, which costs more than it saves.
    carried = (by.latest_last[len(by.latest_last) - n :] * series).sum()
    seasonal = (by.seasonal[n - m + 1 : n + 1][::-1] * begin.seasonal).sum()
    return float(by.level[n] * begin.level + by.trend[n] * begin.trend + seasonal + carried)
