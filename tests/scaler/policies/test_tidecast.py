"""Tidecast in a backtest: no plan uses future arrivals; any levers, scenario and traffic give a plan."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.policies import tidecast
from scaler.policies.evaluation import evaluate_series
from scaler.policies.floors import HOUR_S
from scaler.policies.policy import PlanRows, Series
from scaler.policies.table import TIDECAST
from scaler.policies.tidecast import Pool, plan, pooled, select_by_hour
from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, STARTS
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay

CHANGED_RATE = 40.0


def traffic(seconds: int, *, rate: float = 2.0, seed: int = 1) -> NDArray[np.float32]:
    """Return Poisson arrivals with three times the rate in every fourth quarter of an hour."""
    rng = np.random.default_rng(seed)
    busy = np.arange(seconds) // 900 % 4 == 3
    return np.asarray(rng.poisson(np.where(busy, 3 * rate, rate)), np.float32)


def series(arrivals: NDArray[np.float32], scenario: Scenario, *, start_s: int = 0, name: str = "s") -> Series:
    return Series(name, start_s, arrivals, scenario, pod_model_of(scenario))


def rows_until(rows: PlanRows, at_s: int) -> bytes:
    return bytes(rows[rows["at_s"] <= at_s].tobytes())


def with_changed_future(arrivals: NDArray[np.float32], from_s: int) -> NDArray[np.float32]:
    changed = arrivals.copy()
    changed[from_s:] = np.random.default_rng(9).poisson(CHANGED_RATE, len(arrivals) - from_s)
    return changed


@pytest.mark.parametrize("delay_s", [30, 90])
@pytest.mark.parametrize(("name", "rate"), [("heavy", 2.0), ("sparse", 0.01)])
def test_no_row_depends_on_arrivals_within_the_metrics_delay(name: str, rate: float, delay_s: int) -> None:
    scenario = replace(SCENARIOS[name], metrics_delay_seconds=delay_s)
    arrivals = traffic(6 * HOUR_S, rate=rate)
    rows = TIDECAST.plan(series(arrivals, scenario), 10.0)
    assert len(rows) > 1
    for from_s in (0, 61, 2 * HOUR_S - delay_s, 3 * HOUR_S + 1, 5 * HOUR_S + 1234):
        changed = TIDECAST.plan(series(with_changed_future(arrivals, from_s), scenario), 10.0)
        assert rows_until(changed, from_s + delay_s) == rows_until(rows, from_s + delay_s)
        assert changed.tobytes() != rows.tobytes()


def test_no_row_depends_on_future_arrivals_of_the_other_series() -> None:
    scenario = SCENARIOS["sparse"]
    first, late_s = traffic(8 * HOUR_S, rate=0.01), 2 * HOUR_S + 700
    second = traffic(8 * HOUR_S, rate=0.01, seed=2)
    evaluation = evaluate_series(series(first, scenario))

    def planned(late: NDArray[np.float32]) -> PlanRows:
        late_evaluation = evaluate_series(series(late, scenario, start_s=late_s))
        return plan(evaluation, pooled([evaluation, late_evaluation]), 10.0)

    rows = planned(second)
    for from_s in (0, 3 * HOUR_S):
        changed = planned(with_changed_future(second, from_s))
        # The second series begins later: its second `from_s` is a later second of the first series.
        at_s = late_s + from_s + scenario.metrics_delay_seconds
        assert rows_until(changed, at_s) == rows_until(rows, at_s)


def test_hour_of_a_late_series_counts_in_the_hour_of_the_end() -> None:
    scenario = SCENARIOS["web"]
    early = evaluate_series(series(traffic(5 * HOUR_S), scenario, start_s=1_000_000))
    late = evaluate_series(series(traffic(3 * HOUR_S), scenario, start_s=1_000_000 + HOUR_S + 1))
    pool, alone = pooled([late, early]), pooled([early])
    assert pool.start_s == 1_000_000
    # The first hour of the late series ends in the third hour; its cost is known when the fifth begins.
    same = [bool((pool.sums[hour] == alone.sums[hour]).all()) for hour in range(5)]
    assert same == [True, True, True, True, False]
    assert len(select_by_hour(late, pool, 10.0)) == 3


def test_late_series_uses_the_pooled_evidence_known_at_the_start() -> None:
    scenario, better = SCENARIOS["web"], 7
    sums = np.zeros((6, len(CANDIDATES), N_METRICS))
    sums[3:, :, [PODS, DELAYED, STARTS]] = 1e9, 1e7, 1e6
    sums[3:, better] /= 2
    for start_s, known in ((3 * HOUR_S, True), (3 * HOUR_S - 1, False), (0, False)):
        evaluation = evaluate_series(series(traffic(2 * HOUR_S), scenario, start_s=start_s))
        assert (select_by_hour(evaluation, Pool(0, sums), 10.0)[0] == better) == known


@pytest.mark.parametrize("name", ["heavy", "web", "sparse"])
def test_rows_ascend_in_time_and_are_reproducible(name: str) -> None:
    busy = series(traffic(5 * HOUR_S), SCENARIOS[name], start_s=1_700_000_017)
    rows = TIDECAST.plan(busy, 30.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert TIDECAST.plan(busy, 30.0).tobytes() == rows.tobytes()
    assert replay(busy.pod_model, busy.arrivals, rows).requests == busy.arrivals.sum()


@pytest.mark.parametrize(
    "levers",
    [
        pytest.param(frozenset(), id="none"),
        pytest.param(frozenset({Lever.FLOOR}), id="floor"),
        pytest.param(frozenset({Lever.TARGET, Lever.PANIC}), id="target and panic"),
        pytest.param(frozenset(Lever) - {Lever.RETENTION}, id="all except retention"),
        pytest.param(frozenset(Lever), id="all"),
    ],
)
@pytest.mark.parametrize("concurrency", [0, 4])
def test_only_permitted_levers_are_active(levers: frozenset[Lever], concurrency: int) -> None:
    scenario = replace(SCENARIOS["sparse"], levers=levers, container_concurrency=concurrency)
    evaluation = evaluate_series(series(traffic(4 * HOUR_S, rate=0.02), scenario))
    pool = pooled([evaluation])
    for delay_cost in (1.0, 10.0, 300.0):
        rows = plan(evaluation, pool, delay_cost)
        assert set(select_by_hour(evaluation, pool, delay_cost).tolist()) <= set(evaluation.indices.tolist())
        if Lever.FLOOR not in levers:
            assert not rows["floor"].any()
        fields = {
            Lever.TARGET: "target_value",
            Lever.WINDOW: "stable_window_s",
            Lever.PANIC: "panic_threshold",
        }
        for lever, name in fields.items():
            if lever not in levers or (lever is Lever.TARGET and not concurrency):
                assert np.isnan(rows[name]).all()
    if not levers:
        assert len(rows) == 0


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param(np.zeros(0), id="no seconds"),
        pytest.param(np.ones(29), id="less than a step"),
        pytest.param(np.zeros(2 * HOUR_S), id="no request"),
        pytest.param(np.eye(1, 2 * HOUR_S, 4000)[0], id="one request"),
        pytest.param(np.full(2 * HOUR_S, 3.0), id="constant"),
        pytest.param(np.where(np.arange(2 * HOUR_S) < HOUR_S, 1.0, 1000.0), id="a thousandfold step"),
    ],
)
@pytest.mark.parametrize("startup_s", [0.0, 3600.0])
def test_any_traffic_gives_a_plan(arrivals: NDArray[np.float32], startup_s: float) -> None:
    scenario = replace(SCENARIOS["web"], startup_seconds=startup_s)
    rows = TIDECAST.plan(series(np.asarray(arrivals, np.float32), scenario), 10.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (rows["floor"] >= 0).all()


def test_series_with_fewer_candidates_removes_no_evidence_from_the_pool() -> None:
    free = evaluate_series(series(traffic(3 * HOUR_S), SCENARIOS["web"]))
    bound = evaluate_series(series(traffic(3 * HOUR_S), replace(SCENARIOS["web"], levers=frozenset())))
    pool = pooled([free, bound])
    assert pool.sums.shape[1] == len(CANDIDATES)
    assert not np.isnan(pool.sums).any()
    assert len(plan(bound, pool, 10.0)) == 0


def test_announced_floors_are_held_as_long_as_the_active_rule_holds() -> None:
    evaluation = evaluate_series(series(traffic(2 * HOUR_S), SCENARIOS["heavy"]))
    hold_s, index = max((candidate.rule.hold_s, i) for i, candidate in enumerate(CANDIDATES))
    announced = np.where((evaluation.at_s >= 3000) & (evaluation.at_s < 3600), 500, 0).astype(np.int32)
    rows = tidecast._rows(evaluation, np.full(2, index), announced)

    def floor_at(at_s: int) -> int:
        return int(rows["floor"][np.searchsorted(rows["at_s"], at_s, "right") - 1])

    assert hold_s > 0
    assert floor_at(2970) < 500
    assert floor_at(3030) >= 500
    assert floor_at(3600 + hold_s - 60) >= 500
    assert floor_at(3600 + hold_s + 60) < 500


def test_saved_starts_can_be_spent_later_but_not_more() -> None:
    evaluation = evaluate_series(series(traffic(2 * HOUR_S), SCENARIOS["heavy"]))
    hours, frugal, costly, delay_h = 120, 7, 9, 2
    cost = np.full((hours, len(CANDIDATES), N_METRICS), 1e6, np.float32)
    cost[:, :, [DELAYED, STARTS]] = 1e4, 1e3
    # For ten hours one candidate saves half of the starts; then one that needs more starts is far cheaper.
    cost[:10, frugal, [PODS, DELAYED, STARTS]] = 5e5, 9e3, 5e2
    cost[10:, costly, [PODS, DELAYED, STARTS]] = 1e5, 1e3, 1.2e3
    pool = Pool(0, np.zeros((hours, len(CANDIDATES), N_METRICS)))
    got = select_by_hour(replace(evaluation, cost=cost), pool, 30.0)
    assert got[delay_h : 10 + delay_h].tolist() == [frugal] * 10
    spending = np.flatnonzero(got == costly)
    # The costly candidate is active for hours, and no longer once the savings are spent.
    assert 10 + delay_h <= spending[0]
    assert 5 <= len(spending) == spending[-1] - spending[0] + 1 < 30
    assert 0.97 < cost[np.arange(hours), got, STARTS].sum() / cost[:, KPA_INDEX, STARTS].sum() <= 1


def test_candidate_that_delays_more_than_the_kpa_alone_is_replaced_by_the_kpa() -> None:
    scenario, hours, bad = SCENARIOS["web"], 60, 7
    evaluation = evaluate_series(series(traffic(2 * HOUR_S), scenario))
    cost = np.full((hours, len(CANDIDATES), N_METRICS), 1e6, np.float32)
    cost[:, :, [DELAYED, STARTS]] = 1e4, 1e3
    # The candidate is far better for ten hours, worse for five, and equal to all others after that.
    cost[:10, bad, [PODS, DELAYED]] /= 10
    cost[10:15, bad, DELAYED] = 1e5
    evaluation = replace(evaluation, cost=cost)
    pool = Pool(0, np.zeros((hours, len(CANDIDATES), N_METRICS)))
    got = select_by_hour(evaluation, pool, 30.0)
    delay_h = 2
    assert got[4 : 10 + delay_h].tolist() == [bad] * (6 + delay_h)
    assert (got[10 + delay_h : 16] == KPA_INDEX).all()
    # With a low delay cost there is no guard.
    assert not (select_by_hour(evaluation, pool, 1.0)[4:40] == KPA_INDEX).any()
