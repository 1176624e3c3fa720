"""The blend: one forecast from several members, by their past errors and losses.

For every member m at every horizon h and level l, on the square roots of rates,

    q_m(h, l) = (√p_m(h) + quantile at l of (√actual − √forecast))²

with p_m the path of the member and the errors of all origins whose actual rates are known by then, those of
neighbouring horizons among them.  Then

    q(h, l) = Σ_m w_m(h, l) · q_m(h, l),   w_m ∝ exp(−LEARNING_RATE · (L_m / min L − 1)),

with L_m the discounted pinball loss of q_m at origins known by then.  Errors of traffic grow with it, but
more slowly: on the square root they are alike by day and by night, and no constant is needed where there is
no traffic.

Averages of quantiles: [lichtendahl2013].  Exponential weights: [cesabianchi2006], ch. 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = np.array([0.5, 0.9, 0.95, 0.99])
LEARNING_RATE = 15.0
"""Log of the factor by which the weight of a member falls if its loss is twice the smallest.  Chosen by
hand."""
MEMORY_S = 5 * 86400.0
"""Seconds in which the weight of a loss halves.  Chosen by hand."""
MIN_ORIGINS = 12
"""Past origins without which the errors of a member are not known.  Chosen by hand."""
GROWTH, MAX_NEW_ORIGINS = 1.1, 48
"""The quantiles of errors are read again when there are GROWTH times as many errors, or MAX_NEW_ORIGINS more.
Chosen by hand."""


@dataclass(frozen=True, eq=False)
class RollingForecasts:
    """The forecasts of members at several origins, and the actual rates.

    origins   (k,) steps of one grid, ascending: the first step that was not known.
    forecast  (k, m, h) requests/s; NaN where a member has no forecast.
    actual    (k, h) requests/s; NaN = not observed, or not yet.
    """

    origins: NDArray[np.int64]
    forecast: NDArray[np.float64]
    actual: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blend:
    """The blend at every origin, each from what was known at that origin alone.

    quantiles  (k, l, h) requests/s at LEVELS, non-decreasing in l; NaN where there is no forecast.
    mean       (k, h) requests/s: the members' paths, averaged with their mean weights.
    weights    (k, m) the weights, mean over horizons and levels.
    loss       (k,) pinball loss of the blend, mean over horizons and levels, requests/s; NaN = not known.
    losses     (k, m) the same of every member.
    """

    quantiles: NDArray[np.float64]
    mean: NDArray[np.float64]
    weights: NDArray[np.float64]
    loss: NDArray[np.float64]
    losses: NDArray[np.float64]


def blend(rolling: RollingForecasts, step_s: int) -> Blend:
    """The blend at every origin of `rolling`; the last origin may be now, with no actual rates yet.

    Two members, the first of which is right and the second twice as high; at the last origin the actual rate
    is not known yet:

    >>> actual = np.array([[4.0], [9.0]] * 20)
    >>> forecast = np.stack([actual, 2 * actual], axis=1)
    >>> actual[-1] = np.nan
    >>> blended = blend(RollingForecasts(np.arange(40), forecast, actual), step_s=300)
    >>> blended.weights[-1].round(3).tolist()
    [1.0, 0.0]
    >>> blended.mean[-1].round(3).tolist()
    [9.0]
    """
    k, m, horizon = rolling.forecast.shape
    by_member = member_quantiles(rolling)  # (k, m, l, h)
    losses = pinball(rolling.actual[:, None, None, :], by_member)
    quantiles = np.full((k, LEVELS.size, horizon), np.nan)
    mean, weights = np.full((k, horizon), np.nan), np.zeros((k, m))
    discounted = _DiscountedLoss(np.zeros(losses.shape[1:]), np.zeros(losses.shape[1:]), 0)
    for i in range(k):
        discounted = discounted.until(rolling, losses, i, step_s)
        w = discounted.weights() * ~np.isnan(by_member[i])
        total = w.sum(axis=0)
        if (total > 0).all():
            w /= total
            quantiles[i] = np.maximum.accumulate((w * np.nan_to_num(by_member[i])).sum(axis=0), axis=0)
            mean[i] = (w.mean(axis=1) * np.nan_to_num(rolling.forecast[i])).sum(axis=0)
            weights[i] = w.mean(axis=(1, 2))
    loss = _mean(pinball(rolling.actual[:, None, :], quantiles), (1, 2))
    return Blend(quantiles, mean, weights, loss, _mean(losses, (2, 3)))


def member_quantiles(rolling: RollingForecasts) -> NDArray[np.float64]:
    """(k, m, l, h) quantiles of every member at every origin, from the errors known there; NaN = unknown."""
    k, m, horizon = rolling.forecast.shape
    errors = np.sqrt(rolling.actual)[:, None, :] - np.sqrt(rolling.forecast)
    out, offsets, used = np.full((k, m, LEVELS.size, horizon), np.nan), None, 0
    for i in range(k):
        known = int(np.searchsorted(rolling.origins, rolling.origins[i] - horizon, side="right"))
        if known >= max(MIN_ORIGINS, min(GROWTH * used, used + MAX_NEW_ORIGINS)) and known > used:
            offsets, used = _offsets(errors[:known]), known
        if offsets is not None:
            root = np.sqrt(rolling.forecast[i])[:, None, :] + offsets
            out[i] = np.maximum(root, 0) ** 2
    return out


def pinball(actual: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., l, h) pinball loss of quantiles at LEVELS, for actual rates (..., 1, h); NaN stays NaN."""
    excess = actual - quantiles
    levels = LEVELS[:, None]
    return np.asarray(np.maximum(levels * excess, (levels - 1) * excess), np.float64)


