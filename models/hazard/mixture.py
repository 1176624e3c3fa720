"""The probability of an event in the minutes ahead: a Bayes mixture of components that may explain events.

Component i gives a probability p_i for each minute.  The two rates aside, a component sorts minutes into
kinds and counts, with decay, the minutes of each kind (visits) and the events in them; p_i is events /
visits, shrunk to the slow rate:

phases of given periods  minutes in one slot of the period; local time from a period of a day on
                         (models.numeric.clock), in slots of one minute and of several
weekday                  the phase of the day, by hours of the week (models.hazard.weekday)
detected periods         minutes at the phase of the first detected period, and of either of the two
                         (models.hazard.periods)
age                      minutes since the last event; generalizes the hybrid histogram [shahrad2020]
upstream                 minutes since the last event of an upstream service (models.hazard.upstream)
fast, slow               rates that decay within hours and within days

Weights follow the likelihood of the observed minute, w_i ← w_i·p_i or w_i·(1 − p_i).  With each event that
occurs or is expected the weights also revert in part to the prior, so that a cron that moves is detected
again.  Minutes in which nothing is expected and nothing occurs do not count for this: a service with one
event a day would forget everything between two events.
"""

import math
from typing import Any

import numpy as np

from models.hazard.periods import detect_periods, detected_prob, learn_detected, record_start
from models.hazard.state import (
    ADDED_WEIGHT,
    AGE,
    AGE_BIN,
    COMPONENTS,
    DAILY,
    DETECTED,
    FAST,
    FIRST_DETECTED,
    FIRST_LOCAL,
    FIRST_SLOT,
    LOCAL_FROM_MIN,
    MINUTE_DECAY,
    PERIODS_MIN,
    PHASES,
    PRIOR_WEIGHTS,
    PSEUDO_VISITS,
    SLOT_MIN,
    STARTS_KEPT,
    UPSTREAM,
    VISIT_DECAY,
    VISITS,
    WEEKDAY,
)
from models.hazard.upstream import (
    learn_upstream,
    observe_upstream,
    pass_upstream_minutes,
    time_since_upstream,
    upstream_prob,
)
from models.hazard.weekday import learn_weekday, weekday_prob
from models.numeric.clock import local_time_s
from models.numeric.compiled import compiled, compiled_loop

MAX_REVERSION, EVENT_REVERSION = 0.0005, 0.02
"""Share of the prior in the weights after a minute, at most, and per event that occurs or is expected.
Chosen by hand."""
BUSY_SHARE_GAIN = 0.05
"""Share of the way that `busy_share` moves with each minute that has an event.  Chosen by hand."""
FAST_HALF_LIFE_MIN, SLOW_HALF_LIFE_MIN = 180.0, 4 * 1440.0
"""Minutes in which the weight of an event halves in the two rates.  Chosen by hand."""
FAST_PSEUDO_MIN, SLOW_PSEUDO_MIN = 20.0, 100.0
"""Minutes at FIRST_RATE that the two rates start with.  Chosen by hand."""
MAX_BUSY_SHARE = 0.98
"""Upper bound of the share of steps with an event within a minute that has one: at 1 the number of requests
would be infinite.  Chosen by hand."""
MIN_PROB, MAX_PROB = 1e-5, 0.999
"""Bounds of the probability that a component gives: no single minute refutes a component.  Chosen by hand."""


