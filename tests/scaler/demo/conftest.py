"""A short story for tests: a day of made-up traffic before the show, an hour of show, two Revisions."""

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.demo.workload import BEGIN_S, Workload
from scaler.simulation.pod_model import pod_model_of

BEFORE_S, AFTER_S = 86400, 3600


@pytest.fixture(name="short_story")
def _short_story() -> Workload:
    """Traffic that rises and falls with the hour."""
    t = np.arange(BEFORE_S + AFTER_S)
    rate = 12 + 8 * np.sin(2 * np.pi * t / 3600)
    arrivals = np.random.default_rng(5).poisson(rate, (2, len(t))).astype(np.float32)
    scenario = SCENARIOS["heavy"]
    return Workload(arrivals, BEGIN_S - BEFORE_S, BEGIN_S, scenario, pod_model_of(scenario))
