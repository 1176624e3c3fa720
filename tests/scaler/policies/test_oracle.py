"""The oracle: the floor that future arrivals need, and that no request waits under it."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from scaler.policies.oracle import ORACLE, pods_needed
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay


def series(arrivals: NDArray[Any], scenario: Scenario = SCENARIOS["heavy"]) -> Series:
    return Series("s", 0, arrivals.astype(np.float32), scenario, pod_model_of(scenario))


def test_floor_rises_a_startup_and_two_seconds_before_the_arrivals() -> None:
    arrivals = np.zeros(300, np.float32)
    arrivals[200] = 9
    rows = ORACLE.plan(series(arrivals), 30.0)
    # 45 s and 2 s before; 9 requests of a second each, 4 per pod.
    assert rows["at_s"].tolist() == [0, 200 - 47, 201]
    assert rows["floor"].tolist() == [0, 3, 0]


@pytest.mark.parametrize("startup_s", [0.0, 1.0, 4.5, 10.0])
def test_sliding_maximum_equals_the_definition(startup_s: float) -> None:
    arrivals = np.random.default_rng(1).poisson(6, 200).astype(np.float32)
    pod_model = replace(pod_model_of(SCENARIOS["web"]), startup_s=startup_s)
    ahead_s = int(np.ceil(startup_s)) + 2
    want = [int(np.ceil(arrivals[t : t + ahead_s + 1].max() * 0.25 / 10)) for t in range(200)]
    assert pods_needed(arrivals, pod_model).tolist() == want


def test_full_pods_are_not_rounded_up() -> None:
    pod_model = replace(pod_model_of(SCENARIOS["heavy"]), service_time_s=0.1, concurrency=3.0)
    assert pods_needed(np.full(5, 90, np.float32), pod_model).tolist() == [3] * 5


@pytest.mark.parametrize("name", ["heavy", "web", "sparse"])
def test_no_request_waits_after_the_first_startup(name: str) -> None:
    rng = np.random.default_rng(2)
    rate = np.repeat(rng.choice([0.0, 0.2, 5.0, 40.0], 60), 60)
    arrivals = rng.poisson(rate).astype(np.float32)
    arrivals[:120] = 0
    steps = series(arrivals, SCENARIOS[name])
    got = replay(steps.pod_model, steps.arrivals, ORACLE.plan(steps, 30.0))
    assert (got.delayed, got.cold) == (0, 0)


def test_no_traffic_needs_no_pod() -> None:
    assert ORACLE.plan(series(np.zeros(100)), 30.0)["floor"].tolist() == [0]
    assert len(ORACLE.plan(series(np.zeros(0)), 30.0)) == 0


def test_fourteen_days_are_planned_in_less_than_a_second() -> None:
    days = series(np.random.default_rng(3).poisson(40, 14 * 86400))
    start_s = time.process_time()
    rows = ORACLE.plan(days, 30.0)
    assert time.process_time() - start_s < 1
    assert (np.diff(rows["floor"]) != 0).all()
