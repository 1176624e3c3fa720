"""Rates in two bytes each: weeks of a large fleet are most of what it keeps, and need no seven digits.

A code is the upper half of a float32 without its sign, its exponent counted from OCTAVE: the first ten binary
places of a rate, from 1e-7 to 2e12 requests/s.  What is unpacked differs by at most 1 part in 2048 from what
was packed; whole numbers up to 2048 and their halves, quarters and so on are exact.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSEEN, NOTHING, MIN_CODE, MAX_CODE = 0, 1, 2, 65535
"""Codes of not observed and of no traffic, and of the lowest and the highest rate.  UNSEEN is 0, so that what
was never written says it."""
DROPPED = 13
"""Of the 23 binary places of a float32."""
OCTAVE = -23
"""The lowest rates are 2**OCTAVE requests/s."""
_OFFSET = (127 + OCTAVE) << (23 - DROPPED)


def pack(rates: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Codes of rates (any shape) in requests/s.  What cannot be a rate is not observed."""
    bits = np.ascontiguousarray(rates, np.float32).view(np.int32)
    codes = ((bits + (1 << (DROPPED - 1))) >> DROPPED) - _OFFSET
    # A rate below the lowest is no lull.
    packed: NDArray[np.uint16] = np.clip(codes, MIN_CODE, MAX_CODE).astype(np.uint16)
    packed[rates == 0] = NOTHING
    packed[~((rates >= 0) & (rates < np.inf))] = UNSEEN
    return packed


def unpack(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """(same shape) requests/s; NaN = not observed."""
    bits: NDArray[Any] = (codes.astype(np.int32) + _OFFSET) << DROPPED
    rates = bits.view(np.float32)
    rates[codes == NOTHING] = 0
    rates[codes == UNSEEN] = np.nan
    return rates
