"""What the chance of events knows of each service: one record a service, all of a fleet one array."""

import math

import numpy as np
from numpy.typing import NDArray

PERIODS_MIN = np.array(
    [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 25, 30, 40, 45, 60, 90, 120, 180, 1440, 1440, 1440, 10080]
)
"""Periods at whose phases events may come again, minutes."""
SLOT_MIN = np.array([1] * 21 + [5, 60, 60])
"""Minutes of one slot of each period: a cron keeps to the minute, people to the hour."""
FIRST_SLOT = np.concatenate([[0], np.cumsum(-(-PERIODS_MIN // SLOT_MIN))])
"""Where the slots of each period begin; the last entry is where all end."""
FORGETTING = np.where(PERIODS_MIN < 1440, 0.97, 0.87)
"""What a visit of a slot counts after one more."""
SLOT_KEEP = FORGETTING ** (1 / SLOT_MIN)
"""The same for one minute of a slot of several."""
PHASES = len(PERIODS_MIN)
DAILY = int(np.flatnonzero(PERIODS_MIN == 1440)[0])
LOCAL_FROM_MIN = 720
"""Phases of periods from this one on are those of the wall clock; shorter ones go on evenly in Unix time."""
FIRST_SHOWN = int(np.flatnonzero(PERIODS_MIN >= LOCAL_FROM_MIN)[0])
"""The first of them."""
FOUND, EVENTS = 2, 64
"""Periods that may be found (models.hazard.periods), and beginnings of events that are remembered for it."""
LONGEST_MIN = 10080
KNOWN_PERIOD = np.isin(np.arange(LONGEST_MIN + 1), PERIODS_MIN[PERIODS_MIN < 1440])
"""By minutes: those that need not be found.  A day is found all the same: more is known of its phase then."""
AGE, FAST, SLOW, FIRST_FOUND = PHASES, PHASES + 1, PHASES + 2, PHASES + 3
WEEKDAY = FIRST_FOUND + FOUND
CALLED = WEEKDAY + 1
MODELS = CALLED + 1
"""Phases of each period; time since the last event; a fast and a slow rate; periods that were found; the day
by days of the week; time since the last call."""
DAY_MIN, HOURS_A_WEEK = 1440, 168
CALL_AGES = 32
"""Minutes since a call that are told apart."""

VISITS = np.array([(1 - keep ** np.arange(1500.0)) / (1 - keep) for keep in FORGETTING])
"""(PHASES, 1500) visits of a slot, forgetting, by how often it came; still more of them count nothing."""

EXACT_AGES = 60
AGES = 96
"""Ages are told apart by the minute up to EXACT_AGES, beyond it ever more coarsely, up to four weeks."""
_WIDEST = math.log(28 * 1440 / EXACT_AGES)

FIRST_RATE = 0.01
"""Events a minute, before any was seen."""

MIN_AGE = 1440
"""Minutes since the last event, as reckoned where none was seen."""

STATE = np.dtype(
    [
        ("minute", "i8"),
        ("minutes", "i8"),
        # The minute that is not over yet; of minutes with an event, the share of other steps that have one.
        ("so_far", "f4"),
        ("steps_so_far", "i8"),
        ("busy_so_far", "f4"),
        ("spread", "f4"),
        ("since", "i8"),
        ("hits", "f4", (int(FIRST_SLOT[-1]),)),
        ("age_hits", "f4", (AGES,)),
        ("age_visits", "f4", (AGES,)),
        ("begun", "i4", (EVENTS,)),
        ("beginnings", "i8"),
        # Minutes, 0 = none; hits and visits of the minute of the phase, of those beside it, of all others.
        ("found_min", "i4", (FOUND,)),
        ("found_phase", "i4", (FOUND,)),
        ("found_hits", "f4", (FOUND, 3)),
        ("found_visits", "f4", (FOUND, 3)),
        # By hour of the week: events, and those that the phase of the day expected.
        ("week_seen", "f4", (HOURS_A_WEEK,)),
        ("week_wanted", "f4", (HOURS_A_WEEK,)),
        # Whether there is a caller, what it had in this minute, and whole minutes since it had something.
        ("called", "u1"),
        ("call_so_far", "f4"),
        ("call_since", "i8"),
        ("call_hits", "f4", (CALL_AGES,)),
        ("call_visits", "f4", (CALL_AGES,)),
        ("fast", "f4"),
        ("slow", "f4"),
        ("weight", "f8", (MODELS,)),
    ]
)

PRIOR = np.concatenate([np.full(PHASES, 0.48 / PHASES), [0.25, 0.1, 0.15], np.zeros(FOUND), [0.02, 0]])
"""Weights of the models before anything was seen."""
FOUND_PRIOR = 0.1
"""That of a period, and of a caller, from when it was found."""
AGE_OF = np.array(
    [
        age if age < EXACT_AGES else
        min(AGES - 1, EXACT_AGES + int((AGES - EXACT_AGES) * math.log(age / EXACT_AGES) / _WIDEST))
        for age in range(28 * 1440)
    ]
)  # fmt: skip
"""(28 d,) the place of each age in minutes."""


def start(services: int) -> NDArray[np.void]:
    """(s,) STATE of services of which nothing is known."""
    state = np.zeros(services, STATE)
    state["minute"] = -1
    state["so_far"] = np.nan
    state["since"] = state["call_since"] = MIN_AGE
    state["fast"] = state["slow"] = FIRST_RATE
    state["weight"] = PRIOR
    return state


def with_callers(state: NDArray[np.void], called: NDArray[np.bool_], anew: NDArray[np.bool_]) -> None:
    """Lets services have a caller, `called` (s,); what was learned of the last goes where it is `anew` (s,).

    Changes state (s,) in place.
    """
    state["called"] = called
    for name in ("call_so_far", "call_hits", "call_visits"):
        state[name][anew] = 0
    state["call_since"][anew] = MIN_AGE
    # The others share what the model of the last caller had, and make room for that of the new one.
    weight, wanted = state["weight"][anew], np.where(called[anew], FOUND_PRIOR, 0.0)
    weight[:, CALLED] = 0.0
    weight *= ((1 - wanted) / weight.sum(axis=1))[:, np.newaxis]
    weight[:, CALLED] = wanted
    state["weight"][anew] = weight
