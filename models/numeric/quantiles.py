"""Quantiles of a rate with bursts: usual quantiles with probability 1 − b, else one of some higher rates."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def quantiles(rates: NDArray[np.float32], weights: NDArray[np.float32], levels: Array) -> NDArray[np.float32]:
    """(s, q) non-decreasing in level.

        F(x) = (1 − b) · F₀(x) + Σ w · [x ≥ r],   b = Σ w

    F₀ is linear between the usual quantiles, and F is inverted linearly between all points.

    rates    (s, q + m) requests/s: the usual quantiles at `levels` (q,), then m rates r
    weights  (s, q + m) of each, rows sum to 1
    """
    q = len(levels)
    out = np.maximum.accumulate(rates[:, :q], axis=1)
    bursts = weights[:, q:].sum(axis=1) > 0
    if bursts.any():
        out[bursts] = _inverted(out[bursts], rates[bursts, q:], weights[bursts, q:], levels)
    return out


def _inverted(
    usual: NDArray[np.float32], higher: NDArray[np.float32], weights: NDArray[np.float32], levels: Array
) -> NDArray[np.float32]:
    points = np.sort(np.concatenate([usual, higher], axis=1), axis=1).astype(np.float64)
    share = weights[:, np.newaxis, :] * (higher[:, np.newaxis, :] <= points[:, :, np.newaxis])
    upto = (1 - weights.sum(axis=1, keepdims=True)) * _usual_share(usual, points, levels) + share.sum(axis=2)
    every, last = np.arange(len(points)), points.shape[1] - 1
    out = np.empty(usual.shape, np.float32)
    for j, level in enumerate(levels):
        at = np.minimum((upto < level).sum(axis=1), last)
        before = np.maximum(at - 1, 0)
        gap = upto[every, at] - upto[every, before]
        part = np.where(gap > 0, (level - upto[every, before]) / np.where(gap > 0, gap, 1.0), 1.0)
        low, high = points[every, before], points[every, at]
        out[:, j] = low + np.clip(part, 0, 1) * (high - low)
    return np.maximum.accumulate(out, axis=1)


def _usual_share(usual: NDArray[np.float32], points: Array, levels: Array) -> Array:
    """(s, p) F₀ at the points: linear between the quantiles, flat outside of them."""
    below = (usual[:, np.newaxis, :] <= points[:, :, np.newaxis]).sum(axis=2)
    at, last = np.clip(below - 1, 0, None), len(levels) - 1
    following = np.minimum(at + 1, last)
    low, high = (np.take_along_axis(usual, i, axis=1).astype(np.float64) for i in (at, following))
    part = np.where(high > low, (points - low) / np.where(high > low, high - low, 1.0), 0.0)
    share = levels[at] + np.clip(part, 0, 1) * (levels[following] - levels[at])
    return np.where(below == 0, 0.0, share)
