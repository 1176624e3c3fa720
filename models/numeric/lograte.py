"""Rates in logarithms: where traffic's ups and downs are alike by day and by night.

    z = log(r + r0),  r0 = half a request per step

so that a step without traffic has a finite place, half a request below the first one.
"""

import numpy as np
from numpy.typing import NDArray


def from_rate(rate: NDArray[np.float32], step_s: int) -> NDArray[np.float32]:
    """Logarithms of rates in requests/s that were means over `step_s` seconds; NaN stays NaN."""
    return np.asarray(np.log(rate + np.float32(0.5 / step_s)), np.float32)


def to_rate(z: NDArray[np.float32], step_s: int) -> NDArray[np.float32]:
    """Requests/s, at least 0."""
    return np.asarray(np.maximum(np.exp(z) - np.float32(0.5 / step_s), np.float32(0)), np.float32)
