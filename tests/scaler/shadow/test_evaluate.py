"""Candidates on one service's traffic: what floors follow from its forecasts, and what they come to."""

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
def test_traffic_of_less_than_a_few_steps_has_as_many_forecasts_as_whole_steps(seconds: int) -> None:
    said = hindcast(np.ones(seconds, np.float32), 0, HEAVY, 30)
    asked = floors(said, [NO_FLOOR, Rule(sizing_delay_cost=10, hold_s=240)], HEAVY, np.ones(len(said.at_s)))
    assert said.point_rates.shape == (seconds // 30, POINTS)
    assert asked.shape == (2, seconds // 30)
    assert simulate_plans(np.ones(seconds, np.float32), HEAVY, [NO_PLAN]).shape[:2] == (1, 1)


def told(event_prob: list[float], rate: float, *, intermittent: bool) -> Hindcast:
    n = len(event_prob)
    return Hindcast(
        at_s=30 * np.arange(1, n + 1),
        point_rates=np.full((n, POINTS), rate, np.float32),
        point_weights=np.full((n, POINTS), 1 / POINTS, np.float32),
        event_prob=np.array(event_prob, np.float32),
        intermittent=np.full(n, intermittent),
    )


@pytest.mark.parametrize("intermittent", [True, False])
def test_a_rule_asks_for_the_largest_of_its_parts(intermittent: bool) -> None:
    rules = [
        NO_FLOOR,
        Rule(min_event_prob=0.1),
        Rule(min_pods=1),
        Rule(sizing_delay_cost=10),
        Rule(sizing_delay_cost=10, min_event_prob=0.1, min_pods=30),
    ]
    rare = floors(told([0.05, 0.2], 0.0, intermittent=intermittent), rules, SPARSE, np.ones(2))
    by_chance = [0, 1] if intermittent else [0, 0]
    assert rare.tolist() == [[0, 0], by_chance, [1, 1], [0, 0], [30, 30]]
    busy = floors(told([1.0, 1.0], 20.0, intermittent=False), rules, SPARSE, np.ones(2))
    assert (busy[3] > 10).all()
    assert busy[4].tolist() == np.maximum(busy[3], 30).tolist()


def test_floors_fall_when_they_were_asked_for_no_more_through_the_hold() -> None:
    asked = np.array([0, 3, 1, 0, 0, 0, 2, 0], np.int32)
    assert held(asked, 0).tolist() == asked.tolist()
    assert held(asked, 2).tolist() == [0, 3, 3, 3, 1, 0, 2, 2]
    assert held(asked[:0], 2).tolist() == []


def test_the_rows_of_a_candidate_say_its_setting_from_the_start_and_its_floor_where_it_changes() -> None:
    at_s, asked = 30 * np.arange(1, 6), np.array([0, 2, 2, 1, 0], np.int32)
    bare = candidate_rows(HEAVY, Candidate(Rule(sizing_delay_cost=1), UNSET), at_s, asked)
    assert bare["at_s"].tolist() == [60, 120, 150]
    assert bare["floor"].tolist() == [2, 1, 0]
    steered = candidate_rows(HEAVY, Candidate(Rule(sizing_delay_cost=1), KpaSettings(50, 15, 110, 60)), at_s, asked)
    assert steered["at_s"].tolist() == [0, 60, 120, 150]
    assert set(steered["stable_window_s"].tolist()) == {15}


def test_blocks_add_up_to_what_the_whole_came_to() -> None:
    arrivals = traffic(3700)
    plan = candidate_rows(HEAVY, Candidate(Rule(min_pods=9), UNSET), np.array([30]), np.array([9], np.int32))
    got, whole = simulate_plans(arrivals, HEAVY, [NO_PLAN, plan]), replay(HEAVY, arrivals, plan)
    assert got.shape[1] == -(-3700 // BLOCK_S)
    total = got[1].sum(axis=0)
    assert total[[PODS, DELAYED, WAITED, STARTS]] == pytest.approx(
        [whole.pod_s, whole.delayed, whole.wait_s, whole.starts], rel=1e-5
    )


def test_plans_that_are_alike_are_lived_through_once_and_told_of_each() -> None:
    arrivals = traffic()
    floor = candidate_rows(HEAVY, Candidate(Rule(min_pods=9), UNSET), np.array([60]), np.array([9], np.int32))
    came = 0

    def counted(one: Callable[[Any], Any], plans: Iterable[Any]) -> Iterator[Any]:
        nonlocal came
        for plan in plans:
            came += 1
            yield one(plan)

    got = simulate_plans(arrivals, HEAVY, [NO_PLAN, floor, NO_PLAN.copy(), floor.copy()], counted)
    assert came == 2
    np.testing.assert_array_equal(got[[2, 3]], got[[0, 1]])
    assert (got[0] != got[1]).any()
