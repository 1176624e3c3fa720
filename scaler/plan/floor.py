"""The first pod of a Revision whose capacity is not known, and how likely a number of pods is too few.

What a floor is otherwise is a rule's: scaler.shadow.floors has the formula.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def shortage(
    pods: NDArray[np.int64], rates: Array, weights: Array, per_pod: float, dispersion: float = 1.0
) -> Array:
    """(n,) P(X > (N + ½)μτ) for N of `pods` (n,): the chance that one more pod would be at work.

    rates (p,) counts that are expected, with weights (p,); per_pod: μτ, requests that a pod takes meanwhile.
    As scaler.shadow.floors: of counts over D, their dispersion, X of mean λ is above x about as likely as a
    Gamma(x + 1/D) variable is below λ, whose cube root is nearly normal; and no likelier than λ / (x + 1/D).
    """
    from scipy.special import ndtr  # noqa: PLC0415  # 27 MB, and only people ask

    shape = ((pods + 0.5) * per_pod + 1)[:, np.newaxis] / dispersion
    part = rates / dispersion / shape
    z = 3 * np.sqrt(shape) * (np.cbrt(part) - 1 + 1 / (9 * shape))
    return np.asarray(np.minimum(ndtr(z), part) @ weights)


def worth_keeping_warm(
    rates: Array, weights: Array, *, worth: Array, startup_s: Array, period_s: float
) -> Array:
    """(r,) pod-seconds that the first pod saves in a period, less the period: kept when above 0.

        c · E[(1 − exp(−λT)) · (1 + λ·min(L, T))] − T

    T = the planning period, L = the start-up: the chance that anything comes times what would wait, against T
    pod-seconds.  rates, weights (r, p) requests/s and how likely each is; worth (r,) c; startup_s (r,) L.
    """
    some = -np.expm1(-rates * period_s)
    waiting = 1 + rates * np.minimum(startup_s, period_s)[:, np.newaxis]
    return np.asarray(worth * (some * waiting * weights).sum(axis=1) - period_s)
