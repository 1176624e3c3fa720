"""What came in a step of many seconds, second by second: at random, with the step's count and dispersion.

Requests come in batches, each in one second, whichever it is.  Where Σ size² / Σ size over the batches is D,
so is variance over mean of the seconds; so batches of two sizes, the whole numbers beside D, have as many of
the requests as make D their mean.  Of the last batch only what is left comes.
"""

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]


def by_second(
    rng: np.random.Generator, counts: NDArray[np.float32], step_s: int, dispersion: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(l, n * step_s) requests of each second; what was not observed had none.

    counts (l, n) requests in each step; dispersion (l,) variance over mean within it, >= 1
    """
    known = np.nan_to_num(counts).astype(np.float64)
    whole = np.floor(known + rng.random(known.shape)).astype(np.int64)
    if step_s == 1:
        return whole.astype(np.float32)
    even = np.full(step_s, 1 / step_s)
    together = dispersion > 1
    if not together.any():
        spread = rng.multinomial(whole, even)
    else:
        spread = rng.multinomial(np.where(together[:, np.newaxis], 0, whole), even)
        for batches, size in _batches(rng, whole[together], dispersion[together, np.newaxis]):
            spread[together] += rng.multinomial(batches, even) * size[..., np.newaxis]
    return spread.reshape(len(counts), counts.shape[1] * step_s).astype(np.float32)


def _batches(
    rng: np.random.Generator, whole: Whole, dispersion: NDArray[np.float64]
) -> tuple[tuple[Whole, Whole], ...]:
    """Batches (l, n) and their sizes (l, n) or (l, 1) that make up `whole` (l, n): larger, smaller, last."""
    small = np.floor(dispersion).astype(np.int64)
    large = small + 1
    most = whole // large
    larger = np.minimum(np.floor(whole * (dispersion - small) / large + rng.random(whole.shape)), most)
    rest = whole - larger.astype(np.int64) * large
    smaller, last = np.divmod(rest, small)
    return (larger.astype(np.int64), large), (smaller, small), ((last > 0).astype(np.int64), last)
