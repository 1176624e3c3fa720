"""Counts of an export, as the arrivals of every second that a replay lives through.

* Steps of one second are used as they are.
* Longer ones are thinned: each request of a step falls on one of its seconds at random (multinomial).  In
  steps of 300 s and more the rate is linear between neighbours, so that there is no staircase.
* `dispersion` D > 1 draws requests together: the seconds of a step have weights of a gamma distribution of
  shape rate / (D - 1), so that the variance of a second's arrivals is about D times their mean
  (Dirichlet-multinomial).
* Traffic is scaled by superposing copies of the thinned requests, each request moved by up to 60 s: to
  multiply counts would multiply their noise.  For steps of 300 s and more, and for factors below 2, counts
  are multiplied all the same, and rounded at random.

What was not observed (NaN) has no arrivals, and does not count into the mean.
"""

import numpy as np
from numpy.typing import NDArray

COARSE_STEP_S = 300
"""From so long a step on, the rate within it is linear, and copies are not moved."""
MIN_COPIES = 2
"""Factors below it multiply counts."""
MOVED_S = 60
"""A copied request is moved by up to so much, to either side."""
_AT_ONCE = 500_000
"""Requests that are moved together: few enough for the cache."""


def source(seed: int, series: str) -> np.random.Generator:
    """The randomness of one series: it does not depend on which others are looked at."""
    return np.random.default_rng([seed, *series.encode()])


def observed(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m,) of (n,) counts: from the first step that was observed to the last."""
    at = np.flatnonzero(np.isfinite(counts))
    return counts[at[0] : at[-1] + 1] if len(at) else counts[:0]


def arrivals_by_second(
    counts: NDArray[np.float32],
    step_s: int,
    rng: np.random.Generator,
    *,
    scale_to: float | None = None,
    dispersion: float = 1.0,
) -> NDArray[np.float32]:
    """Requests in each second: (n * step_s,).

    counts       (n,) requests in each step, >= 0; NaN = not observed
    scale_to     mean requests/s to scale to; None: as they are.  Traffic without a request stays so
    dispersion   variance of a second's arrivals over their mean, >= 1; 1 = Poisson
    """
    factor = _factor(counts, step_s, scale_to)
    if factor < MIN_COPIES or step_s >= COARSE_STEP_S:
        scaled = counts if factor == 1 else _rounded(counts * factor, rng)
        return _thinned(scaled, step_s, rng, dispersion).astype(np.float32)
    thinned = _rounded(_thinned(counts, step_s, rng, 1.0), rng)
    moved = superposed(thinned.astype(np.int64), factor, rng)
    if dispersion > 1 and step_s > 1:
        # Copies that are moved lose what draws requests together; so the spread is drawn last.
        steps = moved.reshape(-1, step_s).sum(axis=1).astype(float)
        return _thinned(steps, step_s, rng, dispersion).astype(np.float32)
    return moved.astype(np.float32)


def superposed(requests: NDArray[np.int64], copies: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """`copies` of the requests of each second, every one moved by up to MOVED_S: (n,).

    Of a broken number of copies the last has each request with the probability of the rest.  What is moved
    out at an end is mirrored at it, so that no request is lost.
    """
    whole = int(copies)
    many = whole * requests + rng.binomial(requests, copies - whole)
    n, upto = len(many), np.cumsum(many)
    padded = np.zeros(n + 2 * MOVED_S, np.int64)
    first = 0
    while first < n:
        before = upto[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(upto, before + _AT_ONCE, "right")))
        at = np.repeat(np.arange(last - first), many[first:last])
        at += rng.integers(0, 2 * MOVED_S, size=len(at), dtype=np.uint8, endpoint=True)
        padded[first : last + 2 * MOVED_S] += np.bincount(at, minlength=last - first + 2 * MOVED_S)
        first = last
    total = padded[MOVED_S : MOVED_S + n]
    mirrored = np.minimum(np.arange(MOVED_S), n - 1)
    np.add.at(total, mirrored, padded[:MOVED_S][::-1])
    np.add.at(total, n - 1 - mirrored, padded[MOVED_S + n :])
    return total


def _factor(counts: NDArray[np.float32], step_s: int, scale_to: float | None) -> float:
    seen = float(np.nansum(counts, dtype=np.float64))
    if scale_to is None or seen == 0:
        return 1.0
    return scale_to * float(np.isfinite(counts).sum()) * step_s / seen


def _thinned(
    counts: NDArray[np.floating], step_s: int, rng: np.random.Generator, dispersion: float
) -> NDArray[np.float64]:
    """(n * step_s,) requests of (n,) counts.  Steps of a second keep what they have, whole or not."""
    known = np.nan_to_num(counts.astype(np.float64))
    if step_s == 1:
        return known
    whole = _rounded(known, rng).astype(np.int64)
    weights = _linear(counts, step_s) if step_s >= COARSE_STEP_S else np.ones((len(counts), step_s))
    weights /= weights.sum(axis=1, keepdims=True)
    if dispersion > 1:
        weights = _gathered(weights, whole, rng, dispersion)
    return rng.multinomial(whole, weights).reshape(-1).astype(np.float64)


def _linear(counts: NDArray[np.floating], step_s: int) -> NDArray[np.float64]:
    """(n, step_s) rates at the middle of each second, linear between the middles of the observed steps."""
    seen = np.flatnonzero(np.isfinite(counts))
    if not len(seen):
        return np.ones((len(counts), step_s))
    rates = np.interp(np.arange(len(counts) * step_s) + 0.5, (seen + 0.5) * step_s, counts[seen])
    rates = rates.reshape(-1, step_s)
    rates[rates.sum(axis=1) == 0] = 1.0
    return np.asarray(rates, float)


def _gathered(
    weights: NDArray[np.float64], whole: NDArray[np.int64], rng: np.random.Generator, dispersion: float
) -> NDArray[np.float64]:
    """(n, step_s) weights drawn around `weights`; where all drawn are 0, one second has everything."""
    drawn = rng.standard_gamma(weights * whole[:, None] / (dispersion - 1))
    nothing = drawn.sum(axis=1) == 0
    drawn[nothing, rng.integers(weights.shape[1], size=int(nothing.sum()))] = 1.0
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def _rounded(values: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float64]:
    """Whole numbers, NaN as it is: up with the probability of what is behind the point."""
    down = np.floor(values)
    return np.asarray(down + (rng.random(len(values)) < values - down), float)
