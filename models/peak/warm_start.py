"""Warm start: the state learns from weeks of history in long steps, before the short steps.

The rings of steps are emptied afterwards: a long step must not be read as a short one.
"""

import numpy as np
from numpy.typing import NDArray

from models.numeric.clock import Clock
from models.peak.advance import advance
from models.peak.state import PENDING_FIELDS

CHUNK_SERVICES = 500
"""Services whose weeks are copied for it together: more need more memory.  Chosen by hand."""


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
    """Learn from the history `rates` (s, n); changes both states in place.

    state, hazard   (s,) STATE of models.peak and of models.hazard
    rates           (s, n) requests/s in long steps of `step_s`; NaN = not observed
    origin_s        Unix seconds at which the first step begins, a multiple of step_s
    delay_s         age of the data in seconds
    lead_s          (s,) seconds that the forecast window is long
    clock           the wall clocks of the services; None: UTC
    """
    if not rates.shape[1]:
        return
    for first in range(0, len(state), CHUNK_SERVICES):
        chunk = slice(first, first + CHUNK_SERVICES)
        advance(
            state[chunk],
            hazard[chunk],
            rates[chunk],
            origin_s=origin_s,
            step_s=step_s,
            first=int(np.ceil(delay_s / step_s)),
            lead_s=lead_s[chunk],
            newest_only=True,
            # Over how many steps a column of the history is the mean is not known: no dispersion is learned.
            window_steps=0,
            clock=None if clock is None else clock.select(chunk),
        )
    state["steps"] = 0
    for name in ("rate", "z", *PENDING_FIELDS):
        state[name] = np.nan
    state["onset"] = 0
    state["steps_since_solve"] = 0
