"""The KPA at its best settings: with hindsight the best of the grid, and hourly the best of the past."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.policies.kpa_best import BLOCK_S, best_fixed, grid_replays, tuned_hourly
from scaler.policies.policy import PlanRows, Series
from scaler.policies.settings_grid import grid
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.plan_rows import settings_rows
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


def replayed(series: Series, rows: PlanRows) -> Replay:
    return replay(series.pod_model, series.arrivals, rows, score_s=series.score_s)


def cost(series: Series, rows: PlanRows, delay_cost: float) -> float:
    got = replayed(series, rows)
    return got.pod_s + delay_cost * got.delayed


def test_grid_has_twenty_four_settings_the_current_ones_first() -> None:
    without_retention = list(grid(HEAVY, with_retention=False))
    assert len(set(without_retention)) == 24
    assert without_retention[0] == UNSET
    assert KpaSettings(35.0, 15, 110.0) in without_retention
    assert all(settings.retention_s is None for settings in without_retention)
    assert any(settings.retention_s for settings in grid(HEAVY))


def test_grid_sets_only_permitted_levers() -> None:
    scenario = replace(HEAVY, levers=frozenset({Lever.WINDOW}))
    windows = {UNSET, KpaSettings(window_s=15), KpaSettings(window_s=30)}
    assert set(grid(scenario, with_retention=False)) == windows
    assert list(grid(scenario)) == [UNSET]


@pytest.mark.parametrize("delay_cost", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("score_s", [0, 4000])
def test_best_fixed_settings_are_the_cheapest_within_the_limit_on_starts(
    delay_cost: float, score_s: int
) -> None:
    wave = series(waves(), score_s=score_s)
    plans = [settings_rows(wave.pod_model, settings) for settings in grid(HEAVY, with_retention=False)]
    kpa_starts = replayed(wave, plans[0]).starts
    within_limit = [rows for rows in plans if replayed(wave, rows).starts <= kpa_starts]
    assert cost(wave, best_fixed(wave, delay_cost), delay_cost) == pytest.approx(
        min(cost(wave, rows, delay_cost) for rows in within_limit)
    )


def test_more_starts_are_accepted_where_pods_start_fast_and_serve_several_requests() -> None:
    assert [max_starts_ratio(pod_model_of(SCENARIOS[name])) for name in ("heavy", "web", "sparse")] == [
        1.0,
        1.5,
        1.0,
    ]
    assert max_starts_ratio(pod_model_of(replace(WEB, startup_seconds=10.5))) == 1.0
    assert max_starts_ratio(pod_model_of(replace(WEB, container_concurrency=0))) == 1.5


def test_tuned_settings_start_with_the_current_ones_and_get_cheaper() -> None:
    wave = series(waves(6))
    rows = tuned_hourly(wave, 30.0)
    assert rows["at_s"][0] >= HOUR_S
    assert cost(wave, rows, 30.0) < cost(wave, settings_rows(wave.pod_model, UNSET), 30.0)


def test_tuned_settings_change_on_the_hour_and_set_no_floor() -> None:
    changing = series(np.concatenate([waves(2, every_s=240), np.full(6 * HOUR_S, 40, np.float32)]))
    rows = tuned_hourly(changing, 3.0)
    assert len(rows) > 0
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (rows["at_s"] % HOUR_S == 0).all()
    assert (rows["floor"] == 0).all()


@given(cut_s=st.integers(1, 5 * HOUR_S), score_s=st.integers(0, HOUR_S))
@settings(max_examples=8, deadline=None)
def test_future_arrivals_change_no_row(cut_s: int, score_s: int) -> None:
    arrivals = waves(5)
    changed = arrivals.copy()
    changed[cut_s:] = np.random.default_rng(9).poisson(70, len(arrivals) - cut_s)
    known_s = cut_s + HEAVY.metrics_delay_seconds
    plans = [tuned_hourly(series(requests, score_s=score_s), 30.0) for requests in (arrivals, changed)]
    rows, changed_rows = (plan[plan["at_s"] <= known_s] for plan in plans)
    assert rows.tobytes() == changed_rows.tobytes()


@pytest.mark.parametrize("seconds", [0, 1, BLOCK_S, 3601])
@pytest.mark.parametrize("score_s", [0, 100, 10_000])
def test_short_or_empty_traffic_gives_a_plan(seconds: int, score_s: int) -> None:
    for arrivals in (np.zeros(seconds, np.float32), np.ones(seconds, np.float32)):
        short = series(arrivals, score_s=score_s)
        assert len(best_fixed(short, 30.0)) <= 1
        assert len(tuned_hourly(short, 30.0)) <= 1


def test_replays_of_a_series_are_computed_once() -> None:
    wave = series(waves(1))
    assert grid_replays(wave) is grid_replays(wave)
    assert grid_replays(wave) is not grid_replays(replace(wave))
