"""The cheapest floors of a forecast at several prices, in compiled form.

Rates λ of a window are known as quantiles.  Within it arrivals are counted over τ = max(S, 1 s), S the
service time: in that time a pod takes μτ requests, μ = capacity / S requests/s (capacity requests at once).
Counts of τ seconds have mean λτ and variance D·λτ, D the dispersion (1 = Poisson).  Waits much shorter than a
second are nothing that a pod is worth.

One more pod than N costs a pod-second a second and saves the requests that come while N pods are full and
N + 1 are not: about c·μ·P(X > (N + ½)μτ) pod-seconds, c = what one request not delayed is worth.  So

    floor = the smallest N with P(X > (N + ½)μτ) ≤ 1 / (c·μ)

a newsvendor's rule on the mixture of the rate's distribution and the spread within it.  For D = 1,
P(X > x) is the chance that a Gamma(x + 1) variable lies below the mean, and its cube root is nearly normal
(Wilson & Hilferty, PNAS 17, 1931): off by a third in the far tail of means near 0, by a few percent
remote_or_local.  Other D scale the counts; for those a small mean would come out far too likely, so no chance is
above λτ / ((N + ½)μτ + 1), which no count of that mean exceeds (Markov).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled, compiled_loop

Array = NDArray[np.float64]

MAX_PODS = 100_000
"""No floor is above this many pods, whatever the forecast says."""
_FAR, _ROOT_2 = 6.0, math.sqrt(2.0)


def floors_over_time(
    rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    worths: NDArray[np.float64],
    *,
    per_pod: NDArray[np.float64],
    counting_s: NDArray[np.float64],
    dispersion: NDArray[np.float64],
) -> NDArray[np.int32]:
    """(s, n, c) pods by the rule above, from 0 where half a pod is enough; 0 where a rate is NaN.

    rates       (s, n, p) requests/s with weights (s, n, p): how high the window's peak may be
    worths      (c,) rising: what one request not delayed is worth, pod-seconds
    per_pod     (s,) μ, requests/s that a pod takes
    counting_s  (s,) τ; dispersion (s,) or (s, n) D
    """
    floors = np.zeros((*rates.shape[:2], len(worths)), np.int32)
    spread = np.broadcast_to(dispersion.reshape(len(dispersion), -1), rates.shape[:2])
    _all(rates, weights, worths, per_pod, counting_s, np.ascontiguousarray(spread), floors)
    return floors


def floors_at(
    rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    worths: NDArray[np.float64],
    *,
    per_pod: NDArray[np.float64],
    counting_s: NDArray[np.float64],
    dispersion: NDArray[np.float64],
) -> NDArray[np.int32]:
    """(r, c) pods at worths (r, c), rising, of each of r Revisions at one moment: the rule above.

    rates, weights   (r, p); the others (r,); 0 where a rate, per_pod or worth is no number
    """
    floors = np.zeros(worths.shape, np.int32)
    _each(rates, weights, worths, per_pod, counting_s, dispersion, floors)
    return floors


@compiled_loop
def _each(
    rates: Any, weights: Any, worths: Any, per_pod: Any, counting_s: Any, dispersion: Any, floors: Any
) -> None:
    roots = np.zeros(rates.shape[1])
    for r in range(rates.shape[0]):
        if math.isnan(rates[r, 0]) or not per_pod[r] > 0:
            continue
        mean, pod = 0.0, per_pod[r] * counting_s[r] / dispersion[r]
        for p in range(len(roots)):
            roots[p] = np.cbrt(rates[r, p] * counting_s[r] / dispersion[r])
            mean += weights[r, p] * rates[r, p]
        least = 0
        for c in range(worths.shape[1]):
            if not worths[r, c] > 0:
                continue
            guess = max(least, min(int(mean / per_pod[r]), MAX_PODS))
            admissible = 1.0 / (worths[r, c] * per_pod[r])
            least = min_adequate_pods(roots, weights[r], admissible, pod, 1 / dispersion[r], guess, least)
            floors[r, c] = least


@compiled_loop
def _all(
    rates: Any, weights: Any, worths: Any, per_pod: Any, counting_s: Any, dispersion: Any, floors: Any
) -> None:
    before = np.zeros(len(worths), np.int64)
    roots = np.zeros(rates.shape[2])
    for i in range(rates.shape[0]):
        before[:] = 0
        for j in range(rates.shape[1]):
            if math.isnan(rates[i, j, 0]):
                continue
            one = 1 / dispersion[i, j]
            pod = per_pod[i] * counting_s[i] * one
            for p in range(len(roots)):
                roots[p] = np.cbrt(rates[i, j, p] * counting_s[i] * one)
            least = 0
            for c in range(len(worths)):
                admissible = 1.0 / (worths[c] * per_pod[i])
                # A step's floor is near that of the step before, and above that of a lower worth.
                guess = max(least, before[c])
                least = min_adequate_pods(roots, weights[i, j], admissible, pod, one, guess, least)
                before[c] = least
                floors[i, j, c] = least


@compiled
def min_adequate_pods(
    roots: Any, weights: Any, admissible: float, pod: float, one: float, guess: int, least: int
) -> int:
    """The smallest N >= least whose shortage is admissible, looked for from `guess` on."""
    guess = min(guess, MAX_PODS)
    low, high, stride = least, guess, 1
    if shortage_prob(guess, roots, weights, pod, one) <= admissible:
        # Down, by longer and longer strides, until it is not admissible any more.
        while high > least:
            below = max(least, high - stride)
            if shortage_prob(below, roots, weights, pod, one) > admissible:
                low = below + 1
                break
            high = below
            stride *= 2
        if high == least:
            return least
    else:
        low = high = min(guess + 1, MAX_PODS)
        while high < MAX_PODS and shortage_prob(high, roots, weights, pod, one) > admissible:
            low = high + 1
            stride *= 2
            high = min(high + stride, MAX_PODS)
    while low < high:
        middle = (low + high) // 2
        if shortage_prob(middle, roots, weights, pod, one) <= admissible:
            high = middle
        else:
            low = middle + 1
    return high


@compiled
def shortage_prob(pods: int, roots: Any, weights: Any, pod: float, one: float) -> float:
    """P(X > (N + ½)μτ): the chance that one more pod than N would be at work.

    roots   (p,) cube roots of the means that are possible, with weights (p,); counts are over D here
    pod     μτ / D; one: 1 / D
    """
    shape = (pods + 0.5) * pod + one
    scale, total = 3 * math.sqrt(shape), 0.0
    slope, offset = scale / np.cbrt(shape), scale * (1 / (9 * shape) - 1)
    for p in range(len(roots)):
        z = slope * roots[p] + offset
        if z > _FAR:
            total += weights[p]
        elif z > -_FAR and weights[p] > 0:
            total += weights[p] * min(0.5 * math.erfc(-z / _ROOT_2), roots[p] ** 3 / shape)
    return total


def shortage_probs(
    pods: NDArray[np.int64], rates: Array, weights: Array, per_pod: float, dispersion: float = 1.0
) -> Array:
    """(n,) P(X > (N + ½)μτ) for N of `pods` (n,): the chance that one more pod would be at work.

    rates (p,) counts that are expected, with weights (p,); per_pod: μτ, requests that a pod takes meanwhile.
    As scaler.plan.newsvendor: of counts over D, their dispersion, X of mean λ is above x about as likely as a
    Gamma(x + 1/D) variable is below λ, whose cube root is nearly normal; and no likelier than λ / (x + 1/D).
    """
    from scipy.special import ndtr  # noqa: PLC0415  # 27 MB, and only people ask

    shape = ((pods + 0.5) * per_pod + 1)[:, np.newaxis] / dispersion
    part = rates / dispersion / shape
    z = 3 * np.sqrt(shape) * (np.cbrt(part) - 1 + 1 / (9 * shape))
    return np.asarray(np.minimum(ndtr(z), part) @ weights)
