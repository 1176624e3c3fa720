"""The KPA at its best: with hindsight the best of the grid, and what is chosen hourly knows no future."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.policies.kpa_best import BLOCK_S, fixed, tried, tuned
from scaler.policies.policy import PlanRows, Series
from scaler.policies.settings_grid import grid
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.plan_rows import setting_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import Replay, replay

HEAVY, WEB = SCENARIOS["heavy"], SCENARIOS["web"]
HOUR_S = 3600


def series(arrivals: NDArray[np.float32], scenario: Scenario = HEAVY, score_s: int = 0) -> Series:
    return Series("shop/cart", 1_700_000_123, arrivals, scenario, pod_model_of(scenario), score_s)


def waves(hours: int = 4, every_s: int = 600, seed: int = 1) -> NDArray[np.float32]:
    at_s = np.arange(hours * HOUR_S)
    rate = 40 * (1 + 0.5 * np.sin(2 * np.pi * at_s / every_s))
    return np.random.default_rng(seed).poisson(rate).astype(np.float32)


def lived(its: Series, rows: PlanRows) -> Replay:
    return replay(its.world, its.arrivals, rows, score_s=its.score_s)


def cost(its: Series, rows: PlanRows, delay_cost: float) -> float:
    came_to = lived(its, rows)
    return came_to.pod_s + delay_cost * came_to.delayed


def test_the_grid_is_that_of_the_targets() -> None:
    plain = list(grid(HEAVY, retained=False))
    assert len(set(plain)) == 24
    assert plain[0] == UNSET
    assert KpaSettings(35.0, 15, 110.0) in plain
    assert all(setting.retention_s is None for setting in plain)
    assert any(setting.retention_s for setting in grid(HEAVY))


def test_a_lever_that_is_not_allowed_is_not_pulled() -> None:
    only = replace(HEAVY, levers=frozenset({Lever.WINDOW}))
    assert set(grid(only, retained=False)) == {UNSET, KpaSettings(window_s=15), KpaSettings(window_s=30)}
    assert list(grid(only)) == [UNSET]


@pytest.mark.parametrize("delay_cost", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("score_s", [0, 4000])
def test_with_hindsight_it_is_the_cheapest_within_the_limit_on_starts(
    delay_cost: float, score_s: int
) -> None:
    its = series(waves(), score_s=score_s)
    plans = [setting_rows(its.world, setting) for setting in grid(HEAVY, retained=False)]
    alone = lived(its, plans[0]).starts
    within = [rows for rows in plans if lived(its, rows).starts <= alone]
    assert cost(its, fixed(its, delay_cost), delay_cost) == pytest.approx(
        min(cost(its, rows, delay_cost) for rows in within)
    )


def test_starts_are_dear_but_where_pods_start_quickly_and_serve_several() -> None:
    assert [max_starts_ratio(pod_model_of(SCENARIOS[name])) for name in ("heavy", "web", "sparse")] == [
        1.0,
        1.5,
        1.0,
    ]
    assert max_starts_ratio(pod_model_of(replace(WEB, startup_seconds=10.5))) == 1.0
    assert max_starts_ratio(pod_model_of(replace(WEB, container_concurrency=0))) == 1.5


def test_it_begins_with_what_the_service_has_and_learns() -> None:
    its = series(waves(6))
    rows = tuned(its, 30.0)
    assert rows["at_s"][0] >= HOUR_S
    assert cost(its, rows, 30.0) < cost(its, setting_rows(its.world, UNSET), 30.0)


def test_it_changes_on_the_hour_and_holds_no_pod() -> None:
    its = series(np.concatenate([waves(2, every_s=240), np.full(6 * HOUR_S, 40, np.float32)]))
    rows = tuned(its, 3.0)
    assert len(rows) > 0
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (rows["at_s"] % HOUR_S == 0).all()
    assert (rows["floor"] == 0).all()


@given(cut_s=st.integers(1, 5 * HOUR_S), score_s=st.integers(0, HOUR_S))
@settings(max_examples=8, deadline=None)
def test_what_is_yet_to_come_changes_no_row(cut_s: int, score_s: int) -> None:
    arrivals = waves(5)
    other = arrivals.copy()
    other[cut_s:] = np.random.default_rng(9).poisson(70, len(arrivals) - cut_s)
    known_s = cut_s + HEAVY.metrics_delay_seconds
    before, with_other = (
        rows[rows["at_s"] <= known_s]
        for rows in (tuned(series(each, score_s=score_s), 30.0) for each in (arrivals, other))
    )
    assert before.tobytes() == with_other.tobytes()


@pytest.mark.parametrize("seconds", [0, 1, BLOCK_S, 3601])
@pytest.mark.parametrize("score_s", [0, 100, 10_000])
def test_little_traffic_and_none_are_no_trouble(seconds: int, score_s: int) -> None:
    for arrivals in (np.zeros(seconds, np.float32), np.ones(seconds, np.float32)):
        its = series(arrivals, score_s=score_s)
        assert len(fixed(its, 30.0)) <= 1
        assert len(tuned(its, 30.0)) <= 1


def test_the_replays_of_a_subject_are_made_once() -> None:
    its = series(waves(1))
    assert tried(its) is tried(its)
    assert tried(its) is not tried(replace(its))
