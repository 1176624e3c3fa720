"""Detected periods: any distance in minutes that the events of a service keep.

The last STARTS_KEPT event starts are folded by every distance between a few of them.  A period P has m cycles
in their span, of which h have an event at the phase (or within `phase_reach` minutes of it).  At random, with
as many events, a cycle would have one with probability q.  The log-likelihood gain of the period is

    gain = h·log(r/q) + (m − h)·log((1 − r)/(1 − q)),   r = h/m

The period with the largest gain is detected if the gain exceeds MIN_LOG_ODDS, so that it is no accident among
all that were tried, and if at least MIN_HIT_SHARE of its cycles have an event: folding after [lomb1976] and
[scargle1982], with counts in place of waves.  The events that the first period explains are left out, and a
second one is searched for.
"""

import math
from typing import Any

from models.hazard.state import (
    DETECTED,
    KNOWN_PERIOD,
    MAX_PERIOD_MIN,
    PSEUDO_VISITS,
    STARTS_KEPT,
    VISIT_DECAY,
)
from models.numeric.compiled import compiled

MIN_EVENTS, SEARCH_EVENTS = 4, 4
"""Event starts before the first search, and between two searches.  Chosen by hand."""
RARE_MIN = 360
"""After an event this many minutes after the last one there is a search at once: SEARCH_EVENTS more may take
weeks.  Chosen by hand."""
MIN_CYCLES, MIN_HIT_SHARE = 4, 0.6
"""Cycles in the span that a period needs, and the share of them with an event.  Chosen by hand."""
MAX_NEIGHBOURS = 3
"""Earlier events whose distance to an event is tried as a period.  Chosen by hand."""
MIN_LOG_ODDS = 16.0
"""Smallest gain, in nats, of a detected period: it pays for 190 distances at as many phases, and for repeated
searches."""
WIDE_MIN = 20
"""From this period on, in minutes, the minutes adjacent to the phase count as hits too: a cron takes time to
send its request.  Chosen by hand."""
MAX_VISITS = 30.0
"""Visits that a new period starts with, at most: about the sum that VISIT_DECAY leads to in the long run."""
EXACT, ADJACENT, OFF_PHASE = range(3)
"""Classes of a minute by its distance from the phase of a period."""


@compiled
def phase_class(state: Any, which: int, minute: int) -> int:
    """The class of a minute in a detected period: EXACT, ADJACENT or OFF_PHASE."""
    period = state.detected_min[which]
    late = (minute - state.detected_phase[which]) % period
    if late == 0:
        return EXACT
    return ADJACENT if period >= WIDE_MIN and (late == 1 or late == period - 1) else OFF_PHASE


@compiled
def detected_prob(state: Any, which: int, minute: int) -> float:
    """The probability of an event in a minute, by the detected periods 0..which together; 0 without a period.

    The maximum over the periods: a service with events on Mondays and Thursdays has two, and each alone would
    be refuted by the events of the other.
    """
    prob = 0.0
    for i in range(which + 1):
        if state.detected_min[i] > 0:
            k = phase_class(state, i, minute)
            hits, visits = state.detected_hits[i, k], state.detected_visits[i, k]
            prob = max(prob, (hits + PSEUDO_VISITS * state.slow_rate) / (visits + PSEUDO_VISITS))
    return float(prob)


@compiled
def learn_detected(state: Any, minute: int, event: float) -> None:
    """Count a minute and its event at its class of every detected period."""
    for i in range(DETECTED):
        if state.detected_min[i] > 0:
            k = phase_class(state, i, minute)
            state.detected_hits[i, k] = VISIT_DECAY * state.detected_hits[i, k] + event
            state.detected_visits[i, k] = VISIT_DECAY * state.detected_visits[i, k] + 1


@compiled
def record_start(state: Any, minute: int) -> bool:
    """Record that an event starts in a minute; True where it is time to search for periods."""
    state.start_minute[state.starts % STARTS_KEPT] = minute
    state.starts += 1
    pending = state.starts % SEARCH_EVENTS == 0 or state.age >= RARE_MIN
    return bool(state.starts >= MIN_EVENTS and pending)


