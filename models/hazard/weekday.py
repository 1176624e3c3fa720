"""Days of the week: the probability at the phase of the day, times the share of its hour of the week.

    share = (events + t) / (expected + t),   t = PSEUDO_EVENTS + expected² / (expected + NOISE_EVENTS)

events counts the events of an hour of the week, expected those that the phase of the day expected in it; both
decay.  So a cron at nine on weekdays has the minute from all its days, and its pause on Saturdays from one or
two Saturdays.  In hours with many events about half of the difference counts as chance: the phase of the day
is noisy too.
"""

from typing import Any

from models.hazard.state import DAY_MIN, HOURS_A_WEEK
from models.numeric.compiled import compiled

PSEUDO_EVENTS = 0.25
"""Events, as many as expected, that every hour of the week starts with.  Chosen by hand."""
NOISE_EVENTS = 60.0
"""Expected events from which on half of the difference counts as chance.  Chosen by hand."""
MAX_SHARE = 3.0
"""Upper bound of the share.  Chosen by hand."""
HOUR_DECAY = 0.8 ** (1 / 60)
"""Weight of a minute after one more minute of its hour of the week: 0.8 a week.  Chosen by hand."""


@compiled
def hour_of_week(local_minute: int) -> int:
    """The hour of the week, 0..HOURS_A_WEEK - 1, of a minute of local time."""
    return local_minute % (7 * DAY_MIN) // (7 * DAY_MIN // HOURS_A_WEEK)


@compiled
def weekday_prob(state: Any, local_minute: int, daily_prob: float) -> float:
    """The probability of an event in a minute, where the phase of the day gives `daily_prob`."""
    hour = hour_of_week(local_minute)
    expected = state.week_expected[hour]
    trust = PSEUDO_EVENTS + expected * expected / (expected + NOISE_EVENTS)
    share = (state.week_events[hour] + trust) / (expected + trust)
    return float(daily_prob * min(share, MAX_SHARE))


@compiled
def learn_weekday(state: Any, local_minute: int, expected: float, event: float) -> None:
    """Count a minute in its hour of the week: its event, and what the phase of the day had expected."""
    hour = hour_of_week(local_minute)
    state.week_events[hour] = HOUR_DECAY * state.week_events[hour] + event
    state.week_expected[hour] = HOUR_DECAY * state.week_expected[hour] + expected
