"""Periods that are found: whatever distance the events of a service keep.

The last EVENTS beginnings of events are folded over every distance that lies between a few of them.  With m
turns of a period P in their span, h of which had an event at the phase or `reach` minutes beside it, against
events that come at random as often as these do (q a turn),

    gain = h log(r/q) + (m − h) log((1 − r)/(1 − q)),   r = h/m

The period with the most is found where that gain is no accident among all that were tried (SURE), and at
least MOSTLY of its turns had an event: folding after Lomb (1976) and Scargle (1982), with counts for waves.
What the first one explains is left out, and a second one is looked for.
"""

import math
from typing import Any

from models.hazard.state import EVENTS, FOUND, KNOWN_PERIOD, LONGEST_MIN
from models.numeric.compiled import compiled

MIN_EVENTS, LOOK_EVENTS = 4, 4
"""Events without which nothing is looked for, and from one look to the next."""
RARE_MIN = 360
"""After an event so long after the last one it is looked at once: LOOK_EVENTS more may take weeks."""
MIN_TURNS, MOSTLY = 4, 0.6
APART = 3
"""Events between which a distance may be a period."""
SURE = 16.0
"""Log of odds, for 190 distances at as many phases, and for looking again and again."""
WIDE_MIN = 20
"""From this period on a minute beside the phase counts as well: a cron takes its time to call."""
FORGET = 0.97
"""What a visit of a place counts after one more."""
MAX_VISITS = 30.0
"""About what they come to in the long run."""
EXACT, BESIDE, ELSEWHERE = 0, 1, 2


@compiled
def place(state: Any, which: int, minute: int) -> int:
    """Where a minute lies in a found period: EXACT, BESIDE or ELSEWHERE."""
    period = state.found_min[which]
    late = (minute - state.found_phase[which]) % period
    if late == 0:
        return EXACT
    return BESIDE if period >= WIDE_MIN and (late == 1 or late == period - 1) else ELSEWHERE


@compiled
def chance_found(state: Any, which: int, minute: int, shrink: float) -> float:
    """What the found periods up to this one say of one minute together; 0 where there is none.

    Who comes on Mondays and Thursdays has two: each alone would be refuted by what the other one brings.
    """
    most = 0.0
    for one in range(which + 1):
        if state.found_min[one] > 0:
            at = place(state, one, minute)
            hits, visits = state.found_hits[one, at], state.found_visits[one, at]
            most = max(most, (hits + shrink * state.slow) / (visits + shrink))
    return float(most)


@compiled
def learn_found(state: Any, minute: int, event: float) -> None:
    """What the minute had."""
    for which in range(FOUND):
        if state.found_min[which] > 0:
            at = place(state, which, minute)
            state.found_hits[which, at] = FORGET * state.found_hits[which, at] + event
            state.found_visits[which, at] = FORGET * state.found_visits[which, at] + 1


@compiled
def remember(state: Any, minute: int) -> bool:
    """An event begins; True where it is time to look for periods."""
    state.begun[state.beginnings % EVENTS] = minute
    state.beginnings += 1
    due = state.beginnings % LOOK_EVENTS == 0 or state.since >= RARE_MIN
    return bool(state.beginnings >= MIN_EVENTS and due)


@compiled
def look(state: Any, times: Any, left: Any) -> None:
    """Find periods anew.  times, left (EVENTS,) are room to work in."""
    n = min(state.beginnings, EVENTS)
    for i in range(n):
        times[i] = state.begun[(state.beginnings - n + i) % EVENTS]
        left[i] = True
    for which in range(FOUND):
        period, phase = best(times, left, n)
        if period == 0 or KNOWN_PERIOD[period]:
            state.found_min[which] = 0
        elif period != state.found_min[which] or (phase - state.found_phase[which]) % period != 0:
            state.found_min[which], state.found_phase[which] = period, phase
            adopt(state, which, times, n)
        if period == 0:
            continue
        for i in range(n):
            late = (times[i] - phase) % period
            left[i] = left[i] and min(late, period - late) > reach(period)


@compiled
def reach(period: int) -> int:
    """Minutes beside the phase that count to it."""
    return 1 if period >= WIDE_MIN else 0


@compiled
def best(times: Any, left: Any, n: int) -> tuple[int, int]:
    """The period with the most gain, and its phase, of those times (n,) that are `left`; 0: none is sure."""
    most, period, phase = SURE, 0, 0
    longest = min(LONGEST_MIN, span_of(times, left, n) // 3)
    for i in range(n):
        tried = 0
        for k in range(i - 1, -1, -1):
            if not left[i] or not left[k] or tried == APART:
                continue
            tried += 1
            distance = times[i] - times[k]
            if distance < 2 or distance > longest:
                continue
            gain = gain_of(times, left, n, distance, times[i])
            if gain > most:
                most, period, phase = gain, distance, times[i]
    return period, phase


@compiled
def span_of(times: Any, left: Any, n: int) -> int:
    """Minutes from the first to the last of the times (n,) that are `left`."""
    first, last = -1, -1
    for i in range(n):
        if left[i]:
            first = times[i] if first < 0 else first
            last = times[i]
    return int(last - first + 1)


@compiled
def gain_of(times: Any, left: Any, n: int, period: int, phase: int) -> float:
    """Log of how much likelier the events are with this period than at random; 0 where few turns have one."""
    span, events = span_of(times, left, n), 0
    turns = span // period + 1
    if turns < MIN_TURNS:
        return 0.0
    wide = reach(period)
    hits, before = 0, -1
    for i in range(n):
        if left[i]:
            events += 1
            turn, late = divmod(times[i] - phase + wide, period)
            if late <= 2 * wide and turn != before:
                hits += 1
                before = turn
    if hits < MOSTLY * turns or events < MIN_EVENTS:
        return 0.0
    share = min(hits / turns, 1 - 0.5 / turns)
    random = 1 - math.exp(-events * (2 * wide + 1) / span)
    if share <= random:
        return 0.0
    misses = max(turns - hits, 0)
    return hits * math.log(share / random) + misses * math.log((1 - share) / (1 - random))


@compiled
def adopt(state: Any, which: int, times: Any, n: int) -> None:
    """A new period: what it would have said of the events it was found by."""
    span = float(times[n - 1] - times[0] + 1)
    exact = span // state.found_min[which] + 1
    turns = min(exact, MAX_VISITS)
    state.found_hits[which] = 0.0
    for i in range(n):
        state.found_hits[which, place(state, which, times[i])] += 1.0
    state.found_visits[which, EXACT], state.found_visits[which, ELSEWHERE] = turns, MAX_VISITS
    state.found_visits[which, BESIDE] = min(2 * turns, MAX_VISITS)
    for at, minutes in ((EXACT, exact), (BESIDE, 2 * exact), (ELSEWHERE, span)):
        state.found_hits[which, at] *= state.found_visits[which, at] / minutes
