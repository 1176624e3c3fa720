"""Weeks of history in long steps, taken in before the short ones: all that is learned begins with it.

The rings of steps are emptied afterwards: what was a long step must not be read as a short one.
"""

import numpy as np
from numpy.typing import NDArray

from models.numeric.clock import Clock
from models.peak.advance import advance

AT_ONCE = 500
"""ServiceMeasurements whose weeks are copied for it at once."""


def warm_start(
    state: NDArray[np.void],
    hazard: NDArray[np.void],
    rates: NDArray[np.float32],
    *,
    origin_s: int,
    step_s: int,
    delay_s: float,
    lead_s: NDArray[np.float64],
    clock: Clock | None = None,
) -> None:
    """Learns from rates (s, n) requests/s in steps of `step_s`; changes both states in place.

    clock   as `advance`: whose days and weeks each service lives by; None: UTC
    """
    if not rates.shape[1]:
        return
    for begin in range(0, len(state), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        advance(
            state[some],
            hazard[some],
            rates[some],
            origin_s=origin_s,
            step_s=step_s,
            first=int(np.ceil(delay_s / step_s)),
            lead_s=lead_s[some],
            newest_only=True,
            # Over how much a column of the past is the mean is not known: of dispersion it tells nothing.
            window_steps=0,
            clock=None if clock is None else clock.of(some),
        )
    state["steps"] = 0
    for name in ("rate", "z", "place", "spread", "said", "x"):
        state[name] = np.nan
    state["onset"] = 0
    state["unsolved"] = 0