def _offsets(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, l, h) quantiles at LEVELS of errors (k, m, h), those of neighbouring horizons pooled."""
    _, m, horizon = errors.shape
    out = np.full((m, LEVELS.size, horizon), np.nan)
    for h in range(horizon):
        reach = 1 + h // 4
        pooled = errors[:, :, max(0, h - reach) : h + reach + 1].transpose(1, 0, 2).reshape(m, -1)
        pooled = np.sort(pooled, axis=1)  # NaN last
        known = (~np.isnan(pooled)).sum(axis=1)
        position = LEVELS * np.maximum(known - 1, 0)[:, None]  # (m, l)
        low = np.floor(position).astype(np.intp)
        below = np.take_along_axis(pooled, low, axis=1)
        above = np.take_along_axis(pooled, np.minimum(low + 1, np.maximum(known - 1, 0)[:, None]), axis=1)
        out[:, :, h] = below + (position - low) * (above - below)
    return out


@dataclass(frozen=True, eq=False)
class _DiscountedLoss:
    """Discounted sums (m, l, h) of losses and of their number, over the first `known` origins."""

    total: NDArray[np.float64]
    count: NDArray[np.float64]
    known: int

    def until(
        self, rolling: RollingForecasts, losses: NDArray[np.float64], i: int, step_s: int
    ) -> "_DiscountedLoss":
        """The sums over all losses (k, m, l, h) that are known at the i-th origin."""
        origins, horizon = rolling.origins, rolling.actual.shape[1]
        known = int(np.searchsorted(origins, origins[i] - horizon, side="right"))
        decay = 0.5 ** ((origins[i] - origins[max(i - 1, 0)]) * step_s / MEMORY_S)
        total, count = decay * self.total, decay * self.count
        for j in range(self.known, known):
            total += np.nan_to_num(losses[j])
            count += ~np.isnan(losses[j])
        return _DiscountedLoss(total, count, max(known, self.known))

    def weights(self) -> NDArray[np.float64]:
        """(m, l, h) weights of the members, not normalised; all equal before any loss is known."""
        if not self.count.any():
            return np.ones(self.count.shape)
        count, total = _pool_horizons(self.count), _pool_horizons(self.total)
        # A member with forecasts at few origins was not compared with the others.
        loss = np.where(count >= 0.5 * count.max(axis=0), total / np.maximum(count, 1e-12), np.inf)
        min_loss = loss.min(axis=0)
        tiny = 1e-9 * (1 + min_loss)
        return np.asarray(np.exp(-LEARNING_RATE * ((loss + tiny) / (min_loss + tiny) - 1)), np.float64)


def _pool_horizons(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums (m, l, h) over neighbouring horizons, which are known better together than each alone."""
    horizon = values.shape[2]
    sums = [values[:, :, max(0, h - 3 - h // 4) : h + 4 + h // 4].sum(axis=2) for h in range(horizon)]
    return np.stack(sums, axis=2)


def _mean(values: NDArray[np.float64], axis: tuple[int, ...]) -> NDArray[np.float64]:
    """The mean along `axis` without NaN; NaN where all values are NaN."""
    known = (~np.isnan(values)).sum(axis=axis)
    total = np.nan_to_num(values).sum(axis=axis)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)
