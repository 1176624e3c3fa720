"""TSB: how likely a step has any traffic, and how much then.  For services that are mostly silent."""

import numpy as np
from numpy.typing import NDArray

from models.ensemble.border import path
from models.ensemble.gaps import Past

CHANCE, SIZE = 0.05, 0.1
"""Shares by which a step moves the two."""


def tsb(before: Past, horizon: int) -> NDArray[np.float64]:
    """ŷ = p·s;  p moves at every step towards 1 or 0, s at steps with traffic towards what came.

    Teunter, Syntetos & Babai, Intermittent demand, Eur. J. Operational Research 214 (2011).
    """
    return path(_fit, before, horizon)


def _fit(before: Past, horizon: int) -> NDArray[np.float64]:
    busy = before.y > 0
    chance = _smoothed(busy.astype(np.float64), CHANCE)
    size = _smoothed(before.y[busy], SIZE) if busy.any() else 0.0
    return np.full(horizon, chance * size)


def _smoothed(y: NDArray[np.float64], gain: float) -> float:
    """The last level of y (n,), begun at its mean."""
    weight = (1 - gain) ** np.arange(y.size)[::-1]
    return float(gain * (weight @ y) + (1 - gain) ** y.size * y.mean())
