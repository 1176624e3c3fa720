"""Bursts: when a rate leaps out of what it was, and how far.

The onset of a burst is a step with LEAP times the highest rate of the last QUIET_STEPS and more than its
noise explains.  When the next comes is a question of phases and ages (models.hazard); how high it goes is
read off the last SIZES bursts: log of the window's peak over what had been forecast without one.

A service with requests in few minutes has no rate to leap from: its event is a minute with any request, of
which a share begins a burst.
"""

import math
from typing import Any

from models.hazard.mixture import begin
from models.hazard.state import FIRST_RATE, MIN_AGE, PRIOR
from models.numeric.compiled import compiled, compiled_loop
from models.peak.state import RING, SIZES

LEAP, QUIET_STEPS, NOISE = 1.8, 10, 5.0
IDLE_S = 86400.0
"""The share of steps without traffic is a mean that forgets half in this time."""
BIG_GAIN = 0.1
"""Least share of the way that the share of events that are bursts goes with one more."""
FEW, MANY = 0.5, 0.3
"""A service has few requests above that share of idle steps, and many below this one."""


@compiled
def is_onset(state: Any, rate: float, step_s: int) -> bool:
    """True where the step with this rate, not yet among the last ones, begins a burst."""
    highest, seen = 0.0, 0
    for back in range(1, QUIET_STEPS + 1):
        value = state.rate[(state.steps - back) % RING]
        if not math.isnan(value):
            highest, seen = max(highest, value), seen + 1
    noise = NOISE * math.sqrt(highest * step_s + 1)
    return seen > QUIET_STEPS // 2 and rate > LEAP * highest and (rate - highest) * step_s > noise


@compiled
def event_of(state: Any, hazard: Any, rate: float, step_s: int) -> float:
    """1 where the step has an event, 0 where not, NaN where it was not observed."""
    state.onset[state.steps % RING] = 0
    if math.isnan(rate):
        return math.nan
    busy = 1.0 if rate > 0 else 0.0
    gain = max(1 - 0.5 ** (step_s / IDLE_S), 1 / (state.seen + 2.0))
    state.seen += 1
    state.idle += gain * ((1 - busy) - state.idle)
    if state.idle < MANY if state.sparse else state.idle > FEW:
        state.sparse = not state.sparse
        begin_anew(hazard)
    onset = is_onset(state, rate, step_s)
    state.onset[state.steps % RING] = onset
    if busy > 0 and not state.rate[(state.steps - 1) % RING] > 0:
        state.events += 1
        state.big += max(BIG_GAIN, 1.0 / state.events) * (onset - state.big)
    if state.sparse:
        return busy
    return 1.0 if onset else 0.0


@compiled_loop
def begin_anew(hazard: Any) -> None:
    """Nothing is known of the events of another kind."""
    hazard.hits[:] = 0.0
    hazard.age_hits[:] = 0.0
    hazard.age_visits[:] = 0.0
    hazard.found_min[:] = 0
    hazard.beginnings = 0
    hazard.fast = hazard.slow = FIRST_RATE
    hazard.weight[:] = PRIOR
    hazard.week_seen[:] = 0.0
    hazard.week_wanted[:] = 0.0
    hazard.call_hits[:] = 0.0
    hazard.call_visits[:] = 0.0
    hazard.minutes, hazard.since, hazard.spread = 0, MIN_AGE, 0.0
    begin(hazard, hazard.minute)


@compiled
def had_onset(state: Any, steps: int) -> bool:
    """True where one of the last `steps` steps began a burst."""
    onsets = 0
    for back in range(1, steps + 1):
        onsets += state.onset[(state.steps - back) % RING]
    return onsets > 0


@compiled
def learn_size(state: Any, size: float) -> None:
    """A burst went so far beyond what was forecast, in logs."""
    state.sizes[state.bursts % SIZES] = max(size, 0.0)
    state.bursts += 1
