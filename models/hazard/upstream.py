"""Events that follow those of an upstream service: the probability by minutes since its last event.

Where the past shows that a service's events follow those of another (forecaster.forecasting.upstream), this
is one more component of the mixture: events over visits by age of the upstream event, as
models.hazard.mixture counts the ages of the service's own events.  All ages of UPSTREAM_AGES - 1 minutes and
more are one: no recent event.
"""

import math
from typing import Any

from models.hazard.state import PSEUDO_VISITS, UPSTREAM_AGES, VISIT_DECAY
from models.numeric.compiled import compiled


@compiled
def upstream_prob(state: Any, age: int) -> float:
    """The probability of an event in a minute, `age` whole minutes after the minute of the upstream event."""
    age = min(max(age, 0), UPSTREAM_AGES - 1)
    hits, visits = state.upstream_hits[age], state.upstream_visits[age]
    return float((hits + PSEUDO_VISITS * state.slow_rate) / (visits + PSEUDO_VISITS))


@compiled
def time_since_upstream(state: Any, ahead: int) -> int:
    """Minutes from the last known upstream event to the minute that lies `ahead` after the current minute."""
    if ahead > 0 and state.upstream_event > 0:
        return ahead - 1
    return int(state.upstream_age + ahead)


@compiled
def learn_upstream(state: Any, event: float) -> None:
    """Count the current minute and its event (1, a share of 1, or 0) at its age of the upstream event."""
    age = min(state.upstream_age, UPSTREAM_AGES - 1)
    state.upstream_hits[age] = VISIT_DECAY * state.upstream_hits[age] + event
    state.upstream_visits[age] = VISIT_DECAY * state.upstream_visits[age] + 1


@compiled
def observe_upstream(state: Any, event: float) -> None:
    """Note whether the upstream service had an event in the step, 1, or not, 0; NaN = not known."""
    if not math.isnan(event):
        state.upstream_event = max(state.upstream_event, event)


@compiled
def pass_upstream_minutes(state: Any, minutes: int) -> None:
    """Let `minutes` minutes pass, the current one first: the age of the upstream event grows by them."""
    if minutes == 0:
        return
    state.upstream_age = minutes - 1 if state.upstream_event > 0 else state.upstream_age + minutes
    state.upstream_event = 0.0
