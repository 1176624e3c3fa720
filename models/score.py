"""How good quantile forecasts were."""

import numpy as np
from numpy.typing import NDArray


def pinball(
    came: NDArray[np.float32], quantiles: NDArray[np.float32], levels: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Pinball loss, same shape as `quantiles`; the last axis is the level.  `came` has that axis missing or
    of 1.

    level·(y − q) where y > q, (1 − level)·(q − y) elsewhere.  Not doubled, as some libraries do.
    """
    over = came[..., None] - quantiles if came.ndim < quantiles.ndim else came - quantiles
    return np.asarray(np.maximum(levels * over, (levels - 1) * over), np.float32)


def coverage(came: NDArray[np.float32], quantiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """(..., q) share of `came` (n, ...) at or below `quantiles` (n, ..., q); NaN in `came` does not count."""
    seen = ~np.isnan(came)[..., None]
    below = (came[..., None] <= quantiles) & seen
    counted = np.maximum(seen.sum(axis=0), 1)
    return np.asarray(below.sum(axis=0) / counted, np.float64)
