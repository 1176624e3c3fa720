"""Holding down: a floor falls only when less has been asked for through all of `hold_s`.

The KPA does not do it for us: its scale-down-delay acts before the floor is laid under its decision.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import rows
from models.keys import RevisionKey


@dataclass(frozen=True, eq=False)
class Held:
    """What was wanted lately: asks (r, k) pods, one column a plan, newest last."""

    keys: tuple[RevisionKey, ...]
    asks: NDArray[np.int32]


NOTHING_HELD = Held((), np.empty((0, 0), np.int32))


def hold(
    held: Held, keys: tuple[RevisionKey, ...], wanted: NDArray[np.int32], *, period_s: float, hold_s: float
) -> tuple[NDArray[np.int32], Held]:
    """The most that was wanted within `hold_s`, and the asks to go on with."""
    asks = held.asks
    if keys != held.keys:
        asks = rows.carry(asks, rows.where_before(held.keys, keys))
    columns = 1 + math.ceil(hold_s / period_s)
    asks = np.concatenate(
        [asks[:, -(columns - 1) :] if columns > 1 else asks[:, :0], wanted[:, None]], axis=1
    )
    return np.asarray(asks.max(axis=1), np.int32), Held(keys, asks)
