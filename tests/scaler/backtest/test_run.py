"""Results of a backtest: serial and in threads, complete and stopped early."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from scaler.backtest.request import BacktestRequest
from scaler.backtest.run import BacktestResult, run
from scaler.backtest.series import Traffic
from scaler.parallel.interface import in_order, serial
from scaler.parallel.threads import Threads
from scaler.policies import evaluation, tidecast
from scaler.policies.policy import PlanRows, Series
from scaler.policies.table import POLICIES
from scaler.simulation.plan_rows import NO_PLAN, plan_rows
from scaler.simulation.score import replay_metrics
from scaler.simulation.simulator import replay

MakeTraffic = Callable[..., Traffic]
START_S = 1_700_000_040
QUICK = ("kpa", "keepalive-5", "kpa-tuned", "oracle")


def request(*names: str, delay_costs: tuple[float, ...] = (10.0, 30.0), **outputs: Any) -> BacktestRequest:
    return BacktestRequest({name: POLICIES[name] for name in names}, delay_costs, **outputs)


@pytest.fixture(name="traffic")
def _traffic(make_traffic: MakeTraffic) -> Traffic:
    """Three series of two hours, the second one the largest; the first half hour is warm-up."""
    rng = np.random.default_rng(5)
    counts = {name: rng.poisson(mean, 120) for name, mean in (("a", 9), ("b", 300), ("c", 40))}
    return make_traffic(counts, score_from_s=START_S + 1800)


@pytest.fixture(name="tidecast_calls")
def _tidecast_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace Tidecast by a policy that holds one pod per series; the value is the list of calls to it."""
    calls: list[str] = []

    def evaluate_series(series: Series, map_items: Any = map) -> Series:
        calls.append(f"evaluate {series.name}")
        return series

    def plan(series: Any, pool: Any, delay_cost: float) -> PlanRows:
        calls.append(f"plan {series.name} {delay_cost:g}")
        return plan_rows(series.pod_model, [0, 3600], [pool, pool])

    def quantile_band(series: Any) -> Any:
        return np.array([1800]), *(np.array([rate]) for rate in (1.0, 2.0, 3.0))

    monkeypatch.setattr(evaluation, "evaluate_series", evaluate_series)
    monkeypatch.setattr(evaluation, "quantile_band", quantile_band)
    monkeypatch.setattr(tidecast, "pooled", len)
    monkeypatch.setattr(tidecast, "plan", plan)
    return calls


def metrics_by_key(result: BacktestResult) -> dict[tuple[str, float | None], list[dict[str, float]]]:
    return {
        (outcome.policy, outcome.delay_cost): [asdict(metrics) for metrics in outcome.metrics]
        for outcome in result.backtest.outcomes
    }


DETECTIONS = 1
"""Items of the detection of upstream services, which precedes the series: one per hour of the traffic."""


class StopAfter:
    """An executor that stops after a number of items."""

    def __init__(self, items: int) -> None:
        self.remaining = items

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        for done in serial(work, items):
            if self.remaining == 0:
                return
            self.remaining -= 1
            yield done


def test_outcomes_have_order_of_request_and_series_of_file(traffic: Traffic) -> None:
    found = run(traffic, request("oracle", "kpa-tuned", "kpa")).backtest
    assert found.series == ("a", "b", "c")
    assert [(outcome.policy, outcome.delay_cost) for outcome in found.outcomes] == [
        ("oracle", None),
        ("kpa-tuned", 10.0),
        ("kpa-tuned", 30.0),
        ("kpa", None),
    ]
    assert (found.start_s, found.seconds, found.score_s, found.shown_cost) == (START_S, 7200, 1800, 30.0)


def test_metrics_are_those_of_the_plan_replayed_over_scored_span(traffic: Traffic) -> None:
    found = metrics_by_key(run(traffic, request("kpa", "oracle")))
    for k in range(3):
        series = traffic.series_at(k)
        for name, rows in (("kpa", NO_PLAN), ("oracle", POLICIES["oracle"].plan(series, 10.0))):
            replayed = replay(series.pod_model, series.arrivals, rows, score_s=1800)
            assert found[name, None][k] == asdict(replay_metrics(replayed, series.scenario.memory_mb))


def test_threads_over_series_or_within_a_series_change_no_metrics(traffic: Traffic) -> None:
    quick = request(*QUICK)
    serial_metrics = metrics_by_key(run(traffic, quick))
    assert metrics_by_key(run(traffic, quick, executor=Threads(2))) == serial_metrics
    threads = Threads(2)
    within_series = run(traffic, quick, executor=threads.serial, map_items=in_order(threads))
    assert metrics_by_key(within_series) == serial_metrics


def test_tidecast_evaluates_all_series_before_planning_any(
    traffic: Traffic, tidecast_calls: list[str]
) -> None:
    found = run(traffic, request("kpa", "tidecast"))
    evaluated, planned = tidecast_calls[:3], tidecast_calls[3:]
    assert evaluated == ["evaluate a", "evaluate b", "evaluate c"]
    assert planned == [f"plan {name} {cost}" for name in "abc" for cost in (10, 30)]
    assert [metrics["changes"] for metrics in metrics_by_key(found)["tidecast", 10.0]] == [0, 0, 0]
    assert min(metrics["pod_s"] for metrics in metrics_by_key(found)["tidecast", 10.0]) >= 3 * 5400


