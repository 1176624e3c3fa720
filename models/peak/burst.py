"""Bursts: steps at which a rate jumps above its recent level, and the sizes of these jumps.

The onset of a burst is a step with ONSET_RATIO times the maximum rate of the last ONSET_STEPS, and with more
requests than its noise explains.  The time of the next onset is forecast from phases and ages
(models.hazard).  Its size comes from the last BURSTS_KEPT bursts: the log of the window's peak over the
forecast without a burst.

An intermittent service, with requests in few minutes, has no recent level: its event is a minute with any
request, and a share of these events begin a burst.
"""

import math
from typing import Any

from models.hazard.mixture import begin_minute
from models.hazard.state import FIRST_RATE, MIN_AGE, PRIOR_WEIGHTS
from models.numeric.compiled import compiled, compiled_loop
from models.peak.state import BURSTS_KEPT, RING

ONSET_RATIO, ONSET_STEPS, ONSET_NOISE = 1.8, 10, 5.0
"""An onset has ONSET_RATIO times the maximum rate of the last ONSET_STEPS steps, and exceeds its count by
more than ONSET_NOISE times the square root of that count plus 1.  Chosen by hand;
`tests/bench/sensitivity.py` shows their effect."""
IDLE_S = 86400.0
"""Seconds in which the weight of a step halves in the share of steps without traffic.  Chosen by hand."""
MIN_BURST_GAIN = 0.1
"""Smallest share of the way that the share of events with a burst moves at one event.  Chosen by hand."""
INTERMITTENT_ABOVE, FREQUENT_BELOW = 0.5, 0.3
"""A service becomes intermittent above the first share of idle steps, and frequent again below the second.
Chosen by hand."""


@compiled
def is_onset(state: Any, rate: float, step_s: int) -> bool:
    """True where a step with this rate, which is not yet in the ring, begins a burst."""
    max_rate, observed = 0.0, 0
    for back in range(1, ONSET_STEPS + 1):
        value = state.rate[(state.steps - back) % RING]
        if not math.isnan(value):
            max_rate, observed = max(max_rate, value), observed + 1
    noise = ONSET_NOISE * math.sqrt(max_rate * step_s + 1)
    return (
        observed > ONSET_STEPS // 2 and rate > ONSET_RATIO * max_rate and (rate - max_rate) * step_s > noise
    )


@compiled
def observe_event(state: Any, hazard: Any, rate: float, step_s: int) -> float:
    """Update the event statistics with a step; 1 where it has an event, 0 where not, NaN where not observed.

    rate   requests/s of the step; NaN = not observed
    """
    state.onset[state.steps % RING] = 0
    if math.isnan(rate):
        return math.nan
    busy = 1.0 if rate > 0 else 0.0
    gain = max(1 - 0.5 ** (step_s / IDLE_S), 1 / (state.observed + 2.0))
    state.observed += 1
    state.idle_share += gain * ((1 - busy) - state.idle_share)
    if state.idle_share < FREQUENT_BELOW if state.intermittent else state.idle_share > INTERMITTENT_ABOVE:
        state.intermittent = not state.intermittent
        reset_events(hazard)
    onset = is_onset(state, rate, step_s)
    state.onset[state.steps % RING] = onset
    if busy > 0 and not state.rate[(state.steps - 1) % RING] > 0:
        state.events += 1
        state.burst_share += max(MIN_BURST_GAIN, 1.0 / state.events) * (onset - state.burst_share)
    if state.intermittent:
        return busy
    return 1.0 if onset else 0.0


@compiled_loop
def reset_events(hazard: Any) -> None:
    """Forget all events: the service changed between intermittent and frequent, which have other events."""
    hazard.hits[:] = 0.0
    hazard.age_hits[:] = 0.0
    hazard.age_visits[:] = 0.0
    hazard.detected_min[:] = 0
    hazard.starts = 0
    hazard.fast_rate = hazard.slow_rate = FIRST_RATE
    hazard.weight[:] = PRIOR_WEIGHTS
    hazard.week_events[:] = 0.0
    hazard.week_expected[:] = 0.0
    hazard.upstream_hits[:] = 0.0
    hazard.upstream_visits[:] = 0.0
    hazard.minutes, hazard.age, hazard.busy_share = 0, MIN_AGE, 0.0
    begin_minute(hazard, hazard.minute)


@compiled
def had_onset(state: Any, steps: int) -> bool:
    """True where one of the last `steps` steps began a burst."""
    onsets = 0
    for back in range(1, steps + 1):
        onsets += state.onset[(state.steps - back) % RING]
    return onsets > 0


@compiled
def learn_burst_size(state: Any, size: float) -> None:
    """Keep the size of a burst: the log of the window's peak over its forecast without a burst."""
    state.burst_sizes[state.bursts % BURSTS_KEPT] = max(size, 0.0)
    state.bursts += 1
