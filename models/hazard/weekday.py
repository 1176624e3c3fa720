"""Days of the week: the chance of the minute of the day, times what its hour of the week is to other days.

    share = (seen + t) / (wanted + t),   t = TRUST + wanted² / (wanted + MANY)

seen counts the events of an hour of the week and wanted those that the phase of the day expected in it, both
forgetting.  A cron at nine on weekdays has the minute from all its days, and Saturday from a Saturday or two.
Of hours with many events half of the difference is taken for an accident: the phase of the day is noisy too.
"""

from typing import Any

from models.hazard.state import DAY_MIN, HOURS_A_WEEK
from models.numeric.compiled import compiled

TRUST = 0.25
"""Events as expected that every hour of the week is reckoned to have had."""
MAX_SHARE, MANY = 3.0, 60.0
KEEP = 0.8 ** (1 / 60)
"""What a minute counts after one more of its hour of the week: 0.8 a week."""


@compiled
def hour_of(shown: int) -> int:
    """The hour of the week of a minute as clocks show it."""
    return shown % (7 * DAY_MIN) // (7 * DAY_MIN // HOURS_A_WEEK)


@compiled
def chance_on(state: Any, shown: int, daily: float) -> float:
    """What is said of one minute, where the phase of the day says `daily`."""
    hour = hour_of(shown)
    wanted = state.week_wanted[hour]
    trust = TRUST + wanted * wanted / (wanted + MANY)
    share = (state.week_seen[hour] + trust) / (wanted + trust)
    return float(daily * min(share, MAX_SHARE))


@compiled
def learn_on(state: Any, shown: int, wanted: float, event: float) -> None:
    """What the minute had, where the phase of the day had expected `wanted`."""
    hour = hour_of(shown)
    state.week_seen[hour] = KEEP * state.week_seen[hour] + event
    state.week_wanted[hour] = KEEP * state.week_wanted[hour] + wanted
