"""Recommended settings: for traffic whose best settings are known, and where no settings bring a gain."""

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
    """Return arrivals that rise and fall faster than pods with a start-up time of 45 s can follow."""
    at_s = np.arange(HOURS_S)
    rate = 40 * (1 + 0.5 * np.sin(2 * np.pi * at_s / 600))
    return np.random.default_rng(1).poisson(rate).astype(np.float32)


def sparse_calls() -> NDArray[np.float32]:
    """Return one request every four minutes: too rare for the default window, often enough to keep a pod."""
    arrivals = np.zeros(HOURS_S, np.float32)
    arrivals[7::240] = 1
    return arrivals


def recommended(
    arrivals: NDArray[np.float32], scenario: Scenario, delay_cost: float = 30.0
) -> Recommendation:
    return recommend("shop/cart", arrivals, scenario, delay_cost)


def test_fast_waves_get_a_lower_target_utilization() -> None:
    got = recommended(waves(), replace(HEAVY, levers=frozenset({Lever.TARGET})))
    assert got.settings in (KpaSettings(35.0), KpaSettings(50.0))
    assert got.after.delayed < 0.2 * got.before.delayed
    assert cost(got.after, 30) < cost(got.before, 30)
    assert got.after.starts <= 1.5 * got.before.starts


def test_metrics_are_of_the_half_that_did_not_select_settings() -> None:
    arrivals = waves()
    got = recommended(arrivals, HEAVY)
    pod_model = pod_model_of(HEAVY)
    unset = replay(pod_model, arrivals, score_s=HOURS_S // 2)
    assert got.before == replay_metrics(unset, HEAVY.memory_mb)
    settings = got.settings
    rows = plan_rows(
        pod_model,
        [0],
        [settings.min_scale or 0],
        target_utilization=settings.utilization_percentage or np.nan,
        window_s=settings.window_s or np.nan,
        panic_threshold=settings.panic_threshold_percentage or np.nan,
        retention_s=settings.retention_s or np.nan,
    )
    assert got.after == replay_metrics(
        replay(pod_model, arrivals, rows, score_s=HOURS_S // 2), HEAVY.memory_mb
    )


def test_sparse_calls_keep_the_last_pod_at_a_high_delay_cost() -> None:
    got = recommended(sparse_calls(), SPARSE, 300.0)
    assert got.settings.min_scale == 1 or (got.settings.retention_s or 0) >= 300
    assert (got.before.cold, got.after.cold) == (30, 0)


def test_sparse_calls_get_no_settings_at_a_low_delay_cost() -> None:
    levers = frozenset({Lever.FLOOR, Lever.RETENTION})
    assert recommended(sparse_calls(), replace(SPARSE, levers=levers), 10.0).settings == UNSET


def test_traffic_that_one_pod_always_serves_gets_no_settings() -> None:
    got = recommended(np.ones(HOURS_S, np.float32), SPARSE)
    assert got.settings.annotations() == {}
    assert (got.before, got.before.delayed) == (got.after, 0)


def test_no_traffic_gets_no_settings() -> None:
    got = recommended(np.zeros(HOURS_S, np.float32), SPARSE)
    assert got.settings.annotations() == {}
    assert got.before == got.after


def test_settings_without_gain_in_second_half_are_not_recommended() -> None:
    # The waves end before the second half: settings that gain from them only hold more pods later.
    arrivals = waves()
    arrivals[HOURS_S // 2 - 300 :] = np.random.default_rng(2).poisson(40, HOURS_S // 2 + 300)
    got = recommended(arrivals, replace(HEAVY, levers=frozenset({Lever.TARGET})), 300.0)
    assert (got.settings, got.after) == (UNSET, got.before)


@pytest.mark.parametrize(
    ("levers", "permitted"),
    [
        ({Lever.TARGET}, {"utilization_percentage"}),
        ({Lever.PANIC}, {"panic_threshold_percentage"}),
        ({Lever.WINDOW}, set()),
        ({Lever.WINDOW, Lever.RETENTION}, {"window_s", "retention_s"}),
        ({Lever.FLOOR}, {"min_scale"}),
        (set(), set()),
    ],
)
def test_only_permitted_levers_are_recommended(levers: set[Lever], permitted: set[str]) -> None:
    for arrivals, scenario in ((waves(), HEAVY), (sparse_calls(), SPARSE)):
        settings = recommended(arrivals, replace(scenario, levers=frozenset(levers)), 300.0).settings
        assert {name for name, value in vars(settings).items() if value is not None} <= permitted


def test_shorter_window_is_recommended_with_longer_retention() -> None:
    levers = frozenset({Lever.WINDOW, Lever.RETENTION})
    settings = recommended(waves(), replace(HEAVY, levers=levers)).settings
    if settings.window_s is not None:
        assert (settings.retention_s or 0) >= 60


def test_unlimited_concurrency_gets_no_target_utilization() -> None:
    scenario = replace(HEAVY, container_concurrency=0, target=4.0)
    assert recommended(waves(), scenario).settings.utilization_percentage is None


def test_annotations_resolve_to_the_simulated_settings() -> None:
    annotations = KpaSettings(35.0, 15, 110.0, 60, 1).annotations()
    assert annotations == {
        "autoscaling.knative.dev/target-utilization-percentage": "35",
        "autoscaling.knative.dev/window": "15s",
        "autoscaling.knative.dev/panic-threshold-percentage": "110",
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "60s",
        "autoscaling.knative.dev/min-scale": "1",
    }
    spec = resolve({}, annotations, 4, Reachability.REACHABLE)
    (row,) = plan_rows(
        pod_model_of(HEAVY), [0], [1], target_utilization=35, window_s=15, panic_threshold=110, retention_s=60
    )
    assert (spec.target_value, spec.stable_window_s) == (row["target_value"], row["stable_window_s"])
    assert (spec.panic_window_s, spec.panic_threshold) == (row["panic_window_s"], row["panic_threshold"])
    assert (spec.pod_retention_period_s, spec.min_scale) == (row["pod_retention_period_s"], row["floor"])
    assert AutoscalerConfig().scale_to_zero_pod_retention_period_s == 0


def test_too_little_traffic_is_an_error() -> None:
    with pytest.raises(RecommendError, match=r"shop/cart: 20 s of traffic; at least 600 s"):
        recommended(np.ones(20, np.float32), HEAVY)


def test_rum_weighs_cold_requests_and_wasted_memory() -> None:
    replayed = Replay(100, 20, 10, 40, 99.69, 900, 0, 5, 0)
    assert rum(replayed, 1000) == pytest.approx(0.808 * 10 + (999.69 - 0) / 99.69)
    assert isinstance(replay_metrics(replayed, 256), ReplayMetrics)
