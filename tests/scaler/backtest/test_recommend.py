"""What is recommended: on traffic of which the best setting is known, and where there is nothing to gain."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from scaler.backtest.recommend import Recommendation, RecommendError, recommend
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import Reachability, resolve
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.simulation.plan_rows import plan_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import ReplayMetrics, cost, replay_metrics, rum
from scaler.simulation.simulator import Replay, replay

HEAVY, SPARSE = SCENARIOS["heavy"], SCENARIOS["sparse"]
HOURS_S = 4 * 3600


def waves() -> NDArray[np.float32]:
    """Load that rises and falls faster than pods of 45 s can follow."""
    at_s = np.arange(HOURS_S)
    rate = 40 * (1 + 0.5 * np.sin(2 * np.pi * at_s / 600))
    return np.random.default_rng(1).poisson(rate).astype(np.float32)


def calls_apart() -> NDArray[np.float32]:
    """One request every four minutes: too far apart for the default, near enough to hold the pod."""
    arrivals = np.zeros(HOURS_S, np.float32)
    arrivals[7::240] = 1
    return arrivals


def of(arrivals: NDArray[np.float32], scenario: Scenario, delay_cost: float = 30.0) -> Recommendation:
    return recommend("shop/cart", arrivals, scenario, delay_cost)


def test_load_that_pods_cannot_follow_asks_for_more_room() -> None:
    got = of(waves(), replace(HEAVY, levers=frozenset({Lever.TARGET})))
    assert got.settings in (KpaSettings(35.0), KpaSettings(50.0))
    assert got.after.delayed < 0.2 * got.before.delayed
    assert cost(got.after, 30) < cost(got.before, 30)
    assert got.after.starts <= 1.5 * got.before.starts


def test_the_figures_are_those_of_the_half_that_did_not_choose() -> None:
    arrivals = waves()
    got = of(arrivals, HEAVY)
    pod_model = pod_model_of(HEAVY)
    alone = replay(pod_model, arrivals, score_s=HOURS_S // 2)
    assert got.before == replay_metrics(alone, HEAVY.memory_mb)
    said = got.settings
    rows = plan_rows(
        pod_model,
        [0],
        [said.min_scale or 0],
        target_utilization=said.utilization_percentage or np.nan,
        window_s=said.window_s or np.nan,
        panic_threshold=said.panic_threshold_percentage or np.nan,
        retention_s=said.retention_s or np.nan,
    )
    assert got.after == replay_metrics(
        replay(pod_model, arrivals, rows, score_s=HOURS_S // 2), HEAVY.memory_mb
    )


def test_calls_that_are_apart_hold_the_last_pod_where_a_delay_is_dear() -> None:
    got = of(calls_apart(), SPARSE, 300.0)
    assert got.settings.min_scale == 1 or (got.settings.retention_s or 0) >= 300
    assert (got.before.cold, got.after.cold) == (30, 0)


def test_calls_that_are_apart_are_left_alone_where_a_delay_is_cheap() -> None:
    levers = frozenset({Lever.FLOOR, Lever.RETENTION})
    assert of(calls_apart(), replace(SPARSE, levers=levers), 10.0).settings == UNSET


def test_a_pod_that_is_always_needed_and_always_enough_is_left_as_it_is() -> None:
    got = of(np.ones(HOURS_S, np.float32), SPARSE)
    assert got.settings.annotations() == {}
    assert (got.before, got.before.delayed) == (got.after, 0)


def test_no_traffic_is_left_as_it_is() -> None:
    got = of(np.zeros(HOURS_S, np.float32), SPARSE)
    assert got.settings.annotations() == {}
    assert got.before == got.after


def test_what_the_second_half_does_not_bear_out_is_not_recommended() -> None:
    # A wave that never comes again: settings that gain from it only hold more pods later.
    arrivals = waves()
    arrivals[HOURS_S // 2 - 300 :] = np.random.default_rng(2).poisson(40, HOURS_S // 2 + 300)
    got = of(arrivals, replace(HEAVY, levers=frozenset({Lever.TARGET})), 300.0)
    assert (got.settings, got.after) == (UNSET, got.before)


@pytest.mark.parametrize(
    ("levers", "allowed"),
    [
        ({Lever.TARGET}, {"utilization_percentage"}),
        ({Lever.PANIC}, {"panic_threshold_percentage"}),
        ({Lever.WINDOW}, set()),
        ({Lever.WINDOW, Lever.RETENTION}, {"window_s", "retention_s"}),
        ({Lever.FLOOR}, {"min_scale"}),
        (set(), set()),
    ],
)
def test_only_levers_that_are_allowed_are_used(levers: set[Lever], allowed: set[str]) -> None:
    for arrivals, scenario in ((waves(), HEAVY), (calls_apart(), SPARSE)):
        setting = of(arrivals, replace(scenario, levers=frozenset(levers)), 300.0).settings
        assert {name for name, value in vars(setting).items() if value is not None} <= allowed


def test_a_shorter_window_comes_with_a_retention_of_the_old_one() -> None:
    levers = frozenset({Lever.WINDOW, Lever.RETENTION})
    setting = of(waves(), replace(HEAVY, levers=levers)).settings
    if setting.window_s is not None:
        assert (setting.retention_s or 0) >= 60


def test_unlimited_concurrency_leaves_the_utilization_alone() -> None:
    scenario = replace(HEAVY, container_concurrency=0, target=4.0)
    assert of(waves(), scenario).settings.utilization_percentage is None


def test_annotations_are_what_knative_reads() -> None:
    said = KpaSettings(35.0, 15, 110.0, 60, 1).annotations()
    assert said == {
        "autoscaling.knative.dev/target-utilization-percentage": "35",
        "autoscaling.knative.dev/window": "15s",
        "autoscaling.knative.dev/panic-threshold-percentage": "110",
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "60s",
        "autoscaling.knative.dev/min-scale": "1",
    }
    spec = resolve({}, said, 4, Reachability.REACHABLE)
    (row,) = plan_rows(
        pod_model_of(HEAVY), [0], [1], target_utilization=35, window_s=15, panic_threshold=110, retention_s=60
    )
    assert (spec.target_value, spec.stable_window_s) == (row["target_value"], row["stable_window_s"])
    assert (spec.panic_window_s, spec.panic_threshold) == (row["panic_window_s"], row["panic_threshold"])
    assert (spec.pod_retention_period_s, spec.min_scale) == (row["pod_retention_period_s"], row["floor"])
    assert AutoscalerConfig().scale_to_zero_pod_retention_period_s == 0


def test_too_little_traffic_is_told() -> None:
    with pytest.raises(RecommendError, match=r"shop/cart: 20 s of traffic; at least 600 s"):
        of(np.ones(20, np.float32), HEAVY)


def test_rum_weighs_cold_requests_and_wasted_memory() -> None:
    lived = Replay(100, 20, 10, 40, 99.69, 900, 0, 5, 0)
    assert rum(lived, 1000) == pytest.approx(0.808 * 10 + (999.69 - 0) / 99.69)
    assert isinstance(replay_metrics(lived, 256), ReplayMetrics)
