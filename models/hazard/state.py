"""The state of the event mixture: one record per service; the records of a fleet are one array."""

import math

import numpy as np
from numpy.typing import NDArray

PERIODS_MIN = np.array(
    [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 25, 30, 40, 45, 60, 90, 120, 180, 1440, 1440, 1440, 10080]
)
"""Given periods in minutes, at whose phases events may recur."""
SLOT_MIN = np.array([1] * 21 + [5, 60, 60])
"""Minutes per slot of each given period: a cron is exact to the minute, human habits to the hour."""
FIRST_SLOT = np.concatenate([[0], np.cumsum(-(-PERIODS_MIN // SLOT_MIN))])
"""Index of the first slot of each period among all slots; the last entry is the number of slots."""
VISIT_DECAY, LONG_VISIT_DECAY = 0.97, 0.87
"""Weight of a visit after one more visit: of ages, of detected periods and of given periods below a day, and
of given periods of a day and more.  Chosen by hand; `tests/bench/sensitivity.py` shows their effect."""
PHASE_DECAY = np.where(PERIODS_MIN < 1440, VISIT_DECAY, LONG_VISIT_DECAY)
"""(PHASES,) weight of a visit of a slot after one more, by given period."""
MINUTE_DECAY = PHASE_DECAY ** (1 / SLOT_MIN)
"""(PHASES,) the same for one minute of a slot of several minutes."""
PHASES = len(PERIODS_MIN)
DAILY = int(np.flatnonzero(PERIODS_MIN == 1440)[0])
"""Index of the day in slots of one minute."""
LOCAL_FROM_MIN = 720
"""Phases of periods from this one on are of local time; those of shorter periods are of Unix time."""
FIRST_LOCAL = int(np.flatnonzero(PERIODS_MIN >= LOCAL_FROM_MIN)[0])
"""Index of the first period whose phases are of local time."""
DETECTED, STARTS_KEPT = 2, 64
"""Periods that may be detected (models.hazard.periods), and event starts that are kept for the detection."""
MAX_PERIOD_MIN = 10080
"""Longest period in minutes: a week."""
KNOWN_PERIOD = np.isin(np.arange(MAX_PERIOD_MIN + 1), PERIODS_MIN[PERIODS_MIN < 1440])
"""By minutes: periods that need no detection.  A day is detected nevertheless: its phase is then more
exact."""

AGE, FAST, SLOW, FIRST_DETECTED = PHASES, PHASES + 1, PHASES + 2, PHASES + 3
WEEKDAY = FIRST_DETECTED + DETECTED
UPSTREAM = WEEKDAY + 1
COMPONENTS = UPSTREAM + 1
"""Indices of the components of the mixture: 0..PHASES - 1 the phases of the given periods; the time since the
last event; a fast and a slow rate; the detected periods; the day by hours of the week; the time since the
last event of the upstream service.  COMPONENTS is their number."""
DAY_MIN, HOURS_A_WEEK = 1440, 168
"""Minutes of a day, hours of a week."""
UPSTREAM_AGES = 32
"""Minutes since an upstream event that are distinguished.  Chosen by hand."""
PSEUDO_VISITS = 0.7
"""Visits at the slow rate that every slot and every age starts with.  Chosen by hand;
`tests/bench/sensitivity.py` shows its effect."""

VISITS = np.array([(1 - decay ** np.arange(1500.0)) / (1 - decay) for decay in PHASE_DECAY])
"""(PHASES, 1500) decayed visits of a slot by the number of visits; beyond 1500 the sum no longer changes."""

EXACT_AGES = 60
"""Ages up to this many minutes are distinguished by the minute."""
AGES = 96
"""Bins of ages: beyond EXACT_AGES they widen geometrically, up to four weeks."""
_AGE_RANGE = math.log(28 * 1440 / EXACT_AGES)

FIRST_RATE = 0.01
"""Events per minute before any minute was observed.  Chosen by hand."""
MIN_AGE = 1440
"""Minutes since the last event that are assumed before any event was observed.  Chosen by hand."""

STATE = np.dtype(
    [
        # The current minute, since the Unix epoch, and the number of observed minutes.
        ("minute", "i8"),
        ("minutes", "i8"),
        # The current minute so far: whether it has an event (NaN = not observed), its observed steps and the
        # steps with an event.  Over past minutes with an event: the share of their other steps with one.
        ("minute_event", "f4"),
        ("minute_steps", "i8"),
        ("minute_busy_steps", "f4"),
        ("busy_share", "f4"),
        # Minutes since the last event.
        ("age", "i8"),
        # Decayed events by slot of the given periods; events and visits by age.
        ("hits", "f4", (int(FIRST_SLOT[-1]),)),
        ("age_hits", "f4", (AGES,)),
        ("age_visits", "f4", (AGES,)),
        # A ring of the minutes at which events start, and the number of starts.
        ("start_minute", "i4", (STARTS_KEPT,)),
        ("starts", "i8"),
        # Detected periods in minutes, 0 = none, and their phases; events and visits of the minute at the
        # phase, of the adjacent minutes, and of all others.
        ("detected_min", "i4", (DETECTED,)),
        ("detected_phase", "i4", (DETECTED,)),
        ("detected_hits", "f4", (DETECTED, 3)),
        ("detected_visits", "f4", (DETECTED, 3)),
        # By hour of the week: events, and those that the phase of the day expected.
        ("week_events", "f4", (HOURS_A_WEEK,)),
        ("week_expected", "f4", (HOURS_A_WEEK,)),
        # Whether the service has an upstream service; whether that had an event in the current minute, and
        # whole minutes since its last event; events and visits of the service by this age.
        ("has_upstream", "u1"),
        ("upstream_event", "f4"),
        ("upstream_age", "i8"),
        ("upstream_hits", "f4", (UPSTREAM_AGES,)),
        ("upstream_visits", "f4", (UPSTREAM_AGES,)),
        # Events per minute with a short and a long memory; the weights of the components.
        ("fast_rate", "f4"),
        ("slow_rate", "f4"),
        ("weight", "f8", (COMPONENTS,)),
    ]
)

PRIOR_WEIGHTS = np.concatenate(
    [np.full(PHASES, 0.48 / PHASES), [0.25, 0.1, 0.15], np.zeros(DETECTED), [0.02, 0]]
)
"""(COMPONENTS,) weights before anything was observed: phases together 0.48, age 0.25, fast rate 0.1, slow
rate 0.15, weekday 0.02.  Chosen by hand."""
ADDED_WEIGHT = 0.1
"""Prior weight of a detected period, and of an upstream service, from its detection on.  Chosen by hand."""
AGE_BIN = np.array(
    [
        age if age < EXACT_AGES else
        min(AGES - 1, EXACT_AGES + int((AGES - EXACT_AGES) * math.log(age / EXACT_AGES) / _AGE_RANGE))
        for age in range(28 * 1440)
    ]
)  # fmt: skip
"""(28 days,) the bin of each age in minutes."""


def start(services: int) -> NDArray[np.void]:
    """(s,) STATE of services of which nothing was observed."""
    state = np.zeros(services, STATE)
    state["minute"] = -1
    state["minute_event"] = np.nan
    state["age"] = state["upstream_age"] = MIN_AGE
    state["fast_rate"] = state["slow_rate"] = FIRST_RATE
    state["weight"] = PRIOR_WEIGHTS
    return state


def set_upstream(
    state: NDArray[np.void], has_upstream: NDArray[np.bool_], changed: NDArray[np.bool_]
) -> None:
    """Set which services have an upstream service, and forget what was learned of a previous one.

    state         (s,) STATE, changed in place
    has_upstream  (s,) the service has an upstream service now
    changed       (s,) it had another one before, or none: what was learned is reset
    """
    state["has_upstream"] = has_upstream
    for name in ("upstream_event", "upstream_hits", "upstream_visits"):
        state[name][changed] = 0
    state["upstream_age"][changed] = MIN_AGE
    # The other components share the weight of the previous upstream service, and give that of the new one.
    weight, added = state["weight"][changed], np.where(has_upstream[changed], ADDED_WEIGHT, 0.0)
    weight[:, UPSTREAM] = 0.0
    weight *= ((1 - added) / weight.sum(axis=1))[:, np.newaxis]
    weight[:, UPSTREAM] = added
    state["weight"][changed] = weight
