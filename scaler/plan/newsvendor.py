"""Compute floors of least expected cost (newsvendor problem), in compiled form.

The rate λ of a window is known as point masses: `rates` with `weights`.  Arrivals are counted over
τ = `counting_s` = max(service time, 1 s).  In that time a pod serves μτ requests, with μ = `per_pod` =
capacity / service time, in requests/s.  Counts of τ seconds have mean λτ and variance D·λτ, with D the
`dispersion` (1 = Poisson).  A pod is not worth waits that are much shorter than a second.

One pod more than N costs a pod-second per second.  It saves the requests that arrive while N pods are full
and N + 1 pods are not: about c·μ·P(X > (N + ½)μτ) pod-seconds, with c the delay cost at which the floor is
sized (`sizing_delay_cost`, pod-seconds per delayed request; the underage cost).  Therefore

    floor = smallest N with P(X > (N + ½)μτ) <= 1 / (c·μ)

The right side is `max_shortage_prob`, the left side `shortage_prob`.  X has the mixture of the distribution
of the rate and of the counts given the rate.  For D = 1, P(X > x) is the probability that a Gamma(x + 1)
variable is below the mean, and the cube root of that variable is nearly normal [wilson1931]: the error is a
third in the far tail of means near 0 and a few percent elsewhere.  Another D scales the counts.  Small means
would then be far too likely, so no probability exceeds λτ / ((N + ½)μτ + 1), the bound of Markov.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled, compiled_loop
from scaler.plan.bounds import MAX_PODS

Array = NDArray[np.float64]

_FAR = 6.0
"""Standard deviations beyond which a probability counts as 0 or 1."""
_ROOT_2 = math.sqrt(2.0)


def floors_over_time(
    rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    sizing_delay_costs: Array,
    *,
    per_pod: Array,
    counting_s: Array,
    dispersion: Array,
) -> NDArray[np.int32]:
    """Return the floors of s services at n moments and c delay costs: (s, n, c) pods; 0 where a rate is NaN.

    rates, weights       (s, n, p) requests/s: point masses of the peak of the window
    sizing_delay_costs   (c,) rising: pod-seconds per delayed request
    per_pod              (s,) μ, requests/s that a pod serves
    counting_s           (s,) τ, seconds
    dispersion           (s,) or (s, n) D
    """
    floors = np.zeros((*rates.shape[:2], len(sizing_delay_costs)), np.int32)
    by_moment = np.broadcast_to(dispersion.reshape(len(dispersion), -1), rates.shape[:2])
    _fill_over_time(
        rates, weights, sizing_delay_costs, per_pod, counting_s, np.ascontiguousarray(by_moment), floors
    )
    return floors


def floors_at(
    rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    sizing_delay_costs: Array,
    *,
    per_pod: Array,
    counting_s: Array,
    dispersion: Array,
) -> NDArray[np.int32]:
    """Return the floors of r Revisions at one moment: (r, c) pods; 0 where an input is NaN.

    rates, weights       (r, p) requests/s: point masses of the peak of the window
    sizing_delay_costs   (r, c) rising in c: pod-seconds per delayed request
    per_pod, counting_s, dispersion   (r,) as in `floors_over_time`

    >>> one, certain = np.ones(1), np.ones((1, 1), np.float32)
    >>> floors_at(
    ...     np.array([[40.0]], np.float32), certain, np.array([[1.0, 30.0, 300.0]]),
    ...     per_pod=4 * one, counting_s=one, dispersion=one,
    ... )
    array([[11, 14, 15]], dtype=int32)
    """
    floors = np.zeros(sizing_delay_costs.shape, np.int32)
    _fill_at(rates, weights, sizing_delay_costs, per_pod, counting_s, dispersion, floors)
    return floors


@compiled_loop
def _fill_at(
    rates: Any, weights: Any, delay_costs: Any, per_pod: Any, counting_s: Any, dispersion: Any, floors: Any
) -> None:
    roots = np.zeros(rates.shape[1])
    for r in range(rates.shape[0]):
        if math.isnan(rates[r, 0]) or not per_pod[r] > 0:
            continue
        mean, pod_count = 0.0, per_pod[r] * counting_s[r] / dispersion[r]
        for p in range(len(roots)):
            roots[p] = np.cbrt(rates[r, p] * counting_s[r] / dispersion[r])
            mean += weights[r, p] * rates[r, p]
        pods = 0
        for c in range(delay_costs.shape[1]):
            if not delay_costs[r, c] > 0:
                continue
            guess = max(pods, min(int(mean / per_pod[r]), MAX_PODS))
            max_shortage_prob = 1.0 / (delay_costs[r, c] * per_pod[r])
            pods = min_adequate_pods(
                roots, weights[r], max_shortage_prob, pod_count, 1 / dispersion[r], guess, pods
            )
            floors[r, c] = pods


@compiled_loop
def _fill_over_time(
    rates: Any, weights: Any, delay_costs: Any, per_pod: Any, counting_s: Any, dispersion: Any, floors: Any
) -> None:
    previous = np.zeros(len(delay_costs), np.int64)
    roots = np.zeros(rates.shape[2])
    for i in range(rates.shape[0]):
        previous[:] = 0
        for j in range(rates.shape[1]):
            if math.isnan(rates[i, j, 0]):
                continue
            inv_d = 1 / dispersion[i, j]
            pod_count = per_pod[i] * counting_s[i] * inv_d
            for p in range(len(roots)):
                roots[p] = np.cbrt(rates[i, j, p] * counting_s[i] * inv_d)
            pods = 0
            for c in range(len(delay_costs)):
                max_shortage_prob = 1.0 / (delay_costs[c] * per_pod[i])
                # The floor is near that of the moment before, and not below that of a lower delay cost.
                guess = max(pods, previous[c])
                pods = min_adequate_pods(
                    roots, weights[i, j], max_shortage_prob, pod_count, inv_d, guess, pods
                )
                previous[c] = pods
                floors[i, j, c] = pods


@compiled
def min_adequate_pods(
    roots: Any,
    weights: Any,
    max_shortage_prob: float,
    pod_count: float,
    inv_d: float,
    guess: int,
    min_pods: int,
) -> int:
    """Return the smallest N >= min_pods with shortage_prob(N) <= max_shortage_prob.

    roots, weights, pod_count, inv_d   as in `shortage_prob`
    guess                              pods at which the search begins
    """
    guess = min(guess, MAX_PODS)
    low, high, stride = min_pods, guess, 1
    if shortage_prob(guess, roots, weights, pod_count, inv_d) <= max_shortage_prob:
        # Search downwards with growing strides until the shortage is too likely.
        while high > min_pods:
            below = max(min_pods, high - stride)
            if shortage_prob(below, roots, weights, pod_count, inv_d) > max_shortage_prob:
                low = below + 1
                break
            high = below
            stride *= 2
        if high == min_pods:
            return min_pods
    else:
        low = high = min(guess + 1, MAX_PODS)
        while high < MAX_PODS and shortage_prob(high, roots, weights, pod_count, inv_d) > max_shortage_prob:
            low = high + 1
            stride *= 2
            high = min(high + stride, MAX_PODS)
    while low < high:
        middle = (low + high) // 2
        if shortage_prob(middle, roots, weights, pod_count, inv_d) <= max_shortage_prob:
            high = middle
        else:
            low = middle + 1
    return high


@compiled
def shortage_prob(pods: int, roots: Any, weights: Any, pod_count: float, inv_d: float) -> float:
    """Return P(X > (N + ½)μτ) for N = `pods`: the probability that one pod more would be busy.

    roots       (p,) cube roots of the possible means λτ / D, with weights (p,)
    pod_count   μτ / D
    inv_d       1 / D
    """
    shape = (pods + 0.5) * pod_count + inv_d
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
    pods: NDArray[np.int64], counts: Array, weights: Array, pod_count: float, dispersion: float = 1.0
) -> Array:
    """Return `shortage_prob` for each number of `pods` (n,), without compiled code: (n,).

    counts      (p,) λτ, requests expected while they are counted, with weights (p,)
    pod_count   μτ, requests that a pod serves in that time
    """
    from scipy.special import ndtr  # noqa: PLC0415  # 27 MB, needed by `explain` only

    shape = ((pods + 0.5) * pod_count + 1)[:, np.newaxis] / dispersion
    part = counts / dispersion / shape
    z = 3 * np.sqrt(shape) * (np.cbrt(part) - 1 + 1 / (9 * shape))
    return np.asarray(np.minimum(ndtr(z), part) @ weights)
