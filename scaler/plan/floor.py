"""The cheapest number of pods by expected cost, before anyone's bounds.

Rates λ of a window are known as quantiles.  Within it arrivals are counted over τ = max(S, 1 s), S the
service time: in that time a pod takes μτ requests, μ = capacity / S requests/s (capacity requests at once).
 Counts of τ seconds have mean λτ and variance D·λτ, D the dispersion (1 = Poisson).  Waits much shorter
 than a second are nothing that a
pod is worth.

One more pod than N costs a pod-second a second and saves the requests that come while N pods are full and N
+ 1 are not: about c·μ·P(X > (N + ½)μτ) pod-seconds, c = `worth` of one request not delayed.  So

    floor = the smallest N with P(X > (N + ½)μτ) ≤ 1 / (c'·μ)

a newsvendor's rule on the mixture of the rate's distribution and the spread within it.  c' = CATCH·c: the
KPA itself catches most of what a floor misses, within seconds.  For D = 1, P(X > x) is the chance that a
Gamma(x + 1) variable lies below the mean, and its cube root is nearly normal (Wilson & Hilferty, PNAS 17,
1931): off by a third in the far tail of means near 0, by a few percent elsewhere.  Other D scale the counts.

The first pod is another question, since with none every request until one has started is delayed.  It is
kept when

    c · E[(1 − exp(−λT)) · (1 + λ·min(L, T))]  >  T

T = the planning period, L = the start-up: the chance that anything comes times what would wait, against T
pod-seconds.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

CATCH = 0.3
"""Share of the requests a floor misses that stay delayed under the KPA; from replays of public traces."""
MOST = 100_000
"""No floor is above this many pods, whatever the forecast says."""


def level_weights(levels: Array) -> Array:
    """(q,) share of the distribution that each quantile stands for: half-way to its neighbours."""
    borders = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(borders)


def shortage(
    pods: NDArray[np.int64],
    rates: Array,
    weights: Array,
    *,
    per_pod: Array,
    counting_s: Array,
    dispersion: Array,
) -> Array:
    """(r,) P(X > (N + ½)μτ): the chance that one more pod than `pods` (r,) would be at work.

    rates (r, q) requests/s with weights (q,); per_pod (r,) requests/s that a pod takes; counting_s (r,) τ;
    dispersion (r,).
    """
    shape = (((pods + 0.5) * per_pod * counting_s + 1) / dispersion)[:, None]
    mean = rates * (counting_s / dispersion)[:, None]
    z = 3 * np.sqrt(shape) * (np.cbrt(mean / shape) - 1 + 1 / (9 * shape))
    return np.asarray(ndtr(z) @ weights)


def cheapest_floor(
    rates: Array,
    weights: Array,
    *,
    per_pod: Array,
    counting_s: Array,
    dispersion: Array,
    admissible: Array,
) -> NDArray[np.int32]:
    """(r,) pods by the rule above, from 0 where half a pod is enough; arguments as in `shortage`.

    admissible (r,): the probability 1 / (c'·μ); 1 or more: no pod is worth it.
    """
    # Beyond six deviations above the highest quantile nothing is left to save.
    mean = rates[:, -1] * counting_s
    top = mean + 6 * np.sqrt(dispersion * (mean + 1)) + 1
    low = np.zeros(len(per_pod), np.int64)
    high = np.minimum(np.ceil(top / (per_pod * counting_s)), MOST).astype(np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        short = shortage(
            middle, rates, weights, per_pod=per_pod, counting_s=counting_s, dispersion=dispersion
        )
        high = np.where(short <= admissible, middle, high)
        low = np.where(short <= admissible, low, np.minimum(middle + 1, high))
    return np.asarray(high, np.int32)


def worth_keeping_warm(
    rates: Array, weights: Array, *, worth: Array, startup_s: Array, period_s: float
) -> Array:
    """(r,) pod-seconds that the first pod saves in a period, less the period: kept when above 0."""
    some = -np.expm1(-rates * period_s)
    waiting = 1 + rates * np.minimum(startup_s, period_s)[:, None]
    return worth * ((some * waiting) @ weights) - period_s
