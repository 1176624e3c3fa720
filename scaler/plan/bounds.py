"""What bounds a floor: the owner's and the operator's last word, each recorded where it binds."""

from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Pods = NDArray[np.int32]


class Bound(IntEnum):
    """Which bound changed what the forecast asked for."""

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


def bounded(wanted: Pods, steps: Sequence[tuple[Bound, Limit, Pods]]) -> tuple[Pods, NDArray[np.uint8]]:
    """`wanted` after each (bound, np.minimum or np.maximum, pods) in turn, and the last that changed it."""
    floor = wanted
    binding = np.zeros(wanted.shape, np.uint8)
    for bound, limit, pods in steps:
        after = limit(floor, pods)
        binding[after != floor] = bound
        floor = after
    return floor, binding


def shared_budget(
    ask: Callable[[NDArray[np.float64]], Pods], group: NDArray[np.intp], budgets: NDArray[np.float64]
) -> Pods:
    """(r,) pods such that no group has more than its budget, given where they save most.

    `ask(price)` gives the pods (r,) wanted when a pod-second costs price (r,) instead of 1; fewer at a higher
    one.  group (r,) index into budgets (g,) pods, -1 = none.  A group that asks for too much has one price,
    found by bisection: then the last pod given to anyone in it saves as much as that given to any other.
    """
    inside = group >= 0

    def price(log2_price: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(inside, 2.0 ** np.append(log2_price, 0.0)[group], 1.0)

    def over(pods: Pods) -> NDArray[np.bool_]:
        return np.bincount(group[inside], pods[inside], minlength=budgets.size) > budgets

    low = np.zeros(budgets.size)
    pods = ask(price(low))
    if not over(pods).any():
        return pods
    high = np.where(over(pods), 40.0, 0.0)
    for _ in range(24):
        middle = (low + high) / 2
        too_much = over(ask(price(middle)))
        low, high = np.where(too_much, middle, low), np.where(too_much, high, middle)
    return ask(price(high))


def kept_within(kept: Pods, wanted: Pods, group: NDArray[np.intp], budgets: NDArray[np.float64]) -> Pods:
    """`kept` (r,) less what of it is held beyond `wanted` and does not fit in the budgets, in proportion.

    group (r,), budgets (g,): as in `shared_budget`, which has `wanted` within them already.
    """
    inside = group >= 0

    def total(pods: Pods) -> NDArray[np.float64]:
        return np.bincount(group[inside], pods[inside], minlength=budgets.size).astype(np.float64)

    extra = np.maximum(kept - wanted, 0)
    share = np.clip((budgets - total(wanted)) / np.maximum(total(extra), 1), 0, 1)
    fits = np.append(share, 1.0)[group]
    return np.asarray(kept - extra + np.floor(extra * fits), np.int32)
