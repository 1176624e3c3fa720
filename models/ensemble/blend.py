"""One forecast out of several: what members said of the past tells how far each is off, and whom to follow.

Of every member at every horizon and level, on the square roots of rates,

    q_m(h, l) = (√p_m(h) + quantile of (√came − √said) at l)²

with the errors of all origins known by then, those of neighbouring horizons among them.  Then

    q(h, l) = Σ_m w_m(h, l) · q_m(h, l),   w_m ∝ exp(−EAGERNESS · (L_m / min L − 1)),

L_m the pinball loss of q_m at origins known by then, discounted.  Errors of traffic grow with it, but slower
than it: a square root makes them alike by day and by night, and needs no constant where there is none.

Averages of quantiles: Lichtendahl, Grushka-Cockayne & Winkler, Management Science 59 (2013).  Exponential
weights: Cesa-Bianchi & Lugosi, Prediction, Learning, and Games (2006), ch. 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = np.array([0.5, 0.9, 0.95, 0.99])
EAGERNESS = 15.0
MEMORY_S = 5 * 86400.0
"""A loss counts half after this long."""
MIN_ORIGINS = 12
"""Past origins without which a member's errors are not known."""
GROWTH = 1.1
"""Quantiles of errors are read anew when there are so many times more of them."""


@dataclass(frozen=True, eq=False)
class Told:
    """What members said, and what came.

    at    (k,) origins in steps of one grid, ascending: the first step that was not known.
    said  (k, m, h) requests/s; NaN where a member said nothing.
    came  (k, h) requests/s; NaN = not observed, or not yet.
    """

    at: NDArray[np.int64]
    said: NDArray[np.float64]
    came: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blend:
    """What comes of it, at every origin with only what was known there.

    quantiles  (k, l, h) requests/s at LEVELS, non-decreasing in l; NaN where nothing can be said.
    mean       (k, h) requests/s: the members' paths in the mean of their weights.
    weights    (k, m) the weights, mean over horizons and levels.
    loss       (k,) pinball loss of the blend, mean over horizons and levels, requests/s; NaN = not known.
    losses     (k, m) of every member alone.
    """

    quantiles: NDArray[np.float64]
    mean: NDArray[np.float64]
    weights: NDArray[np.float64]
    loss: NDArray[np.float64]
    losses: NDArray[np.float64]


def blend(told: Told, step_s: int) -> Blend:
    """The blend at every origin of `told`; the last may be now, of which nothing has come."""
    k, m, horizon = told.said.shape
    by_member = member_quantiles(told)  # (k, m, l, h)
    lost = pinball(told.came[:, None, None, :], by_member)
    quantiles = np.full((k, LEVELS.size, horizon), np.nan)
    mean, weights = np.full((k, horizon), np.nan), np.zeros((k, m))
    so_far = _Lost(np.zeros(lost.shape[1:]), np.zeros(lost.shape[1:]), 0)
    for i in range(k):
        so_far = so_far.until(told, lost, i, step_s)
        w = so_far.weights() * ~np.isnan(by_member[i])
        total = w.sum(axis=0)
        if (total > 0).all():
            w /= total
            quantiles[i] = np.maximum.accumulate((w * np.nan_to_num(by_member[i])).sum(axis=0), axis=0)
            mean[i] = (w.mean(axis=1) * np.nan_to_num(told.said[i])).sum(axis=0)
            weights[i] = w.mean(axis=(1, 2))
    loss = _mean(pinball(told.came[:, None, :], quantiles), (1, 2))
    return Blend(quantiles, mean, weights, loss, _mean(lost, (2, 3)))


def member_quantiles(told: Told) -> NDArray[np.float64]:
    """(k, m, l, h) quantiles of every member at every origin, from the errors known there."""
    k, m, horizon = told.said.shape
    errors = np.sqrt(told.came)[:, None, :] - np.sqrt(told.said)
    out, offsets, used = np.full((k, m, LEVELS.size, horizon), np.nan), None, 0
    for i in range(k):
        known = int(np.searchsorted(told.at, told.at[i] - horizon, side="right"))
        if known >= max(MIN_ORIGINS, min(GROWTH * used, used + 48)) and known > used:
            offsets, used = _offsets(errors[:known]), known
        if offsets is not None:
            root = np.sqrt(told.said[i])[:, None, :] + offsets
            out[i] = np.maximum(root, 0) ** 2
    return out


def pinball(came: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loss (..., l, h) of quantiles at LEVELS when (..., 1, h) came; NaN where either is not known."""
    over = came - quantiles
    levels = LEVELS[:, None]
    return np.asarray(np.maximum(levels * over, (levels - 1) * over), np.float64)


def _offsets(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, l, h) quantiles at LEVELS of errors (k, m, h), neighbouring horizons taken together."""
    _, m, horizon = errors.shape
    out = np.full((m, LEVELS.size, horizon), np.nan)
    for h in range(horizon):
        reach = 1 + h // 4
        near = errors[:, :, max(0, h - reach) : h + reach + 1].transpose(1, 0, 2).reshape(m, -1)
        near = np.sort(near, axis=1)  # NaN last
        seen = (~np.isnan(near)).sum(axis=1)
        at = LEVELS * np.maximum(seen - 1, 0)[:, None]  # (m, l)
        low = np.floor(at).astype(np.intp)
        below = np.take_along_axis(near, low, axis=1)
        above = np.take_along_axis(near, np.minimum(low + 1, np.maximum(seen - 1, 0)[:, None]), axis=1)
        out[:, :, h] = below + (at - low) * (above - below)
    return out


@dataclass(frozen=True, eq=False)
class _Lost:
    """Discounted sums (m, l, h) of losses, and of how many there were, of the first `known` origins."""

    total: NDArray[np.float64]
    seen: NDArray[np.float64]
    known: int

    def until(self, told: Told, lost: NDArray[np.float64], i: int, step_s: int) -> "_Lost":
        """The sums as known at the i-th origin."""
        known = int(np.searchsorted(told.at, told.at[i] - told.came.shape[1], side="right"))
        keep = 0.5 ** ((told.at[i] - told.at[max(i - 1, 0)]) * step_s / MEMORY_S)
        total, seen = keep * self.total, keep * self.seen
        for j in range(self.known, known):
            total += np.nan_to_num(lost[j])
            seen += ~np.isnan(lost[j])
        return _Lost(total, seen, max(known, self.known))

    def weights(self) -> NDArray[np.float64]:
        """(m, l, h) how members count; before losses are known all count the same."""
        if not self.seen.any():
            return np.ones(self.seen.shape)
        seen, total = _near(self.seen), _near(self.total)
        # One that spoke at a few origins only was not compared with the others.
        loss = np.where(seen >= 0.5 * seen.max(axis=0), total / np.maximum(seen, 1e-12), np.inf)
        least = loss.min(axis=0)
        tiny = 1e-9 * (1 + least)
        return np.asarray(np.exp(-EAGERNESS * ((loss + tiny) / (least + tiny) - 1)), np.float64)


def _near(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums (m, l, h) over neighbouring horizons, which are better known together than each alone."""
    horizon = values.shape[2]
    reached = [values[:, :, max(0, h - 3 - h // 4) : h + 4 + h // 4].sum(axis=2) for h in range(horizon)]
    return np.stack(reached, axis=2)


def _mean(values: NDArray[np.float64], axis: tuple[int, ...]) -> NDArray[np.float64]:
    """The mean of what is known along `axis`; NaN where nothing is."""
    seen = (~np.isnan(values)).sum(axis=axis)
    total = np.nan_to_num(values).sum(axis=axis)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
