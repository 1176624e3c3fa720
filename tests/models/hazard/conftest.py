"""Event probabilities from a row of minutes."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from models.hazard import state as hazard
from models.numeric.clock import Clock
from models.peak import state as peak
from models.peak.advance import advance


@pytest.fixture(name="event_probs")
def _event_probs() -> Callable[..., NDArray[np.float32]]:
    return event_probs


def event_probs(
    events: ArrayLike,
    *,
    step_s: int = 60,
    first: int = 0,
    lead_s: float | None = None,
    origin_s: int = 0,
    clock: Clock | None = None,
) -> NDArray[np.float32]:
    """(n,) probability of a request in the window that begins `first` steps after each of n steps.

    events   (n,) True where a step has a request, NaN where it was not observed
    lead_s   seconds that the window is long; None: one step
    """
    rates = np.asarray(np.asarray(events)[np.newaxis] / step_s, np.float32)
    forecasts = advance(
        peak.start(1),
        hazard.start(1),
        rates,
        origin_s=origin_s,
        step_s=step_s,
        first=first,
        lead_s=np.array([float(step_s if lead_s is None else lead_s)]),
        clock=clock,
    )
    assert forecasts.intermittent.all()
    return np.asarray(forecasts.event_prob[0])
