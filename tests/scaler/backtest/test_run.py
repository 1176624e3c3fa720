"""What a backtest finds, alone and in threads, to the end and stopped."""

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

Making = Callable[..., Traffic]
START_S = 1_700_000_040
QUICK = ("kpa", "keepalive-5", "kpa-tuned", "oracle")


def request(*names: str, costs: tuple[float, ...] = (10.0, 30.0), **more: Any) -> BacktestRequest:
    return BacktestRequest({name: POLICIES[name] for name in names}, costs, **more)


@pytest.fixture(name="traffic")
def _traffic(making: Making) -> Traffic:
    """Three series of two hours, the largest in the middle; half an hour is warm-up."""
    rng = np.random.default_rng(5)
    counts = {name: rng.poisson(mean, 120) for name, mean in (("a", 9), ("b", 300), ("c", 40))}
    return making(counts, score_from_s=START_S + 1800)


@pytest.fixture(name="ours")
def _ours(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In place of our policy one that holds as many pods as there are series; gives what it was asked."""
    asked: list[str] = []

    def evaluate_series(series: Series, map_items: Any = map) -> Series:
        asked.append(f"evaluate {series.name}")
        return series

    def plan(its: Any, pool: Any, delay_cost: float) -> PlanRows:
        asked.append(f"plan {its.name} {delay_cost:g}")
        return plan_rows(its.pod_model, [0, 3600], [pool, pool])

    def quantile_band(its: Any) -> Any:
        return np.array([1800]), *(np.array([rate]) for rate in (1.0, 2.0, 3.0))

    monkeypatch.setattr(evaluation, "evaluate_series", evaluate_series)
    monkeypatch.setattr(evaluation, "quantile_band", quantile_band)
    monkeypatch.setattr(tidecast, "pooled", len)
    monkeypatch.setattr(tidecast, "plan", plan)
    return asked


def by_key(found: BacktestResult) -> dict[tuple[str, float | None], list[dict[str, float]]]:
    return {
        (each.policy, each.delay_cost): [asdict(its) for its in each.metrics]
        for each in found.backtest.outcomes
    }


FOUND = 1
"""Hour of the traffic after which it is found, first of all, who calls whom."""


class StopAfter:
    """A spread that is stopped after so many items."""

    def __init__(self, items: int) -> None:
        self.left = items

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        for done in serial(work, items):
            if self.left == 0:
                return
            self.left -= 1
            yield done


def test_outcomes_are_in_the_order_asked_and_series_in_the_files(traffic: Traffic) -> None:
    found = run(traffic, request("oracle", "kpa-tuned", "kpa")).backtest
    assert found.series == ("a", "b", "c")
    assert [(each.policy, each.delay_cost) for each in found.outcomes] == [
        ("oracle", None),
        ("kpa-tuned", 10.0),
        ("kpa-tuned", 30.0),
        ("kpa", None),
    ]
    assert (found.start_s, found.seconds, found.score_s, found.shown_cost) == (START_S, 7200, 1800, 30.0)


def test_figures_are_those_of_the_plan_replayed_over_the_scored_span(traffic: Traffic) -> None:
    found = by_key(run(traffic, request("kpa", "oracle")))
    for k in range(3):
        series = traffic.series_at(k)
        for name, rows in (("kpa", NO_PLAN), ("oracle", POLICIES["oracle"].plan(series, 10.0))):
            lived = replay(series.pod_model, series.arrivals, rows, score_s=1800)
            assert found[name, None][k] == asdict(replay_metrics(lived, series.scenario.memory_mb))


def test_threads_over_series_or_within_them_change_nothing(traffic: Traffic) -> None:
    asked = request(*QUICK)
    alone = by_key(run(traffic, asked))
    assert by_key(run(traffic, asked, executor=Threads(2))) == alone
    threads = Threads(2)
    assert by_key(run(traffic, asked, executor=threads.serial, map_items=in_order(threads))) == alone


def test_ours_is_tried_on_all_series_before_it_plans_any(traffic: Traffic, ours: list[str]) -> None:
    found = run(traffic, request("kpa", "tidecast"))
    tried, planned = ours[:3], ours[3:]
    assert tried == ["evaluate a", "evaluate b", "evaluate c"]
    assert planned == [f"plan {name} {cost}" for name in "abc" for cost in (10, 30)]
    assert [its["changes"] for its in by_key(found)["tidecast", 10.0]] == [0, 0, 0]
    assert min(its["pod_s"] for its in by_key(found)["tidecast", 10.0]) >= 3 * 5400


def test_the_share_done_grows_to_all(traffic: Traffic, ours: list[str]) -> None:
    told: list[float] = []
    run(traffic, request("kpa", "tidecast"), on_progress=told.append)
    assert told == pytest.approx([k / 6 for k in range(1, 7)])


def test_stopped_it_tells_of_the_series_that_are_done(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "oracle"), executor=StopAfter(2))
    assert found.backtest.series == ("a", "b")
    assert all(len(each.metrics) == 2 for each in found.backtest.outcomes)
    assert run(traffic, request("kpa"), executor=StopAfter(0)).backtest.series == ()


def test_stopped_before_ours_could_plan_it_is_left_out(traffic: Traffic, ours: list[str]) -> None:
    asked = request("kpa", "tidecast", costs=(30.0,), planned="tidecast", trajectories=2)
    for after, series in ((2, ("a", "b")), (3, ("a", "b", "c"))):
        found = run(traffic, asked, executor=StopAfter(FOUND + after))
        assert found.unplanned
        assert found.backtest.series == series
        assert [each.policy for each in found.backtest.outcomes] == ["kpa"]
        assert (found.plans, found.backtest.trajectories) == ((), ())


def test_stopped_while_ours_plans_the_series_with_plans_are_told(traffic: Traffic, ours: list[str]) -> None:
    found = run(traffic, request("kpa", "tidecast"), executor=StopAfter(FOUND + 4))
    assert not found.unplanned
    assert found.backtest.series == ("a",)


def test_stopped_within_a_series_it_is_not_done(traffic: Traffic) -> None:
    each = in_order(StopAfter(30))
    found = run(traffic, request("kpa", "kpa-tuned"), map_items=each)
    assert found.backtest.series == ("a",)


def test_courses_are_of_the_series_that_cost_the_kpa_most(traffic: Traffic, ours: list[str]) -> None:
    found = run(traffic, request("kpa", "oracle", "tidecast", trajectories=2)).backtest
    assert [each.series for each in found.trajectories] == ["b", "c"]
    largest = found.trajectories[0]
    assert (largest.start_s, largest.step_s, len(largest.arrivals)) == (START_S + 1800, 60, 90)
    alone, plan = found.outcomes[0].metrics[1], found.outcomes[3].metrics[1]
    assert found.outcomes[3].delay_cost == found.shown_cost
    assert largest.arrivals.sum() * 60 == pytest.approx(alone.requests)
    assert largest.delayed_kpa.sum() == pytest.approx(alone.delayed)
    assert largest.pods_kpa.sum() * 60 == pytest.approx(alone.pod_s)
    assert largest.pods.sum() * 60 == pytest.approx(plan.pod_s)
    assert set(largest.floor.tolist()) == {3}
    assert largest.max_arrivals.max() >= largest.arrivals.max()
    assert (largest.low[0], largest.middle[0], largest.high[0]) == (1, 2, 3)


def test_without_ours_the_first_plan_beside_the_kpa_is_drawn(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "keepalive-5", "oracle", trajectories=1)).backtest
    assert np.isnan(found.trajectories[0].high).all()
    assert found.trajectories[0].floor.tolist() == [0] * 90
    assert run(traffic, request("kpa", trajectories=1)).backtest.trajectories == ()


def test_a_long_course_has_no_more_columns_than_a_picture(making: Making) -> None:
    traffic = making({"a": np.ones(9001)}, step_s=1)
    (course,) = run(traffic, request("kpa", "oracle", trajectories=1)).backtest.trajectories
    assert (course.step_s, len(course.arrivals)) == (5, 1801)
    assert course.arrivals.tolist() == [1] * 1801


def test_plans_are_kept_where_they_are_asked_for(traffic: Traffic) -> None:
    found = run(traffic, request("kpa", "kpa-tuned", costs=(30.0,), planned="kpa-tuned"))
    assert [k for k, _ in found.plans] == [0, 1, 2]
    for k, rows in found.plans:
        assert rows.tobytes() == POLICIES["kpa-tuned"].plan(traffic.series_at(k), 30.0).tobytes()


def test_a_series_without_traffic_or_without_a_scored_second_has_figures_of_nothing(making: Making) -> None:
    late = START_S + 3600
    counts = {"ends": [5.0] * 50 + [np.nan] * 20, "idle": [0.0] * 70, "never": [np.nan] * 70}
    names = ("kpa", "kpa-fixed", "kpa-tuned", "keepalive-5", "oracle")
    found = run(making(counts, score_from_s=late), request(*names, trajectories=3))
    for came_to in by_key(found).values():
        assert [its["requests"] for its in came_to] == [0, 0, 0]
    assert [each.series for each in found.backtest.trajectories] == ["idle"]


def test_the_kpa_alone_is_part_of_every_backtest(traffic: Traffic) -> None:
    with pytest.raises(ValueError, match="the KPA alone"):
        run(traffic, request("oracle"))
