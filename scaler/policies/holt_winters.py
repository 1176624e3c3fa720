"""Holt-Winters with given constants: the forecast one step ahead as a weighted sum of the series.

Additive trend and season of m steps, from an initial state (l, b, s) of level, trend and m seasonals
[hyndman2008]:

    l' = α (y - s[0]) + (1 - α)(l + b)      b' = β (l' - l) + (1 - β) b
    s[m]' = γ (y - l - b) + (1 - γ) s[0]    forecast = l + b + s[0], with the seasonals after the last step

It equals the forecast of statsmodels' ExponentialSmoothing with optimized=False and the initialization
"estimated" (a heuristic: [hyndman2008], section 2.6).  The recursion is linear in initial state and series.
With weights that depend on the number of steps n alone,

    forecast = L[n] l + B[n] b + Σ_j Z[n - j] s[j] + Σ_i W[n - 1 - i] y[i]

so that a forecast from n steps needs two sums and no recursion, and is exact except for rounding.  In code:
α alpha, β beta, γ gamma, m season, L level, B trend, Z seasonal, W latest_last (reversed).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """The smoothing constants, and the season in steps.

    The season is even and has 10 steps or more: statsmodels initializes shorter seasons in another way.
    """

    alpha: float
    beta: float
    gamma: float
    season: int

    @property
    def min_steps(self) -> int:
        """Number of steps from which a forecast is possible."""
        return 2 * self.season

    def initial_seasons(self, n: int) -> int:
        """Return the number of seasons at the start of n steps that give the initial state."""
        return min(5, n // self.season)


@dataclass(frozen=True, eq=False)
class SmoothingState:
    """A state of the recursion."""

    level: float
    trend: float
    seasonal: Floats
    """(m,)"""


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of initial state and series in a forecast from up to n steps."""

    level: Floats
    """(n + 1,) L"""
    trend: Floats
    """(n + 1,) B"""
    seasonal: Floats
    """(n + 1,) Z"""
    latest_last: Floats
    """(n,) W, reversed: the last weight is that of the newest step."""


def weights(smoothing: Smoothing, n: int) -> Weights:
    """Return the weights for series of up to n steps: the row of the forecast, propagated step by step."""
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


def initial_state(first: Floats, season: int) -> SmoothingState:
    """Return the initial state from the first whole seasons of a series, two or more.

    Seasonals: the residual from a centred moving average over a season, averaged by phase, with mean 0.
    Level and trend: the straight line through the first ten points of that average.
    """
    half = season // 2
    average = centred_average(np.concatenate([[0.0], np.cumsum(first)]), half, len(first) - half, season)
    residual = first[half : len(first) - half] - average
    return state_from_average(average[:10], residual.reshape(-1, season).mean(axis=0))


def centred_average(cumulative: Floats, first: int, end: int, season: int) -> Floats:
    """Return the mean of two windows of a season around each of the steps first ... end - 1.

    cumulative   (n + 1,) sum of the series before each step
    """
    half = season // 2
    early = cumulative[first + half : end + half] - cumulative[first - half : end - half]
    late = cumulative[first + half + 1 : end + half + 1] - cumulative[first - half + 1 : end - half + 1]
    return np.asarray((early + late) / (2 * season))


def state_from_average(average: Floats, residual: Floats) -> SmoothingState:
    """Return the initial state from the moving average and its residuals by phase.

    average    (10,) the first points of the moving average
    residual   (m,) mean residual of the step half a season from the start, and of the m - 1 steps after it
    """
    steps = np.arange(1, len(average) + 1)
    slope = float((steps - 5.5) @ average / 82.5)
    seasonal = np.roll(residual - residual.mean(), len(residual) // 2)
    return SmoothingState(float(average.mean()) - 5.5 * slope, slope, seasonal)


def forecast_next(series: Floats, initial: SmoothingState, by: Weights) -> float:
    """Return the forecast of the step after `series` (n,), where n is at least one season."""
    n, m = len(series), len(initial.seasonal)
    # No dot products: for so many numbers BLAS starts threads, which costs more than they save.
    carried = (by.latest_last[len(by.latest_last) - n :] * series).sum()
    seasonal = (by.seasonal[n - m + 1 : n + 1][::-1] * initial.seasonal).sum()
    return float(by.level[n] * initial.level + by.trend[n] * initial.trend + seasonal + carried)
