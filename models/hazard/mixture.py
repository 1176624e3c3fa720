"""The chance of an event in the minutes ahead: a Bayes mixture of what may bring events.

Model i says p_i for each minute:

phase of a period P   hits / visits of the minute's slot, forgetting, shrunk to the slow rate; of a day and
                      more by the wall clock (models.numeric.clock), in slots of a minute and in wider ones
days of the week      the phase of the day by hours of the week (models.hazard.weekday)
found periods         the same by whether the minute is the one of the phase, of the first one found, and of
                      either of both (models.hazard.periods)
age                   the same by minutes since the last event; it contains the hybrid histogram (Shahrad et
                      al., Serverless in the Wild, USENIX ATC 2020)
fast, slow            rates that forget within hours and within days

Weights follow the likelihood of what came, w_i <- w_i p_i or w_i (1 - p_i), and some of the prior comes back
with each event that comes or is expected, so that a cron that changes is found again.  Minutes in which
nothing is expected and nothing comes tell nothing: who has one event a day would forget all in between.
"""

import math
from typing import Any

import numpy as np

from models.hazard.periods import chance_found, learn_found, look, remember
from models.hazard.state import (
    AGE,
    AGE_OF,
    CALLED,
    DAILY,
    EVENTS,
    FAST,
    FIRST_FOUND,
    FIRST_SHOWN,
    FIRST_SLOT,
    FOUND,
    FOUND_PRIOR,
    LOCAL_FROM_MIN,
    MODELS,
    PERIODS_MIN,
    PHASES,
    PRIOR,
    SLOT_KEEP,
    SLOT_MIN,
    VISITS,
    WEEKDAY,
)
from models.hazard.upstream import call_age, chance_called, close_call, hear, learn_called
from models.hazard.weekday import chance_on, learn_on
from models.numeric.clock import local_time_s
from models.numeric.compiled import compiled, compiled_loop

SHRINK = 0.7
"""Visits that the slow rate counts as."""
MIXING, SHARE = 0.0005, 0.02
"""Of the prior that comes back: in a minute at most, and with each event that comes or is expected."""
SPREADING = 0.05
"""What is known of how minutes with an event are filled moves by so much with each of them."""
FAST_MIN, SLOW_MIN = 180.0, 4 * 1440.0
"""Minutes after which an event counts half in the rates."""
LEAST, MOST = 1e-5, 0.999