@compiled
def slot_of(period: int, minute: int, local_minute: int) -> int:
    """The index among all slots of the slot of a minute in a given period, of index 0..PHASES - 1.

    minute, local_minute   minutes since 1 January 1970, of Unix time and of local time
    """
    minute = local_minute if PERIODS_MIN[period] >= LOCAL_FROM_MIN else minute
    return int(FIRST_SLOT[period] + minute % PERIODS_MIN[period] // SLOT_MIN[period])


@compiled
def slot_visits(state: Any, period: int) -> float:
    """The decayed number of visits so far of the slot of a given period that is visited next."""
    return float(VISITS[period, min(state.minutes // PERIODS_MIN[period], VISITS.shape[1] - 1)])


@compiled
def phase_prob(state: Any, period: int, minute: int, local_minute: int) -> float:
    """The probability of an event in a minute by the phase of a given period; arguments as in `slot_of`."""
    slot = slot_of(period, minute, local_minute)
    p = (state.hits[slot] + PSEUDO_VISITS * state.slow_rate) / (slot_visits(state, period) + PSEUDO_VISITS)
    return float(min(max(p, MIN_PROB), MAX_PROB))


@compiled
def component_prob(
    state: Any, component: int, minute: int, local_minute: int, age: int, upstream_age: int
) -> float:
    """The probability of an event in a minute by one component of the mixture.

    minute, local_minute   as in `slot_of`
    age, upstream_age      minutes from the last event, and from that of the upstream service, to the minute
    """
    if component < PHASES:
        p = phase_prob(state, component, minute, local_minute)
    elif component == UPSTREAM:
        p = upstream_prob(state, upstream_age)
    elif component == WEEKDAY:
        p = weekday_prob(state, local_minute, phase_prob(state, DAILY, minute, local_minute))
    elif component >= FIRST_DETECTED:
        p = detected_prob(state, component - FIRST_DETECTED, minute)
    elif component == AGE:
        k = AGE_BIN[min(age, len(AGE_BIN) - 1)]
        p = (state.age_hits[k] + PSEUDO_VISITS * state.slow_rate) / (state.age_visits[k] + PSEUDO_VISITS)
    else:
        p = state.fast_rate if component == FAST else state.slow_rate
    return float(min(max(p, MIN_PROB), MAX_PROB))


@compiled
def update_mixture(
    state: Any, event: float, time_s: int, step_s: int, zone: Any, upstream_event: float = math.nan
) -> None:
    """Update the state with the step that begins at `time_s`, Unix seconds.

    event            1 where the step has an event, 0 where not; NaN = not observed.  The event of a step of
                     several minutes is shared among the minutes that end with it: which one had it is not
                     known
    zone             ZoneTable of the service
    upstream_event   the same of the upstream service; NaN = not known, or none
    """
    minute = time_s // 60
    if minute != state.minute:
        if state.minute_event > 0:
            close_minute(state, zone)
        if state.minute >= 0:
            state.age += max(0, minute - state.minute)
            pass_upstream_minutes(state, max(0, minute - state.minute))
        begin_minute(state, minute)
    if not math.isnan(event):
        state.minute_event = event if math.isnan(state.minute_event) else max(state.minute_event, event)
        state.minute_steps += 1
        state.minute_busy_steps += event
    observe_upstream(state, upstream_event)
    minutes = (time_s + step_s) // 60 - minute
    share = event / minutes if minutes > 1 else state.minute_event
    for _ in range(minutes):
        state.minute_event = share
        close_minute(state, zone)
    if minutes > 1 and event > 0:
        state.age = minutes // 2


@compiled
def close_minute(state: Any, zone: Any) -> None:
    """Learn from the current minute, which has ended, and begin the next one."""
    learn_minute(state, zone)
    pass_upstream_minutes(state, 1)
    if state.minute_event >= 1 and state.minute_steps > 1:
        other_steps = (state.minute_busy_steps - 1) / (state.minute_steps - 1)
        state.busy_share += BUSY_SHARE_GAIN * (other_steps - state.busy_share)
    begin_minute(state, state.minute + 1)


@compiled
def begin_minute(state: Any, minute: int) -> None:
    """Begin a minute of which nothing was observed yet."""
    state.minute, state.minute_event, state.minute_steps, state.minute_busy_steps = minute, math.nan, 0, 0.0


@compiled
def learn_minute(state: Any, zone: Any) -> None:
    """Update weights, counts and rates with the event of the current minute."""
    if math.isnan(state.minute_event):
        state.age += 1
        return
    event, minute = state.minute_event, state.minute
    local_minute = local_time_s(zone, minute * 60) // 60
    # A minute of the day in which no event was ever observed is expected on no day of the week.
    hits = state.hits[slot_of(DAILY, minute, local_minute)]
    expected = min(phase_prob(state, DAILY, minute, local_minute), hits)
    update_weights(state, event, minute, local_minute)
    learn_weekday(state, local_minute, expected, event)
    learn_detected(state, minute, event)
    if state.has_upstream:
        learn_upstream(state, event)
    if event >= 1 and state.age > 0 and record_start(state, minute):
        detect_again(state)
    k = AGE_BIN[min(state.age, len(AGE_BIN) - 1)]
    state.age_hits[k] = VISIT_DECAY * state.age_hits[k] + event
    state.age_visits[k] = VISIT_DECAY * state.age_visits[k] + 1
    state.minutes += 1
    fast_gain = max(1 - 0.5 ** (1 / FAST_HALF_LIFE_MIN), 1 / (state.minutes + FAST_PSEUDO_MIN))
    slow_gain = max(1 - 0.5 ** (1 / SLOW_HALF_LIFE_MIN), 1 / (state.minutes + SLOW_PSEUDO_MIN))
    state.fast_rate += fast_gain * (event - state.fast_rate)
    state.slow_rate += slow_gain * (event - state.slow_rate)
    # A part of the event of a longer step does not reset the age: which minute had the event is not known.
    state.age = 0 if event >= 1 else state.age + 1


@compiled_loop
def detect_again(state: Any) -> None:
    """Search for periods in the recorded event starts; a period that is new begins with its prior weight."""
    previous = state.detected_min.copy()
    detect_periods(state, np.zeros(STARTS_KEPT, np.int64), np.zeros(STARTS_KEPT, np.bool_))
    for i in range(DETECTED):
        if state.detected_min[i] != previous[i]:
            set_weight(state, FIRST_DETECTED + i, ADDED_WEIGHT if state.detected_min[i] > 0 else 0.0)


@compiled
def update_weights(state: Any, event: float, minute: int, local_minute: int) -> None:
    """Update the weights of the components, which sum to 1, and the slots of the given periods by a minute.

    event                  1 or a share where the minute had an event, else 0
    minute, local_minute   as in `slot_of`
    """
    total, prior_total, mixture_prob = 0.0, 1.0, 0.0
    for component in range(COMPONENTS):
        if state.weight[component] > 0:
            p = component_prob(state, component, minute, local_minute, state.age, state.upstream_age)
            mixture_prob += state.weight[component] * p
            state.weight[component] *= event * p + (1 - event) * (1 - p)
            total += state.weight[component]
    for period in range(PHASES):
        # A slot of several minutes is visited once a minute; its hits decay by the visit.
        slot = slot_of(period, minute, local_minute)
        state.hits[slot] = MINUTE_DECAY[period] * state.hits[slot] + event / SLOT_MIN[period]
    for i in range(DETECTED):
        prior_total += ADDED_WEIGHT if state.detected_min[i] > 0 else 0.0
    prior_total += ADDED_WEIGHT if state.has_upstream else 0.0
    reversion = min(MAX_REVERSION, EVENT_REVERSION * max(event, mixture_prob))
    for component in range(COMPONENTS):
        prior = PRIOR_WEIGHTS[component]
        if component == UPSTREAM:
            prior = ADDED_WEIGHT if state.has_upstream else 0.0
        elif FIRST_DETECTED <= component < WEEKDAY:
            prior = ADDED_WEIGHT if state.detected_min[component - FIRST_DETECTED] > 0 else 0.0
        weight = (1 - reversion) * state.weight[component] / total
        state.weight[component] = weight + reversion * prior / prior_total


@compiled
def set_weight(state: Any, component: int, weight: float) -> None:
    """Give a component this weight; the others share the rest in the same proportions as before."""
    rest = (1 - weight) / max(1 - state.weight[component], MIN_PROB)
    for i in range(COMPONENTS):
        state.weight[i] *= rest
    state.weight[component] = weight


@compiled
def window_event_prob(state: Any, from_s: int, until_s: int, step_s: int, zone: Any) -> float:
    """The probability of an event in [from_s, until_s), Unix seconds, which lies after the newest step.

    A minute with an event (or a longer step) is assumed to have as many requests as recent ones, each of them
    in any of its seconds with the same probability.

    zone   ZoneTable of the service
    """
    prob = 0.0
    has_event = state.minute_event > 0
    first, per_step, requests = from_s // 60, max(1, step_s // 60), requests_per_event(state, step_s)
    for component in range(COMPONENTS):
        if state.weight[component] == 0:
            continue
        none, within = 1.0, 0.0
        for minute in range(first, (until_s - 1) // 60 + 1):
            ahead = minute - state.minute
            age = max(ahead - 1, 0) if has_event else state.age + ahead
            upstream_age = time_since_upstream(state, ahead)
            local_minute = local_time_s(zone, minute * 60) // 60 if component >= FIRST_LOCAL else minute
            p = component_prob(state, component, minute, local_minute, age, upstream_age)
            share = (min(until_s, (minute + 1) * 60) - max(from_s, minute * 60)) / 60.0
            if has_event and ahead == 0:
                within += 1 - (1 - share) ** (requests - 1)
            else:
                within += p * (share if share == 1 else 1 - (1 - share) ** requests)
            if (minute - first + 1) % per_step == 0:
                none *= max(0.0, 1 - within)
                within = 0.0
        prob += state.weight[component] * (1 - none * max(0.0, 1 - within))
    return prob


@compiled
def requests_per_event(state: Any, step_s: int) -> float:
    """Requests in a minute with an event, from the share of its steps with one; 1 where steps are long."""
    steps = 60 // step_s
    if steps < 2:
        return 1.0
    busy = min((1 + state.busy_share * (steps - 1)) / steps, MAX_BUSY_SHARE)
    return float(math.log(1 - busy) / math.log(1 - 1 / steps))
