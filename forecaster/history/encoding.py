"""Encode rates in two bytes each, which halves the memory of weeks of history of a large fleet.

A code is the upper half of a float32 without its sign, its exponent counted from MIN_EXPONENT: the first ten
binary places of a rate, from 1e-7 to 2e12 requests/s.  A decoded rate differs from the encoded one by at most
1 part in 2048.  Whole numbers up to 2048, and their halves, quarters and so on, are exact.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNOBSERVED, ZERO, MIN_CODE, MAX_CODE = 0, 1, 2, 65535
"""Codes of "not observed", of no traffic, of the smallest and of the largest rate.  UNOBSERVED is 0, so that
a new array of zeros is not observed."""
DROPPED_BITS = 13
"""Binary places of a float32 that are dropped, of 23."""
MIN_EXPONENT = -23
"""The smallest rates are 2**MIN_EXPONENT requests/s."""
_OFFSET = (127 + MIN_EXPONENT) << (23 - DROPPED_BITS)


def pack(rates: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The codes of rates in requests/s, an array of the same shape.

    NaN, infinity and negative values become UNOBSERVED.  Rates outside the range become the smallest or the
    largest rate; only 0 becomes ZERO.

    >>> pack(np.array([0.0, 2.5, np.nan], np.float32))
    array([    1, 24832,     0], dtype=uint16)
    """
    bits = np.ascontiguousarray(rates, np.float32).view(np.int32)
    codes = ((bits + (1 << (DROPPED_BITS - 1))) >> DROPPED_BITS) - _OFFSET
    # A rate below the smallest one is still traffic.
    packed: NDArray[np.uint16] = np.clip(codes, MIN_CODE, MAX_CODE).astype(np.uint16)
    packed[rates == 0] = ZERO
    packed[~((rates >= 0) & (rates < np.inf))] = UNOBSERVED
    return packed


def unpack(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The rates of codes, an array of the same shape: requests/s, NaN = not observed.

    >>> unpack(pack(np.array([0.0, 2.5, 1 / 3, np.nan], np.float32)))
    array([0.        , 2.5       , 0.33325195,        nan], dtype=float32)
    """
    bits: NDArray[Any] = (codes.astype(np.int32) + _OFFSET) << DROPPED_BITS
    rates = bits.view(np.float32)
    rates[codes == ZERO] = 0
    rates[codes == UNOBSERVED] = np.nan
    return rates
