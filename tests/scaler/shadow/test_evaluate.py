"""Candidates on the traffic of one service: floors of rules, plan rows, and metrics."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from models.peak.state import POINTS
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.plan.candidates import NO_FLOOR, Candidate, Rule
from scaler.shadow.evaluate import (
    BLOCK_S,
    DELAYED,
    PODS,
    STARTS,
    WAITED,
    candidate_rows,
    floors,
    held,
    simulate_plans,
)
from scaler.shadow.hindcast import Hindcast, hindcast
from scaler.simulation.plan_rows import NO_PLAN
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay

HEAVY, SPARSE = pod_model_of(SCENARIOS["heavy"]), pod_model_of(SCENARIOS["sparse"])


def traffic(seconds: int = 4 * 3600, rate: float = 5.0) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(1).poisson(rate, seconds), np.float32)


@pytest.mark.parametrize("seconds", [0, 1, 29, 30, 59, 60])
def test_short_traffic_has_one_forecast_per_whole_step(seconds: int) -> None:
    forecasts = hindcast(np.ones(seconds, np.float32), 0, HEAVY, 30)
    by_rule = floors(
        forecasts, [NO_FLOOR, Rule(sizing_delay_cost=10, hold_s=240)], HEAVY, np.ones(len(forecasts.at_s))
    )
    assert forecasts.point_rates.shape == (seconds // 30, POINTS)
    assert by_rule.shape == (2, seconds // 30)
    assert simulate_plans(np.ones(seconds, np.float32), HEAVY, [NO_PLAN]).shape[:2] == (1, 1)


def constant_hindcast(event_prob: list[float], rate: float, *, intermittent: bool) -> Hindcast:
    n = len(event_prob)
    return Hindcast(
        at_s=30 * np.arange(1, n + 1),
        point_rates=np.full((n, POINTS), rate, np.float32),
        point_weights=np.full((n, POINTS), 1 / POINTS, np.float32),
        event_prob=np.array(event_prob, np.float32),
        intermittent=np.full(n, intermittent),
    )


@pytest.mark.parametrize("intermittent", [True, False])
def test_floor_of_a_rule_is_the_largest_of_the_parts(intermittent: bool) -> None:
    rules = [
        NO_FLOOR,
        Rule(min_event_prob=0.1),
        Rule(min_pods=1),
        Rule(sizing_delay_cost=10),
        Rule(sizing_delay_cost=10, min_event_prob=0.1, min_pods=30),
    ]
    rare = floors(constant_hindcast([0.05, 0.2], 0.0, intermittent=intermittent), rules, SPARSE, np.ones(2))
    with_event_prob = [0, 1] if intermittent else [0, 0]
    assert rare.tolist() == [[0, 0], with_event_prob, [1, 1], [0, 0], [30, 30]]
    busy = floors(constant_hindcast([1.0, 1.0], 20.0, intermittent=False), rules, SPARSE, np.ones(2))
    assert (busy[3] > 10).all()
    assert busy[4].tolist() == np.maximum(busy[3], 30).tolist()


def test_held_floor_drops_after_the_steps_of_the_hold() -> None:
    desired = np.array([0, 3, 1, 0, 0, 0, 2, 0], np.int32)
    assert held(desired, 0).tolist() == desired.tolist()
    assert held(desired, 2).tolist() == [0, 3, 3, 3, 1, 0, 2, 2]
    assert held(desired[:0], 2).tolist() == []


def test_rows_of_a_candidate_have_settings_at_zero_and_each_change_of_the_floor() -> None:
    at_s, pods = 30 * np.arange(1, 6), np.array([0, 2, 2, 1, 0], np.int32)
    without_settings = candidate_rows(HEAVY, Candidate(Rule(sizing_delay_cost=1), UNSET), at_s, pods)
    assert without_settings["at_s"].tolist() == [60, 120, 150]
    assert without_settings["floor"].tolist() == [2, 1, 0]
    with_settings = candidate_rows(
        HEAVY, Candidate(Rule(sizing_delay_cost=1), KpaSettings(50, 15, 110, 60)), at_s, pods
    )
    assert with_settings["at_s"].tolist() == [0, 60, 120, 150]
    assert set(with_settings["stable_window_s"].tolist()) == {15}


def test_metrics_of_blocks_sum_to_those_of_the_replay() -> None:
    arrivals = traffic(3700)
    plan = candidate_rows(HEAVY, Candidate(Rule(min_pods=9), UNSET), np.array([30]), np.array([9], np.int32))
    by_block, whole = simulate_plans(arrivals, HEAVY, [NO_PLAN, plan]), replay(HEAVY, arrivals, plan)
    assert by_block.shape[1] == -(-3700 // BLOCK_S)
    total = by_block[1].sum(axis=0)
    assert total[[PODS, DELAYED, WAITED, STARTS]] == pytest.approx(
        [whole.pod_s, whole.delayed, whole.wait_s, whole.starts], rel=1e-5
    )


def test_equal_plans_are_simulated_once() -> None:
    arrivals = traffic()
    floor = candidate_rows(HEAVY, Candidate(Rule(min_pods=9), UNSET), np.array([60]), np.array([9], np.int32))
    simulated = 0

    def counting_map(work: Callable[[Any], Any], plans: Iterable[Any]) -> Iterator[Any]:
        nonlocal simulated
        for plan in plans:
            simulated += 1
            yield work(plan)

    metrics = simulate_plans(arrivals, HEAVY, [NO_PLAN, floor, NO_PLAN.copy(), floor.copy()], counting_map)
    assert simulated == 2
    np.testing.assert_array_equal(metrics[[2, 3]], metrics[[0, 1]])
    assert (metrics[0] != metrics[1]).any()
