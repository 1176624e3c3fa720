"""Profiles of day, week and hour: recency-weighted means of log rates, slot by slot.

A slot's mean moves by `gain` of the way to what came, once a visit; the first visit sets it.  It is read
smoothed over its neighbours (1/4, 1/2, 1/4; slots never visited left out), and NaN where none was visited.
Day and week are those of the wall clock (models.numeric.clock), the hour is of Unix time.
"""

import math
from typing import Any

from models.numeric.clock import local_time_s
from models.numeric.compiled import compiled
from models.peak.state import DAY_SLOTS, HOUR_SLOT_S, HOUR_SLOTS, SLOT_S, UNVISITED, WEEK_SLOTS, WEEK_UNIT

DAY_GAIN, WEEK_GAIN, HOUR_GAIN = 0.3, 0.5, 0.1
LOWEST = UNVISITED * WEEK_UNIT + 0.5
"""No log rate is as low: what is, or is NaN, was never visited."""


@compiled
def moved(mean: float, came: float, gain: float) -> float:
    """The mean after one more visit."""
    return came if math.isnan(mean) else mean + gain * (came - mean)


@compiled
def follow(state: Any, z: float, time_s: int, step_s: int, here: Any) -> None:
    """Takes in the log rate of the step that begins at `time_s`; NaN does not count."""
    slot = local_time_s(here, time_s) // SLOT_S
    if slot != state.slot:
        close(state)
        state.slot = slot
    if math.isnan(z):
        return
    state.slot_sum += z
    state.slot_steps += 1
    hour = time_s // HOUR_SLOT_S % HOUR_SLOTS
    for each in range(hour, hour + max(1, step_s // HOUR_SLOT_S)):
        state.hour[each % HOUR_SLOTS] = moved(state.hour[each % HOUR_SLOTS], z, HOUR_GAIN)


@compiled
def close(state: Any) -> None:
    """The slot that was passed through is over: it is one visit of its time of day and of week."""
    if state.slot_steps > 0:
        mean = state.slot_sum / state.slot_steps
        day, week = state.slot % DAY_SLOTS, state.slot % WEEK_SLOTS
        state.day[day] = moved(state.day[day], mean, DAY_GAIN)
        before = state.week[week] * WEEK_UNIT if state.week[week] != UNVISITED else math.nan
        state.week[week] = round(moved(before, mean, WEEK_GAIN) / WEEK_UNIT)
    state.slot_sum, state.slot_steps = 0.0, 0.0


@compiled
def smooth(table: Any, slots: int, slot: int, unit: float) -> float:
    """The mean of a slot and its neighbours, kept in `unit`; NaN where none was visited."""
    total, weight = 0.0, 0.0
    for beside in range(-1, 2):
        value = table[(slot + beside) % slots] * unit
        if value > LOWEST:
            share = 0.5 if beside == 0 else 0.25
            total += share * value
            weight += share
    return total / weight if weight > 0 else math.nan


@compiled
def highest(table: Any, slots: int, slot_s: int, from_s: int, until_s: int, unit: float = 1.0) -> float:
    """The highest smoothed mean of the slots that [from_s, until_s) touches; NaN where none was visited."""
    most = math.nan
    for slot in range(from_s // slot_s, (until_s - 1) // slot_s + 1):
        value = smooth(table, slots, slot % slots, unit)
        if math.isnan(most) or value > most:
            most = value
    return most


@compiled
def highest_shown(table: Any, slots: int, here: Any, from_s: int, until_s: int, unit: float = 1.0) -> float:
    """The same of a profile of day or week, whose slots are those that the wall clock shows meanwhile."""
    most = math.nan
    for slot in range(from_s // SLOT_S, (until_s - 1) // SLOT_S + 1):
        value = smooth(table, slots, local_time_s(here, slot * SLOT_S) // SLOT_S % slots, unit)
        if math.isnan(most) or value > most:
            most = value
    return most
