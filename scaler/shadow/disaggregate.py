"""Draw the requests of every second from the count of a longer step, with a given dispersion.

Requests arrive in batches; each batch falls into one second at random.  If D = Σ size² / Σ size over the
batches, the requests of a second have variance D times their mean.  Batches of two sizes, the whole numbers
below and above D, share the requests such that their mean size is D.  The last batch has what remains.
"""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def by_second(
    rng: np.random.Generator, counts: NDArray[np.float32], step_s: int, dispersion: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the requests of every second: (l, n * step_s); 0 where the step was not observed.

    counts       (l, n) requests in each step; NaN = not observed
    dispersion   (l,) D, variance over mean of the requests of a second, >= 1

    >>> seconds = by_second(np.random.default_rng(7), np.array([[12, 0]], np.float32), 4, np.ones(1))
    >>> seconds.shape, seconds[0, :4].sum(), seconds[0, 4:].sum()
    ((1, 8), np.float32(12.0), np.float32(0.0))
    """
    observed = np.nan_to_num(counts).astype(np.float64)
    whole = np.floor(observed + rng.random(observed.shape)).astype(np.int64)
    if step_s == 1:
        return whole.astype(np.float32)
    even = np.full(step_s, 1 / step_s)
    batched = dispersion > 1
    if not batched.any():
        seconds = rng.multinomial(whole, even)
    else:
        seconds = rng.multinomial(np.where(batched[:, np.newaxis], 0, whole), even)
        for batches, size in _batches(rng, whole[batched], dispersion[batched, np.newaxis]):
            seconds[batched] += rng.multinomial(batches, even) * size[..., np.newaxis]
    return seconds.reshape(len(counts), counts.shape[1] * step_s).astype(np.float32)


def _batches(
    rng: np.random.Generator, whole: Counts, dispersion: NDArray[np.float64]
) -> tuple[tuple[Counts, Counts], ...]:
    """Return (number of batches, their size), (l, n) each, that sum to `whole`: larger, smaller, last."""
    small = np.floor(dispersion).astype(np.int64)
    large = small + 1
    max_larger = whole // large
    share = np.floor(whole * (dispersion - small) / large + rng.random(whole.shape))
    larger = np.minimum(share, max_larger)
    rest = whole - larger.astype(np.int64) * large
    smaller, last = np.divmod(rest, small)
    return (larger.astype(np.int64), large), (smaller, small), ((last > 0).astype(np.int64), last)