@compiled
def detect_periods(state: Any, times: Any, unexplained: Any) -> None:
    """Search for periods in the recorded event starts, and set them.

    times, unexplained   (STARTS_KEPT,) scratch space: int64 minutes, and flags of events that no period
                         explains
    """
    n = min(state.starts, STARTS_KEPT)
    for i in range(n):
        times[i] = state.start_minute[(state.starts - n + i) % STARTS_KEPT]
        unexplained[i] = True
    for which in range(DETECTED):
        period, phase = best_period(times, unexplained, n)
        if period == 0 or KNOWN_PERIOD[period]:
            state.detected_min[which] = 0
        elif period != state.detected_min[which] or (phase - state.detected_phase[which]) % period != 0:
            state.detected_min[which], state.detected_phase[which] = period, phase
            start_period(state, which, times, n)
        if period == 0:
            continue
        for i in range(n):
            late = (times[i] - phase) % period
            unexplained[i] = unexplained[i] and min(late, period - late) > phase_reach(period)


@compiled
def phase_reach(period: int) -> int:
    """Minutes to each side of the phase that count as hits of a period."""
    return 1 if period >= WIDE_MIN else 0


@compiled
def best_period(times: Any, unexplained: Any, n: int) -> tuple[int, int]:
    """The period with the largest gain, and its phase, in minutes; (0, 0) if no gain exceeds MIN_LOG_ODDS.

    times, unexplained   (n,) as in `detect_periods`
    """
    max_gain, period, phase = MIN_LOG_ODDS, 0, 0
    max_distance = min(MAX_PERIOD_MIN, span(times, unexplained, n) // 3)
    for i in range(n):
        neighbours = 0
        for k in range(i - 1, -1, -1):
            if not unexplained[i] or not unexplained[k] or neighbours == MAX_NEIGHBOURS:
                continue
            neighbours += 1
            distance = times[i] - times[k]
            if distance < 2 or distance > max_distance:
                continue
            gain = period_gain(times, unexplained, n, distance, times[i])
            if gain > max_gain:
                max_gain, period, phase = gain, distance, times[i]
    return period, phase


@compiled
def span(times: Any, unexplained: Any, n: int) -> int:
    """Minutes from the first to the last of the unexplained times (n,)."""
    first, last = -1, -1
    for i in range(n):
        if unexplained[i]:
            first = times[i] if first < 0 else first
            last = times[i]
    return int(last - first + 1)


@compiled
def period_gain(times: Any, unexplained: Any, n: int, period: int, phase: int) -> float:
    """The log-likelihood gain of a period over random events, in nats; 0 where too few cycles have an event.

    times, unexplained   (n,) as in `detect_periods`
    """
    minutes, events = span(times, unexplained, n), 0
    cycles = minutes // period + 1
    if cycles < MIN_CYCLES:
        return 0.0
    reach = phase_reach(period)
    hits, last_hit = 0, -1
    for i in range(n):
        if unexplained[i]:
            events += 1
            cycle, late = divmod(times[i] - phase + reach, period)
            if late <= 2 * reach and cycle != last_hit:
                hits += 1
                last_hit = cycle
    if hits < MIN_HIT_SHARE * cycles or events < MIN_EVENTS:
        return 0.0
    r = min(hits / cycles, 1 - 0.5 / cycles)
    q = 1 - math.exp(-events * (2 * reach + 1) / minutes)
    if r <= q:
        return 0.0
    misses = max(cycles - hits, 0)
    return hits * math.log(r / q) + misses * math.log((1 - r) / (1 - q))


@compiled
def start_period(state: Any, which: int, times: Any, n: int) -> None:
    """Set the hits and visits of a new period from the events (n,) that it was detected by."""
    minutes = float(times[n - 1] - times[0] + 1)
    cycles = minutes // state.detected_min[which] + 1
    visits = min(cycles, MAX_VISITS)
    state.detected_hits[which] = 0.0
    for i in range(n):
        state.detected_hits[which, phase_class(state, which, times[i])] += 1.0
    state.detected_visits[which, EXACT], state.detected_visits[which, OFF_PHASE] = visits, MAX_VISITS
    state.detected_visits[which, ADJACENT] = min(2 * visits, MAX_VISITS)
    for k, count in ((EXACT, cycles), (ADJACENT, 2 * cycles), (OFF_PHASE, minutes)):
        state.detected_hits[which, k] *= state.detected_visits[which, k] / count
