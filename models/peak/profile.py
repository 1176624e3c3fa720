"""Seasonal profiles of the day, the week and the hour: exponentially weighted means of log rates, by slot.

At each visit of a slot, its mean moves by a share, the gain, towards the observed mean; the first visit sets
it.  A profile is read smoothed over neighbouring slots (weights 1/4, 1/2, 1/4; slots that were never visited
are left out), and gives NaN where none of the three was visited.  The profiles of day and week use local time
(models.numeric.clock), that of the hour uses Unix time.
"""

import math
from typing import Any

from models.numeric.clock import local_time_s
from models.numeric.compiled import compiled
from models.peak.state import DAY_SLOTS, HOUR_SLOT_S, HOUR_SLOTS, SLOT_S, UNVISITED, WEEK_SLOTS, WEEK_UNIT

DAY_GAIN, WEEK_GAIN, HOUR_GAIN = 0.3, 0.5, 0.1
"""Share of the way to the observed mean, once a day, once a week and once an hour.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""
MIN_VISITED = UNVISITED * WEEK_UNIT + 0.5
"""Log rate below which a value marks a slot that was never visited; no observed log rate is as low."""


@compiled
def updated_mean(mean: float, actual: float, gain: float) -> float:
    """The mean of a slot after one more visit; `mean` is NaN before the first."""
    return actual if math.isnan(mean) else mean + gain * (actual - mean)


@compiled
def update_profiles(state: Any, z: float, time_s: int, step_s: int, zone: Any) -> None:
    """Update the profiles with the log rate z of the step that begins at `time_s`; NaN changes no mean.

    zone   ZoneTable of the service
    """
    slot = local_time_s(zone, time_s) // SLOT_S
    if slot != state.slot:
        close_slot(state)
        state.slot = slot
    if math.isnan(z):
        return
    state.slot_sum += z
    state.slot_steps += 1
    first = time_s // HOUR_SLOT_S % HOUR_SLOTS
    for hour_slot in range(first, first + max(1, step_s // HOUR_SLOT_S)):
        state.hour[hour_slot % HOUR_SLOTS] = updated_mean(state.hour[hour_slot % HOUR_SLOTS], z, HOUR_GAIN)


@compiled
def close_slot(state: Any) -> None:
    """Count the slot that has ended as one visit of its time of day and of its time of week."""
    if state.slot_steps > 0:
        mean = state.slot_sum / state.slot_steps
        day, week = state.slot % DAY_SLOTS, state.slot % WEEK_SLOTS
        state.day[day] = updated_mean(state.day[day], mean, DAY_GAIN)
        week_mean = state.week[week] * WEEK_UNIT if state.week[week] != UNVISITED else math.nan
        state.week[week] = round(updated_mean(week_mean, mean, WEEK_GAIN) / WEEK_UNIT)
    state.slot_sum, state.slot_steps = 0.0, 0.0


@compiled
def smoothed(profile: Any, slots: int, slot: int, unit: float) -> float:
    """The smoothed mean at a slot of a profile (slots,) in units of `unit`; NaN where none was visited."""
    total, weight = 0.0, 0.0
    for offset in range(-1, 2):
        value = profile[(slot + offset) % slots] * unit
        if value > MIN_VISITED:
            share = 0.5 if offset == 0 else 0.25
            total += share * value
            weight += share
    return total / weight if weight > 0 else math.nan


@compiled
def max_in_window(profile: Any, slots: int, slot_s: int, from_s: int, until_s: int) -> float:
    """The maximum smoothed mean of the slots in [from_s, until_s), Unix time; NaN where none was visited.

    profile   (slots,) log rates of slots of `slot_s` seconds
    """
    maximum = math.nan
    for slot in range(from_s // slot_s, (until_s - 1) // slot_s + 1):
        value = smoothed(profile, slots, slot % slots, 1.0)
        if math.isnan(maximum) or value > maximum:
            maximum = value
    return maximum


@compiled
def max_in_local_window(
    profile: Any, slots: int, zone: Any, from_s: int, until_s: int, unit: float = 1.0
) -> float:
    """As `max_in_window`, of a profile of day or week: the slots are those of the local time in the window.

    profile   (slots,) log rates in units of `unit`, of slots of SLOT_S
    zone      ZoneTable of the service
    """
    maximum = math.nan
    for slot in range(from_s // SLOT_S, (until_s - 1) // SLOT_S + 1):
        value = smoothed(profile, slots, local_time_s(zone, slot * SLOT_S) // SLOT_S % slots, unit)
        if math.isnan(maximum) or value > maximum:
            maximum = value
    return maximum
