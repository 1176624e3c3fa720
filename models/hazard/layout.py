"""What the chance of events knows of each service: one record a service, all of a fleet one array."""

import math

import numpy as np
from numpy.typing import NDArray

PERIODS_MIN = np.array(
    [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 25, 30, 40, 45, 60, 90, 120, 180, 240, 360, 720, 1440, 10080]
)
"""Periods at whose phases events may come again, minutes."""
SLOT_MIN = np.array([1] * 20 + [2, 2, 2, 2, 10])
"""Minutes of one slot of each period."""
FIRST_SLOT = np.concatenate([[0], np.cumsum(-(-PERIODS_MIN // SLOT_MIN))])
"""Where the slots of each period begin; the last entry is where all end."""
FORGETTING = np.where(PERIODS_MIN < 1440, 0.97, 0.8)
"""What a visit of a slot counts after one more."""
SLOT_KEEP = FORGETTING ** (1 / SLOT_MIN)
"""The same for one minute of a slot of several."""
PHASES = len(PERIODS_MIN)
AGE, FAST, SLOW = PHASES, PHASES + 1, PHASES + 2
MODELS = PHASES + 3
"""Phases of each period; time since the last event; a fast and a slow rate."""

VISITS = np.array([(1 - keep ** np.arange(1500.0)) / (1 - keep) for keep in FORGETTING])
"""(PHASES, 1500) visits of a slot, forgetting, by how often it came; still more of them count nothing."""

EXACT_AGES = 60
AGES = 96
"""Ages are told apart by the minute up to EXACT_AGES, beyond it ever more coarsely, up to four weeks."""
_WIDEST = math.log(28 * 1440 / EXACT_AGES)

FIRST_RATE = 0.01
"""Events a minute, before any was seen."""

LEAST_AGE = 1440
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
        ("fast", "f4"),
        ("slow", "f4"),
        ("weight", "f8", (MODELS,)),
    ]
)

PRIOR = np.concatenate([np.full(PHASES, 0.5 / PHASES), [0.25, 0.1, 0.15]])
"""Weights of the models before anything was seen."""
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
    state["since"] = LEAST_AGE
    state["fast"] = state["slow"] = FIRST_RATE
    state["weight"] = PRIOR
    return state
