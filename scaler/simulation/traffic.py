"""Requests per step, as an export has them, to arrivals per second, as a replay needs them.

* Steps of one second are used unchanged.
* Longer steps are thinned: each request of a step falls into one of its seconds at random (multinomial).  In
  steps of COARSE_STEP_S and more, the rate is linear between neighbouring steps, to avoid a staircase.
* `dispersion` D > 1 bunches requests: the seconds of a step have gamma weights of shape rate / (D - 1), so
  that the variance of a second's arrivals is about D times their mean (Dirichlet-multinomial).
* Traffic is scaled up by superposing copies of the thinned requests, each request moved by up to MAX_MOVE_S:
  multiplied counts would have multiplied noise.  Only for steps of COARSE_STEP_S and more, and for factors
  below MIN_COPIES, counts are multiplied, and rounded at random.

A step that was not observed (NaN) has no arrivals and does not count towards the mean.
"""

import numpy as np
from numpy.typing import NDArray

COARSE_STEP_S = 300
"""Seconds; in steps of this length and longer, the rate is linear, and copies are not moved.

This constant and the next two are fixed: they are part of the definition of a backtest."""
MIN_COPIES = 2
"""Smaller factors multiply counts instead of superposing copies."""
MAX_MOVE_S = 60
"""Seconds by which a copied request is moved at most, in both directions."""
_CHUNK_REQUESTS = 500_000
"""Requests that are moved together: few enough for the processor's cache.  Chosen by hand."""


def series_rng(seed: int, series: str) -> np.random.Generator:
    """Return the random generator of one series; it depends only on the seed and the name of the series."""
    return np.random.default_rng([seed, *series.encode()])


def observed_span(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the counts (n,) from the first observed step to the last: (m,); NaN = not observed."""
    observed = np.flatnonzero(np.isfinite(counts))
    return counts[observed[0] : observed[-1] + 1] if len(observed) else counts[:0]


def arrivals_by_second(
    counts: NDArray[np.float32],
    step_s: int,
    rng: np.random.Generator,
    *,
    scale_to: float | None = None,
    dispersion: float = 1.0,
) -> NDArray[np.float32]:
    """Return the requests in each second: (n * step_s,).

    counts       (n,) requests in each step, >= 0; NaN = not observed
    scale_to     mean requests/s to scale to; None: do not scale.  Traffic without requests stays without
    dispersion   variance of a second's arrivals over their mean, >= 1; 1 = Poisson
    """
    factor = _factor(counts, step_s, scale_to)
    if factor < MIN_COPIES or step_s >= COARSE_STEP_S:
        scaled = counts if factor == 1 else _rounded(counts * factor, rng)
        return _thinned(scaled, step_s, rng, dispersion).astype(np.float32)
    thinned = _rounded(_thinned(counts, step_s, rng, 1.0), rng)
    moved = superpose(thinned.astype(np.int64), factor, rng)
    if dispersion > 1 and step_s > 1:
        # Moving copies removes the bunching of requests; therefore seconds are drawn again at the end.
        steps = moved.reshape(-1, step_s).sum(axis=1).astype(float)
        return _thinned(steps, step_s, rng, dispersion).astype(np.float32)
    return moved.astype(np.float32)


def superpose(requests: NDArray[np.int64], copies: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `copies` of the requests (n,) of each second, each request moved by up to MAX_MOVE_S: (n,).

    If `copies` is not whole, its fraction is the probability with which the last copy has each request.  A
    request moved beyond an end is mirrored there, so that no request is lost.
    """
    whole = int(copies)
    copied = whole * requests + rng.binomial(requests, copies - whole)
    n, cumulative = len(copied), np.cumsum(copied)
    padded = np.zeros(n + 2 * MAX_MOVE_S, np.int64)
    first = 0
    while first < n:
        previous = cumulative[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(cumulative, previous + _CHUNK_REQUESTS, "right")))
        moved = np.repeat(np.arange(last - first), copied[first:last])
        moved += rng.integers(0, 2 * MAX_MOVE_S, size=len(moved), dtype=np.uint8, endpoint=True)
        padded[first : last + 2 * MAX_MOVE_S] += np.bincount(moved, minlength=last - first + 2 * MAX_MOVE_S)
        first = last
    total = padded[MAX_MOVE_S : MAX_MOVE_S + n]
    mirrored = np.minimum(np.arange(MAX_MOVE_S), n - 1)
    np.add.at(total, mirrored, padded[:MAX_MOVE_S][::-1])
    np.add.at(total, n - 1 - mirrored, padded[MAX_MOVE_S + n :])
    return total


def _factor(counts: NDArray[np.float32], step_s: int, scale_to: float | None) -> float:
    requests = float(np.nansum(counts, dtype=np.float64))
    if scale_to is None or requests == 0:
        return 1.0
    return scale_to * float(np.isfinite(counts).sum()) * step_s / requests


def _thinned(
    counts: NDArray[np.floating], step_s: int, rng: np.random.Generator, dispersion: float
) -> NDArray[np.float64]:
    """Return the requests per second (n * step_s,) of counts (n,); steps of one second stay unchanged."""
    known = np.nan_to_num(counts.astype(np.float64))
    if step_s == 1:
        return known
    whole = _rounded(known, rng).astype(np.int64)
    weights = _linear(counts, step_s) if step_s >= COARSE_STEP_S else np.ones((len(counts), step_s))
    weights /= weights.sum(axis=1, keepdims=True)
    if dispersion > 1:
        weights = _dispersed(weights, whole, rng, dispersion)
    return rng.multinomial(whole, weights).reshape(-1).astype(np.float64)


def _linear(counts: NDArray[np.floating], step_s: int) -> NDArray[np.float64]:
    """Return (n, step_s) rates at the middle of each second, linear between the middles of observed steps."""
    observed = np.flatnonzero(np.isfinite(counts))
    if not len(observed):
        return np.ones((len(counts), step_s))
    rates = np.interp(np.arange(len(counts) * step_s) + 0.5, (observed + 0.5) * step_s, counts[observed])
    rates = rates.reshape(-1, step_s)
    rates[rates.sum(axis=1) == 0] = 1.0
    return np.asarray(rates, float)


def _dispersed(
    weights: NDArray[np.float64], whole: NDArray[np.int64], rng: np.random.Generator, dispersion: float
) -> NDArray[np.float64]:
    """Return (n, step_s) gamma weights with mean `weights`; where all are 0, one second gets everything."""
    gamma = rng.standard_gamma(weights * whole[:, None] / (dispersion - 1))
    empty = gamma.sum(axis=1) == 0
    gamma[empty, rng.integers(weights.shape[1], size=int(empty.sum()))] = 1.0
    return np.asarray(gamma / gamma.sum(axis=1, keepdims=True))


def _rounded(values: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return whole numbers, rounded up with the probability of the fraction; NaN stays NaN."""
    down = np.floor(values)
    return np.asarray(down + (rng.random(len(values)) < values - down), float)
