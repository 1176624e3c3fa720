"""The chance of an event in the minutes ahead: a Bayes mixture of what may bring events.

Model i says p_i for each minute:

phase of a period P   hits / visits of the minute's slot, forgetting, shrunk to the slow rate
age                   the same by minutes since the last event; it contains the hybrid histogram (Shahrad et
                      al., Serverless in the Wild, USENIX ATC 2020)
fast, slow            rates that forget within hours and within days

Weights follow the likelihood of what came, w_i <- w_i p_i or w_i (1 - p_i), and MIXING of the prior comes
back each minute, so that a cron that changes is found again.
"""

import math
from typing import Any

from models.compiled import compiled
from models.hazard.layout import (
    AGE,
    AGE_OF,
    FAST,
    FIRST_SLOT,
    MODELS,
    PERIODS_MIN,
    PHASES,
    PRIOR,
    SLOT_KEEP,
    SLOT_MIN,
    VISITS,
)

SHRINK = 0.7
"""Visits that the slow rate counts as."""
MIXING = 0.0002
SPREADING = 0.05
"""What is known of how minutes with an event are filled moves by so much with each of them."""
FAST_MIN, SLOW_MIN = 180.0, 4 * 1440.0
"""Minutes after which an event counts half in the rates."""
LEAST, MOST = 1e-5, 0.999


@compiled
def slot_of(period: int, minute: int) -> int:
    """The place of a minute's slot of a period among all slots."""
    return int(FIRST_SLOT[period] + minute % PERIODS_MIN[period] // SLOT_MIN[period])


@compiled
def visits(state: Any, period: int) -> float:
    """How often the slot that comes next was visited so far, forgetting."""
    return float(VISITS[period, min(state.minutes // PERIODS_MIN[period], VISITS.shape[1] - 1)])


@compiled
def chance_of(state: Any, model: int, minute: int, since: int) -> float:
    """What one model says of one minute, `since` minutes after the last event."""
    if model < PHASES:
        return chance_in(state, model, slot_of(model, minute))
    if model == AGE:
        age = AGE_OF[min(since, len(AGE_OF) - 1)]
        p = (state.age_hits[age] + SHRINK * state.slow) / (state.age_visits[age] + SHRINK)
    else:
        p = state.fast if model == FAST else state.slow
    return float(min(max(p, LEAST), MOST))


@compiled
def chance_in(state: Any, period: int, slot: int) -> float:
    """What a period says of a minute in that slot of it."""
    p = (state.hits[slot] + SHRINK * state.slow) / (visits(state, period) + SHRINK)
    return float(min(max(p, LEAST), MOST))


@compiled
def follow(state: Any, event: float, time_s: int, step_s: int) -> None:
    """Takes in whether the step that begins at `time_s` had an event (1 or 0); NaN = not observed.

    What a step that crosses minutes had may have been in each of those that end with it.
    """
    minute = time_s // 60
    if minute != state.minute:
        if state.so_far > 0:
            close(state)
        if state.minute >= 0:
            state.since += max(0, minute - state.minute)
        begin(state, minute)
    if not math.isnan(event):
        state.so_far = event if math.isnan(state.so_far) else max(state.so_far, event)
        state.steps_so_far += 1
        state.busy_so_far += event
    minutes = (time_s + step_s) // 60 - minute
    share = event / minutes if minutes > 1 else state.so_far
    for _ in range(minutes):
        state.so_far = share
        close(state)
    if minutes > 1 and event > 0:
        state.since = minutes // 2


@compiled
def close(state: Any) -> None:
    """The minute is over: weights and models learn from it; the next one begins."""
    learn(state)
    if state.so_far >= 1 and state.steps_so_far > 1:
        others = (state.busy_so_far - 1) / (state.steps_so_far - 1)
        state.spread += SPREADING * (others - state.spread)
    begin(state, state.minute + 1)


@compiled
def begin(state: Any, minute: int) -> None:
    """Nothing is known of the minute yet."""
    state.minute, state.so_far, state.steps_so_far, state.busy_so_far = minute, math.nan, 0, 0.0


@compiled
def learn(state: Any) -> None:
    """What the minute had."""
    if math.isnan(state.so_far):
        state.since += 1
        return
    event, minute = state.so_far, state.minute
    total = 0.0
    for model in range(MODELS):
        slot = slot_of(model, minute) if model < PHASES else -1
        p = chance_in(state, model, slot) if model < PHASES else chance_of(state, model, minute, state.since)
        state.weight[model] *= event * p + (1 - event) * (1 - p)
        total += state.weight[model]
        if model < PHASES:
            # A slot of several minutes is visited once a minute; what it had is forgotten by the visit.
            state.hits[slot] = SLOT_KEEP[model] * state.hits[slot] + event / SLOT_MIN[model]
    for model in range(MODELS):
        state.weight[model] = (1 - MIXING) * state.weight[model] / total + MIXING * PRIOR[model]
    age = AGE_OF[min(state.since, len(AGE_OF) - 1)]
    state.age_hits[age] = 0.97 * state.age_hits[age] + event
    state.age_visits[age] = 0.97 * state.age_visits[age] + 1
    state.minutes += 1
    state.fast += max(1 - 0.5 ** (1 / FAST_MIN), 1 / (state.minutes + 20.0)) * (event - state.fast)
    state.slow += max(1 - 0.5 ** (1 / SLOW_MIN), 1 / (state.minutes + 100.0)) * (event - state.slow)
    # A part of an event of a longer step breaks no age: which minute had it is not known.
    state.since = 0 if event >= 1 else state.since + 1


@compiled
def chance(state: Any, from_s: int, until_s: int, step_s: int) -> float:
    """The chance of an event in [from_s, until_s), which lies after what is known.

    A minute with an event, or a longer step, is reckoned to have as many requests as of late, each of them at
    any of its seconds alike.
    """
    some = 0.0
    begun = state.so_far > 0
    first, per_step, many = from_s // 60, max(1, step_s // 60), many_at_once(state, step_s)
    for model in range(MODELS):
        none, within = 1.0, 0.0
        for minute in range(first, (until_s - 1) // 60 + 1):
            ahead = minute - state.minute
            age = max(ahead - 1, 0) if begun else state.since + ahead
            p = chance_of(state, model, minute, age)
            share = (min(until_s, (minute + 1) * 60) - max(from_s, minute * 60)) / 60.0
            if begun and ahead == 0:
                within += 1 - (1 - share) ** (many - 1)
            else:
                within += p * (share if share == 1 else 1 - (1 - share) ** many)
            if (minute - first + 1) % per_step == 0:
                none *= max(0.0, 1 - within)
                within = 0.0
        some += state.weight[model] * (1 - none * max(0.0, 1 - within))
    return some


@compiled
def many_at_once(state: Any, step_s: int) -> float:
    """Requests that a minute with an event has, by how many of its steps have one; 1 where steps are long."""
    steps = 60 // step_s
    if steps < 2:
        return 1.0
    busy = min((1 + state.spread * (steps - 1)) / steps, 0.98)
    return float(math.log(1 - busy) / math.log(1 - 1 / steps))