def test_progress_increases_to_one(traffic: Traffic, tidecast_calls: list[str]) -> None:
    progress: list[float] = []
    run(traffic, request("kpa", "tidecast"), on_progress=progress.append)
    assert progress == pytest.approx([k / 6 for k in range(1, 7)])


def test_stopped_backtest_returns_completed_series(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "oracle"), executor=StopAfter(2))
    assert found.backtest.series == ("a", "b")
    assert all(len(outcome.metrics) == 2 for outcome in found.backtest.outcomes)
    assert run(traffic, request("kpa"), executor=StopAfter(0)).backtest.series == ()


def test_backtest_stopped_before_plans_leaves_tidecast_out(
    traffic: Traffic, tidecast_calls: list[str]
) -> None:
    planned = request("kpa", "tidecast", delay_costs=(30.0,), planned="tidecast", trajectories=2)
    for after, series in ((2, ("a", "b")), (3, ("a", "b", "c"))):
        found = run(traffic, planned, executor=StopAfter(DETECTIONS + after))
        assert found.unplanned
        assert found.backtest.series == series
        assert [outcome.policy for outcome in found.backtest.outcomes] == ["kpa"]
        assert (found.plans, found.backtest.trajectories) == ((), ())


def test_backtest_stopped_during_plans_returns_series_with_plans(
    traffic: Traffic, tidecast_calls: list[str]
) -> None:
    found = run(traffic, request("kpa", "tidecast"), executor=StopAfter(DETECTIONS + 4))
    assert not found.unplanned
    assert found.backtest.series == ("a",)


def test_series_that_was_stopped_is_not_returned(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "kpa-tuned"), map_items=in_order(StopAfter(30)))
    assert found.backtest.series == ("a",)


def test_trajectories_are_of_series_with_highest_kpa_cost(
    traffic: Traffic, tidecast_calls: list[str]
) -> None:
    found = run(traffic, request("kpa", "oracle", "tidecast", trajectories=2)).backtest
    assert [trajectory.series for trajectory in found.trajectories] == ["b", "c"]
    largest = found.trajectories[0]
    assert (largest.start_s, largest.step_s, len(largest.arrivals)) == (START_S + 1800, 60, 90)
    kpa, plan = found.outcomes[0].metrics[1], found.outcomes[3].metrics[1]
    assert found.outcomes[3].delay_cost == found.shown_cost
    assert largest.arrivals.sum() * 60 == pytest.approx(kpa.requests)
    assert largest.delayed_kpa.sum() == pytest.approx(kpa.delayed)
    assert largest.pods_kpa.sum() * 60 == pytest.approx(kpa.pod_s)
    assert largest.pods.sum() * 60 == pytest.approx(plan.pod_s)
    assert set(largest.floor.tolist()) == {3}
    assert largest.max_arrivals.max() >= largest.arrivals.max()
    assert (largest.low[0], largest.middle[0], largest.high[0]) == (1, 2, 3)


def test_trajectory_without_tidecast_shows_first_other_plan(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "keepalive-5", "oracle", trajectories=1)).backtest
    assert np.isnan(found.trajectories[0].high).all()
    assert found.trajectories[0].floor.tolist() == [0] * 90
    assert run(traffic, request("kpa", trajectories=1)).backtest.trajectories == ()


def test_columns_of_a_long_trajectory_are_bounded(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic({"a": np.ones(9001)}, step_s=1)
    (trajectory,) = run(traffic, request("kpa", "oracle", trajectories=1)).backtest.trajectories
    assert (trajectory.step_s, len(trajectory.arrivals)) == (5, 1801)
    assert trajectory.arrivals.tolist() == [1] * 1801


def test_requested_plans_are_returned(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "kpa-tuned", delay_costs=(30.0,), planned="kpa-tuned"))
    assert [k for k, _ in found.plans] == [0, 1, 2]
    for k, rows in found.plans:
        assert rows.tobytes() == POLICIES["kpa-tuned"].plan(traffic.series_at(k), 30.0).tobytes()


def test_series_without_traffic_or_scored_seconds_has_zero_requests(make_traffic: MakeTraffic) -> None:
    late = START_S + 3600
    counts = {"ends": [5.0] * 50 + [np.nan] * 20, "idle": [0.0] * 70, "never": [np.nan] * 70}
    names = ("kpa", "kpa-fixed", "kpa-tuned", "keepalive-5", "oracle")
    found = run(make_traffic(counts, score_from_s=late), request(*names, trajectories=3))
    for by_series in metrics_by_key(found).values():
        assert [metrics["requests"] for metrics in by_series] == [0, 0, 0]
    assert [trajectory.series for trajectory in found.backtest.trajectories] == ["idle"]


def test_backtest_without_kpa_alone_is_an_error(traffic: Traffic) -> None:
    with pytest.raises(ValueError, match="the KPA alone"):
        run(traffic, request("oracle"))
