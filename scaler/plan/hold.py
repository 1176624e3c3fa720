"""Hold floors: a floor falls only after the plan has requested fewer pods for `hold_s` seconds.

The KPA does not do this: its scale-down delay acts before the min-scale bounds the decision.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from models.fleet.keys import RevisionKey


@dataclass(frozen=True, eq=False)
class HoldState:
    """The desired pods of recent plans: (r, k), one column per plan, newest last."""

    keys: tuple[RevisionKey, ...]
    desired: NDArray[np.int32]


EMPTY_HOLD = HoldState((), np.empty((0, 0), np.int32))


def hold(
    state: HoldState,
    keys: tuple[RevisionKey, ...],
    desired: NDArray[np.int32],
    *,
    period_s: float,
    hold_s: NDArray[np.float64],
) -> tuple[NDArray[np.int32], HoldState]:
    """Return the most pods (r,) that the plans of the last `hold_s` (r,) desired, and the next state.

    >>> key = RevisionKey("shop", "cart-00001")
    >>> state = EMPTY_HOLD
    >>> for pods in (5, 2, 2, 2):
    ...     desired = np.array([pods], np.int32)
    ...     held, state = hold(state, (key,), desired, period_s=30, hold_s=np.array([60.0]))
    ...     print(held)
    [5]
    [5]
    [5]
    [2]
    """
    recent = state.desired
    if keys != state.keys:
        recent = rows.align_rows(recent, rows.previous_rows(state.keys, keys))
    # A rule with a longer hold may become active at any time: the state covers the longest hold so far.
    columns = max(1 + math.ceil(hold_s.max(initial=0.0) / period_s), recent.shape[1])
    recent = np.concatenate(
        [recent[:, -(columns - 1) :] if columns > 1 else recent[:, :0], desired[:, None]], axis=1
    )
    age_s = period_s * np.arange(recent.shape[1] - 1, -1, -1)
    within = age_s < hold_s[:, np.newaxis] + period_s
    return np.where(within, recent, 0).max(axis=1, initial=0).astype(np.int32), HoldState(keys, recent)
