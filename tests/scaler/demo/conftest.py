"""A short workload: two Revisions, a day of synthetic traffic before the demo, and an hour of demo."""

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.demo.workload import BEGIN_S, Workload
from scaler.simulation.pod_model import pod_model_of

BEFORE_S, AFTER_S = 86400, 3600


@pytest.fixture(name="short_workload", scope="session")
def _short_workload() -> Workload:
    """Traffic with a period of one hour."""
    time_s = np.arange(BEFORE_S + AFTER_S)
    rate = 12 + 8 * np.sin(2 * np.pi * time_s / 3600)
    arrivals = np.random.default_rng(5).poisson(rate, (2, len(time_s))).astype(np.float32)
    scenario = SCENARIOS["heavy"]
    return Workload(arrivals, BEGIN_S - BEFORE_S, BEGIN_S, scenario, pod_model_of(scenario))
