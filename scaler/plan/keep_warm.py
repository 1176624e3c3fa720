"""The first pod of a Revision whose capacity is not known, and how likely a number of pods is too few.

What a floor is otherwise is a rule's: scaler.plan.newsvendor has the formula.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def keep_warm_gain(rates: Array, weights: Array, *, worth: Array, startup_s: Array, period_s: float) -> Array:
    """(r,) pod-seconds that the first pod saves in a period, less the period: kept when above 0.

        c · E[(1 − exp(−λT)) · (1 + λ·min(L, T))] − T

    T = the planning period, L = the start-up: the chance that anything comes times what would wait, against T
    pod-seconds.  rates, weights (r, p) requests/s and how likely each is; worth (r,) c; startup_s (r,) L.
    """
    some = -np.expm1(-rates * period_s)
    waiting = 1 + rates * np.minimum(startup_s, period_s)[:, np.newaxis]
    return np.asarray(worth * (some * waiting * weights).sum(axis=1) - period_s)