@compiled
def slot_of(period: int, minute: int, shown: int) -> int:
    """The place of a minute's slot of a period among all slots; shown: the same minute by the wall clock."""
    minute = shown if PERIODS_MIN[period] >= LOCAL_FROM_MIN else minute
    return int(FIRST_SLOT[period] + minute % PERIODS_MIN[period] // SLOT_MIN[period])


@compiled
def visits(state: Any, period: int) -> float:
    """How often the slot that comes next was visited so far, forgetting."""
    return float(VISITS[period, min(state.minutes // PERIODS_MIN[period], VISITS.shape[1] - 1)])


@compiled
def chance_in(state: Any, period: int, slot: int) -> float:
    """What a period says of a minute in that slot of it."""
    p = (state.hits[slot] + SHRINK * state.slow) / (visits(state, period) + SHRINK)
    return float(min(max(p, LEAST), MOST))


@compiled
def chance_at(state: Any, period: int, minute: int, shown: int) -> float:
    """What the phase of a period says of one minute; shown: as in `slot_of`."""
    return chance_in(state, period, slot_of(period, minute, shown))


@compiled
def chance_of(state: Any, model: int, minute: int, shown: int, since: int, call_since: int) -> float:
    """What one model says of one minute, so long after the last event, and call; shown: as in `slot_of`."""
    if model < PHASES:
        p = chance_at(state, model, minute, shown)
    elif model == CALLED:
        p = chance_called(state, call_since, SHRINK)
    elif model == WEEKDAY:
        p = chance_on(state, shown, chance_at(state, DAILY, minute, shown))
    elif model >= FIRST_FOUND:
        p = chance_found(state, model - FIRST_FOUND, minute, SHRINK)
    elif model == AGE:
        age = AGE_OF[min(since, len(AGE_OF) - 1)]
        p = (state.age_hits[age] + SHRINK * state.slow) / (state.age_visits[age] + SHRINK)
    else:
        p = state.fast if model == FAST else state.slow
    return float(min(max(p, LEAST), MOST))


@compiled
def follow(state: Any, event: float, time_s: int, step_s: int, here: Any, call: float = math.nan) -> None:
    """Takes in whether the step that begins at `time_s` had an event (1 or 0); NaN = not observed.

    call   the same of the caller, where there is one

    What a step that crosses minutes had may have been in each of those that end with it.
    """
    minute = time_s // 60
    if minute != state.minute:
        if state.so_far > 0:
            close(state, here)
        if state.minute >= 0:
            state.since += max(0, minute - state.minute)
            close_call(state, max(0, minute - state.minute))
        begin(state, minute)
    if not math.isnan(event):
        state.so_far = event if math.isnan(state.so_far) else max(state.so_far, event)
        state.steps_so_far += 1
        state.busy_so_far += event
    hear(state, call)
    minutes = (time_s + step_s) // 60 - minute
    share = event / minutes if minutes > 1 else state.so_far
    for _ in range(minutes):
        state.so_far = share
        close(state, here)
    if minutes > 1 and event > 0:
        state.since = minutes // 2


@compiled
def close(state: Any, here: Any) -> None:
    """The minute is over: weights and models learn from it; the next one begins."""
    learn(state, here)
    close_call(state, 1)
    if state.so_far >= 1 and state.steps_so_far > 1:
        others = (state.busy_so_far - 1) / (state.steps_so_far - 1)
        state.spread += SPREADING * (others - state.spread)
    begin(state, state.minute + 1)


@compiled
def begin(state: Any, minute: int) -> None:
    """Nothing is known of the minute yet."""
    state.minute, state.so_far, state.steps_so_far, state.busy_so_far = minute, math.nan, 0, 0.0


@compiled
def learn(state: Any, here: Any) -> None:
    """What the minute had."""
    if math.isnan(state.so_far):
        state.since += 1
        return
    event, minute = state.so_far, state.minute
    shown = local_time_s(here, minute * 60) // 60
    # A minute of the day in which nothing was ever seen is wanted on no day of the week.
    wanted = min(chance_at(state, DAILY, minute, shown), state.hits[slot_of(DAILY, minute, shown)])
    reweigh(state, event, minute, shown)
    learn_on(state, shown, wanted, event)
    learn_found(state, minute, event)
    if state.called:
        learn_called(state, event)
    if event >= 1 and state.since > 0 and remember(state, minute):
        look_anew(state)
    age = AGE_OF[min(state.since, len(AGE_OF) - 1)]
    state.age_hits[age] = 0.97 * state.age_hits[age] + event
    state.age_visits[age] = 0.97 * state.age_visits[age] + 1
    state.minutes += 1
    state.fast += max(1 - 0.5 ** (1 / FAST_MIN), 1 / (state.minutes + 20.0)) * (event - state.fast)
    state.slow += max(1 - 0.5 ** (1 / SLOW_MIN), 1 / (state.minutes + 100.0)) * (event - state.slow)
    # A part of an event of a longer step breaks no age: which minute had it is not known.
    state.since = 0 if event >= 1 else state.since + 1


@compiled_loop
def look_anew(state: Any) -> None:
    """Periods are looked for in the events that are remembered; what is found anew begins with its prior."""
    known = state.found_min.copy()
    look(state, np.zeros(EVENTS, np.int64), np.zeros(EVENTS, np.bool_))
    for which in range(FOUND):
        if state.found_min[which] != known[which]:
            begin_with(state, FIRST_FOUND + which, FOUND_PRIOR if state.found_min[which] > 0 else 0.0)


@compiled
def reweigh(state: Any, event: float, minute: int, shown: int) -> None:
    """The weights, by what each model had said of the minute, and what phases learn; weights add up to 1."""
    total, prior, said = 0.0, 1.0, 0.0
    for model in range(MODELS):
        if state.weight[model] > 0:
            p = chance_of(state, model, minute, shown, state.since, state.call_since)
            said += state.weight[model] * p
            state.weight[model] *= event * p + (1 - event) * (1 - p)
            total += state.weight[model]
    for model in range(PHASES):
        # A slot of several minutes is visited once a minute; what it had is forgotten by the visit.
        slot = slot_of(model, minute, shown)
        state.hits[slot] = SLOT_KEEP[model] * state.hits[slot] + event / SLOT_MIN[model]
    for which in range(FOUND):
        prior += FOUND_PRIOR if state.found_min[which] > 0 else 0.0
    prior += FOUND_PRIOR if state.called else 0.0
    mixing = min(MIXING, SHARE * max(event, said))
    for model in range(MODELS):
        mine = PRIOR[model]
        if model == CALLED:
            mine = FOUND_PRIOR if state.called else 0.0
        elif FIRST_FOUND <= model < WEEKDAY:
            mine = FOUND_PRIOR if state.found_min[model - FIRST_FOUND] > 0 else 0.0
        state.weight[model] = (1 - mixing) * state.weight[model] / total + mixing * mine / prior


@compiled
def begin_with(state: Any, model: int, weight: float) -> None:
    """This model has that weight from now on, and the others share the rest as they did."""
    rest = (1 - weight) / max(1 - state.weight[model], LEAST)
    for other in range(MODELS):
        state.weight[other] *= rest
    state.weight[model] = weight


@compiled
def chance(state: Any, from_s: int, until_s: int, step_s: int, here: Any) -> float:
    """The chance of an event in [from_s, until_s), which lies after what is known.

    A minute with an event, or a longer step, is reckoned to have as many requests as of late, each of them at
    any of its seconds alike.
    """
    some = 0.0
    begun = state.so_far > 0
    first, per_step, many = from_s // 60, max(1, step_s // 60), many_at_once(state, step_s)
    for model in range(MODELS):
        if state.weight[model] == 0:
            continue
        none, within = 1.0, 0.0
        for minute in range(first, (until_s - 1) // 60 + 1):
            ahead = minute - state.minute
            age = max(ahead - 1, 0) if begun else state.since + ahead
            shown = local_time_s(here, minute * 60) // 60 if model >= FIRST_SHOWN else minute
            p = chance_of(state, model, minute, shown, age, call_age(state, ahead))
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
