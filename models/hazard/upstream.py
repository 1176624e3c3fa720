"""One service's calls as a predictor of another's: the chance by minutes since the caller last had an event.

Where the past shows that a service's events follow another's (forecaster.forecasting.upstream), it is one more model of
the mixture: hits over visits of each age of the call, as the service's own ages are counted (models.hazard.
renew).  Ages of CALL_AGES - 1 minutes and more are one: no call lately.
"""

import math
from typing import Any

from models.hazard.state import CALL_AGES
from models.numeric.compiled import compiled

FORGET = 0.97
"""What a visit of an age counts after one more."""


@compiled
def chance_called(state: Any, since: int, shrink: float) -> float:
    """What is said of a minute that begins `since` whole minutes after the one with the last call."""
    age = min(max(since, 0), CALL_AGES - 1)
    return float((state.call_hits[age] + shrink * state.slow) / (state.call_visits[age] + shrink))


@compiled
def call_age(state: Any, ahead: int) -> int:
    """Of the minute that lies `ahead` minutes after the one that is not over, as far as is known now."""
    if ahead > 0 and state.call_so_far > 0:
        return ahead - 1
    return int(state.call_since + ahead)


@compiled
def learn_called(state: Any, event: float) -> None:
    """What the minute had, of the service itself."""
    age = min(state.call_since, CALL_AGES - 1)
    state.call_hits[age] = FORGET * state.call_hits[age] + event
    state.call_visits[age] = FORGET * state.call_visits[age] + 1


@compiled
def hear(state: Any, call: float) -> None:
    """The caller had an event in the step, 1, or not, 0; NaN = nobody knows."""
    if not math.isnan(call):
        state.call_so_far = max(state.call_so_far, call)


@compiled
def close_call(state: Any, minutes: int) -> None:
    """So many minutes are over."""
    if minutes == 0:
        return
    state.call_since = minutes - 1 if state.call_so_far > 0 else state.call_since + minutes
    state.call_so_far = 0.0
