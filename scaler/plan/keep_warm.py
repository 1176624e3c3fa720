"""Decide whether the first pod of a Revision saves more than it costs, where no rule decides it."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def keep_warm_gain(
    rates: Array, weights: Array, *, delay_cost: Array, startup_s: Array, period_s: float
) -> Array:
    """Return the gain (r,) of the first pod in one period: pod-seconds saved less pod-seconds held.

        c · E[(1 − exp(−λT)) · (1 + λ·min(L, T))] − T

    The expectation is the probability of any arrival times the requests that would wait without the pod.  A
    pod is kept where the gain is above 0.

    rates, weights   (r, p) λ, requests/s: point masses
    delay_cost       (r,) c, pod-seconds per delayed request
    startup_s        (r,) L, seconds
    period_s         T, seconds from one plan to the next
    """
    arrival_prob = -np.expm1(-rates * period_s)
    waiting = 1 + rates * np.minimum(startup_s, period_s)[:, np.newaxis]
    return np.asarray(delay_cost * (arrival_prob * waiting * weights).sum(axis=1) - period_s)
