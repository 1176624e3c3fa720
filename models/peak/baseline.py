"""The seasonal baseline: the maximum rate of the profiles at a time of the week, without the newest rates."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.clock import Clock, ZoneTable, utc
from models.numeric.compiled import compiled_loop
from models.peak.profile import max_in_local_window
from models.peak.regress import fill_nan
from models.peak.state import DAY_SLOTS, WEEK_SLOTS, WEEK_UNIT


def baseline(
    state: NDArray[np.void],
    services: NDArray[np.intp],
    from_s: NDArray[np.int64],
    until_s: NDArray[np.int64],
    *,
    step_s: int,
    clock: Clock | None = None,
) -> NDArray[np.float32]:
    """(n,) requests/s: the maximum mean of a slot in [from_s, until_s) of each of n `services`.

    The profile of the week is read, or that of the day where the week was not observed; 0 where neither was.

    state            (s,) STATE
    services         (n,) rows of `state`
    from_s, until_s  (n,) Unix seconds
    step_s           seconds per step of the rates that the state has learned from
    clock            the wall clocks of the s services; None: UTC
    """
    clock = utc(len(state)) if clock is None else clock
    out = np.zeros(len(services), np.float32)
    _baseline(state, services, from_s, until_s, step_s, clock, out)
    return out


@compiled_loop
def _baseline(
    states: Any, services: Any, from_s: Any, until_s: Any, step_s: int, clock: Any, out: Any
) -> None:
    for j in range(len(services)):
        i = services[j]
        shifts = slice(clock.first[clock.zone[i]], clock.first[clock.zone[i] + 1])
        zone = ZoneTable(clock.since_s[shifts], clock.shift_s[shifts])
        day = max_in_local_window(states[i].day, DAY_SLOTS, zone, from_s[j], until_s[j])
        week = max_in_local_window(states[i].week, WEEK_SLOTS, zone, from_s[j], until_s[j], WEEK_UNIT)
        z = fill_nan(week, day)
        if not math.isnan(z):
            out[j] = max(math.exp(z) - 0.5 / step_s, 0.0)
