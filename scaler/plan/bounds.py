"""Apply the bounds of owner and operator to floors, and record which bound binds."""

from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Pods = NDArray[np.int32]

MAX_PODS = 100_000
"""Pods: no floor is higher, whatever the forecast is."""
_MAX_LOG2_POD_COST = 40.0
"""Upper end of the search for the pod cost of a budget: at 2^40 no floor is above 0."""
_BISECTIONS = 24
"""Steps of that search: the cost is exact to 40 / 2^24 of its logarithm, far finer than whole pods."""


class Bound(IntEnum):
    """The bound that changed what the forecast desires."""

    NONE = 0
    MIN = 1
    MAX = 2
    OWNER_MIN = 3
    OWNER_MAX = 4
    ACTIVATION_SCALE = 5
    BUDGET = 6

    def __str__(self) -> str:
        return {
            Bound.NONE: "",
            Bound.MIN: "min",
            Bound.MAX: "max",
            Bound.OWNER_MIN: "owner's min-scale",
            Bound.OWNER_MAX: "owner's max-scale",
            Bound.ACTIVATION_SCALE: "activation-scale",
            Bound.BUDGET: "max-total-pods",
        }[self]


Limit = Callable[[Pods, Pods], Pods]


def bounded(desired: Pods, bounds: Sequence[tuple[Bound, Limit, Pods]]) -> tuple[Pods, NDArray[np.uint8]]:
    """Return the floors (r,) after all bounds, and the code of the last `Bound` that changed each.

    bounds   (bound, np.minimum or np.maximum, (r,) pods), applied in this order

    >>> desired, low, high = np.array([[1, 5, 9], [2, 2, 2], [8, 8, 8]], np.int32)
    >>> bounded(desired, [(Bound.MIN, np.maximum, low), (Bound.MAX, np.minimum, high)])
    (array([2, 5, 8], dtype=int32), array([1, 0, 2], dtype=uint8))
    """
    floor = desired
    binding = np.zeros(desired.shape, np.uint8)
    for bound, limit, pods in bounds:
        limited = limit(floor, pods)
        binding[limited != floor] = bound
        floor = limited
    return floor, binding


def shared_budget(
    desired_at: Callable[[NDArray[np.float64]], Pods], group: NDArray[np.intp], budgets: NDArray[np.float64]
) -> Pods:
    """Return pods (r,) such that no group exceeds its budget, given to the Revisions where they save most.

    A group that desires too much has one pod cost, found by bisection.  The last pod that any member receives
    then saves as much as the last pod of any other member.

    desired_at   returns the desired pods (r,) at a pod cost (r,); they fall as the cost rises
    group        (r,) index into `budgets`; -1 = no budget
    budgets      (g,) pods
    """
    inside = group >= 0

    def pod_cost(log2_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(inside, 2.0 ** np.append(log2_cost, 0.0)[group], 1.0)

    def exceeds(pods: Pods) -> NDArray[np.bool_]:
        return np.bincount(group[inside], pods[inside], minlength=budgets.size) > budgets

    low = np.zeros(budgets.size)
    pods = desired_at(pod_cost(low))
    if not exceeds(pods).any():
        return pods
    high = np.where(exceeds(pods), _MAX_LOG2_POD_COST, 0.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        too_many = exceeds(desired_at(pod_cost(middle)))
        low, high = np.where(too_many, middle, low), np.where(too_many, high, middle)
    return desired_at(pod_cost(high))


def held_within(held: Pods, desired: Pods, group: NDArray[np.intp], budgets: NDArray[np.float64]) -> Pods:
    """Return the held pods (r,) reduced to the budgets: what exceeds `desired` shrinks in proportion.

    desired          (r,) pods, within the budgets already
    group, budgets   as in `shared_budget`
    """
    inside = group >= 0

    def total(pods: Pods) -> NDArray[np.float64]:
        return np.bincount(group[inside], pods[inside], minlength=budgets.size).astype(np.float64)

    extra = np.maximum(held - desired, 0)
    share = np.clip((budgets - total(desired)) / np.maximum(total(extra), 1), 0, 1)
    fits = np.append(share, 1.0)[group]
    return np.asarray(held - extra + np.floor(extra * fits), np.int32)
