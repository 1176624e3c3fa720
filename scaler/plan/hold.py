"""Holding down: a floor falls only when less has been asked for through all of `hold_s`.

The KPA does not do it for us: its scale-down-delay acts before the floor is laid under its decision.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from models.fleet.keys import RevisionKey


@dataclass(frozen=True, eq=False)
class Held:
    """What was wanted lately: asks (r, k) pods, one column a plan, newest last."""

    keys: tuple[RevisionKey, ...]
    asks: NDArray[np.int32]


NOTHING_HELD = Held((), np.empty((0, 0), np.int32))


def hold(
    held: Held,
    keys: tuple[RevisionKey, ...],
    wanted: NDArray[np.int32],
    *,
    period_s: float,
    hold_s: NDArray[np.float64],
) -> tuple[NDArray[np.int32], Held]:
    """The most that each wanted within its `hold_s` (r,), and the asks to go on with."""
    asks = held.asks
    if keys != held.keys:
        asks = rows.align_rows(asks, rows.previous_rows(held.keys, keys))
    # A rule that is held longer may come into force at any time: as much is kept as the longest was held.
    columns = max(1 + math.ceil(hold_s.max(initial=0.0) / period_s), asks.shape[1])
    asks = np.concatenate(
        [asks[:, -(columns - 1) :] if columns > 1 else asks[:, :0], wanted[:, None]], axis=1
    )
    age_s = period_s * np.arange(asks.shape[1] - 1, -1, -1)
    within = age_s < hold_s[:, np.newaxis] + period_s
    return np.where(within, asks, 0).max(axis=1, initial=0).astype(np.int32), Held(keys, asks)
