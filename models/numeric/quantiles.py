"""Quantiles of a rate with bursts: a baseline distribution with probability 1 − b, else a burst rate."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mixture_quantiles(
    point_rates: NDArray[np.float32], point_weights: NDArray[np.float32], levels: Array
) -> NDArray[np.float32]:
    """(s, q) quantiles at `levels` of a mixture of a baseline distribution and bursts, non-decreasing.

        F(x) = (1 − b) · F₀(x) + Σ w · [x ≥ r],   b = Σ w

    F₀ is linear between the baseline quantiles; r, w are the burst rates and their weights.  F is inverted
    linearly between all points.  A row of NaN rates gives NaN.

    point_rates    (s, q + m) requests/s: the baseline quantiles at `levels` (q,), then the m burst rates r
    point_weights  (s, q + m) the weight of each; rows sum to 1

    A baseline of 10, 20 or 30 requests/s, and a burst to 100 with probability 0.2:

    >>> levels = np.array([0.25, 0.5, 0.75])
    >>> rates = np.array([[10, 20, 30, 100]], np.float32)
    >>> mixture_quantiles(rates, np.array([[1 / 3, 1 / 3, 1 / 3, 0]], np.float32), levels).tolist()
    [[10.0, 20.0, 30.0]]
    >>> mixture_quantiles(rates, np.array([[0.3, 0.25, 0.25, 0.2]], np.float32), levels).round(1).tolist()
    [[12.5, 25.0, 82.5]]
    """
    q = len(levels)
    out = np.maximum.accumulate(point_rates[:, :q], axis=1)
    bursts = point_weights[:, q:].sum(axis=1) > 0
    if bursts.any():
        out[bursts] = _inverted(out[bursts], point_rates[bursts, q:], point_weights[bursts, q:], levels)
    return out


def _inverted(
    baseline: NDArray[np.float32],
    burst_rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    levels: Array,
) -> NDArray[np.float32]:
    """(s, q) the inverse of F at `levels`, of baseline quantiles (s, q), burst rates and weights (s, m)."""
    points = np.sort(np.concatenate([baseline, burst_rates], axis=1), axis=1).astype(np.float64)
    reached = weights[:, np.newaxis, :] * (burst_rates[:, np.newaxis, :] <= points[:, :, np.newaxis])
    cdf = (1 - weights.sum(axis=1, keepdims=True)) * _baseline_cdf(baseline, points, levels) + reached.sum(
        axis=2
    )
    rows, last = np.arange(len(points)), points.shape[1] - 1
    out = np.empty(baseline.shape, np.float32)
    for j, level in enumerate(levels):
        above = np.minimum((cdf < level).sum(axis=1), last)
        below = np.maximum(above - 1, 0)
        gap = cdf[rows, above] - cdf[rows, below]
        fraction = np.where(gap > 0, (level - cdf[rows, below]) / np.where(gap > 0, gap, 1.0), 1.0)
        low, high = points[rows, below], points[rows, above]
        out[:, j] = low + np.clip(fraction, 0, 1) * (high - low)
    return np.maximum.accumulate(out, axis=1)


def _baseline_cdf(baseline: NDArray[np.float32], points: Array, levels: Array) -> Array:
    """(s, p) F₀ at the points (s, p): linear between the baseline quantiles, constant outside of them."""
    n_below = (baseline[:, np.newaxis, :] <= points[:, :, np.newaxis]).sum(axis=2)
    below, last = np.clip(n_below - 1, 0, None), len(levels) - 1
    above = np.minimum(below + 1, last)
    low, high = (np.take_along_axis(baseline, i, axis=1).astype(np.float64) for i in (below, above))
    fraction = np.where(high > low, (points - low) / np.where(high > low, high - low, 1.0), 0.0)
    cdf = levels[below] + np.clip(fraction, 0, 1) * (levels[above] - levels[below])
    return np.where(n_below == 0, 0.0, cdf)
