"""Logarithms of rates: on this scale the variation of traffic by day and by night is alike.

    z = log(r + r0),  r0 = half a request per step

so that a step without traffic has a finite value, which is half a request below the smallest count.
"""

import numpy as np
from numpy.typing import NDArray


def from_rate(rate: NDArray[np.float32], step_s: int) -> NDArray[np.float32]:
    """Log rates z of rates in requests/s, each a mean over `step_s` seconds; NaN stays NaN."""
    return np.asarray(np.log(rate + np.float32(0.5 / step_s)), np.float32)


def to_rate(z: NDArray[np.float32], step_s: int) -> NDArray[np.float32]:
    """Rates in requests/s, at least 0, of log rates z; NaN stays NaN."""
    return np.asarray(np.maximum(np.exp(z) - np.float32(0.5 / step_s), np.float32(0)), np.float32)
