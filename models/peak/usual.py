"""What is usual at a time of the week: the highest rate of the profiles, whatever came lately."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.clock import Clock, utc
from models.numeric.compiled import compiled_loop
from models.peak.profile import highest_shown
from models.peak.regress import either
from models.peak.state import DAY_SLOTS, WEEK_SLOTS, WEEK_UNIT


def usual(
    state: NDArray[np.void],
    services: NDArray[np.intp],
    from_s: NDArray[np.int64],
    until_s: NDArray[np.int64],
    *,
    step_s: int,
    clock: Clock | None = None,
) -> NDArray[np.float32]:
    """(n,) requests/s: the highest mean of a slot in [from_s, until_s) (n,) of each of n `services`.

    The week's profile tells it, the day's where the week was not seen; 0 where neither was.

    state   (s,) STATE; services (n,) rows in it; step_s: of the steps it goes by
    clock   whose days and weeks each service lives by; None: UTC
    """
    clock = utc(len(state)) if clock is None else clock
    out = np.zeros(len(services), np.float32)
    _usual(
        state, services, from_s, until_s, step_s, clock.place, clock.first, clock.since_s, clock.shift_s, out
    )
    return out


@compiled_loop
def _usual(
    states: Any, services: Any, from_s: Any, until_s: Any, step_s: int, place: Any, begin: Any, since_s: Any,
    shift_s: Any, out: Any,
) -> None:  # fmt: skip
    for j in range(len(services)):
        i = services[j]
        some = slice(begin[place[i]], begin[place[i] + 1])
        here = (since_s[some], shift_s[some])
        day = highest_shown(states[i].day, DAY_SLOTS, here, from_s[j], until_s[j])
        z = either(highest_shown(states[i].week, WEEK_SLOTS, here, from_s[j], until_s[j], WEEK_UNIT), day)
        if not math.isnan(z):
            out[j] = max(math.exp(z) - 0.5 / step_s, 0.0)
