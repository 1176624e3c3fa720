"""Our policy beside the others: it knows nothing too early, and no levers, worlds or traffic stop it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.policies import tidecast
from scaler.policies.policy import PlanRows, Series
from scaler.policies.table import TIDECAST
from scaler.policies.tidecast import HOUR_S, Pool, chosen, plan, pooled, trial
from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, STARTS
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay

GARBAGE = 40.0


def traffic(seconds: int, *, rate: float = 2.0, seed: int = 1) -> NDArray[np.float32]:
    """Poisson, three times as much in every fourth quarter of an hour."""
    rng = np.random.default_rng(seed)
    busy = np.arange(seconds) // 900 % 4 == 3
    return np.asarray(rng.poisson(np.where(busy, 3 * rate, rate)), np.float32)


def series(arrivals: NDArray[np.float32], scenario: Scenario, *, start_s: int = 0, name: str = "s") -> Series:
    return Series(name, start_s, arrivals, scenario, pod_model_of(scenario))


def until(rows: PlanRows, at_s: int) -> bytes:
    return bytes(rows[rows["at_s"] <= at_s].tobytes())


def garbled(arrivals: NDArray[np.float32], from_s: int) -> NDArray[np.float32]:
    out = arrivals.copy()
    out[from_s:] = np.random.default_rng(9).poisson(GARBAGE, len(arrivals) - from_s)
    return out


@pytest.mark.parametrize("delay_s", [30, 90])
@pytest.mark.parametrize(("world", "rate"), [("heavy", 2.0), ("sparse", 0.01)])
def test_no_row_knows_what_came_less_than_the_metrics_delay_before_it(
    world: str, rate: float, delay_s: int
) -> None:
    scenario = replace(SCENARIOS[world], metrics_delay_seconds=delay_s)
    arrivals = traffic(6 * HOUR_S, rate=rate)
    before = TIDECAST.plan(series(arrivals, scenario), 10.0)
    assert len(before) > 1
    for from_s in (0, 61, 2 * HOUR_S - delay_s, 3 * HOUR_S + 1, 5 * HOUR_S + 1234):
        after = TIDECAST.plan(series(garbled(arrivals, from_s), scenario), 10.0)
        assert until(after, from_s + delay_s) == until(before, from_s + delay_s)
        assert after.tobytes() != before.tobytes()


def test_nor_does_it_by_way_of_another_series_wherever_that_begins() -> None:
    scenario = SCENARIOS["sparse"]
    first, late_s = traffic(8 * HOUR_S, rate=0.01), 2 * HOUR_S + 700
    second = traffic(8 * HOUR_S, rate=0.01, seed=2)
    ours = trial(series(first, scenario))

    def planned(other: NDArray[np.float32]) -> PlanRows:
        return plan(ours, pooled([ours, trial(series(other, scenario, start_s=late_s))]), 10.0)

    before = planned(second)
    for from_s in (0, 3 * HOUR_S):
        after = planned(garbled(second, from_s))
        # It begins later: its second `from_s` is a later one of ours.
        at_s = late_s + from_s + scenario.metrics_delay_seconds
        assert until(after, at_s) == until(before, at_s)


def test_what_others_came_to_counts_to_the_hour_in_which_it_was_over() -> None:
    scenario = SCENARIOS["web"]
    early = trial(series(traffic(5 * HOUR_S), scenario, start_s=1_000_000))
    late = trial(series(traffic(3 * HOUR_S), scenario, start_s=1_000_000 + HOUR_S + 1))
    pool, alone = pooled([late, early]), pooled([early])
    assert pool.start_s == 1_000_000
    # The first hour of the late one ends in the third; that is known when the fifth begins.
    same = [bool((pool.sums[hour] == alone.sums[hour]).all()) for hour in range(5)]
    assert same == [True, True, True, True, False]
    assert len(chosen(late, pool, 10.0)) == 3


def test_a_series_that_begins_late_borrows_what_was_known_by_then() -> None:
    scenario, better = SCENARIOS["web"], 7
    sums = np.zeros((6, len(CANDIDATES), N_METRICS))
    sums[3:, :, [PODS, DELAYED, STARTS]] = 1e9, 1e7, 1e6
    sums[3:, better] /= 2
    for start_s, wanted in ((3 * HOUR_S, True), (3 * HOUR_S - 1, False), (0, False)):
        its = trial(series(traffic(2 * HOUR_S), scenario, start_s=start_s))
        assert (chosen(its, Pool(0, sums), 10.0)[0] == better) == wanted


@pytest.mark.parametrize("world", ["heavy", "web", "sparse"])
def test_the_rows_rise_in_time_and_the_same_traffic_gives_the_same_bytes(world: str) -> None:
    one = series(traffic(5 * HOUR_S), SCENARIOS[world], start_s=1_700_000_017)
    rows = TIDECAST.plan(one, 30.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert TIDECAST.plan(one, 30.0).tobytes() == rows.tobytes()
    assert replay(one.world, one.arrivals, rows).requests == one.arrivals.sum()


@pytest.mark.parametrize(
    "levers",
    [
        pytest.param(frozenset(), id="none"),
        pytest.param(frozenset({Lever.FLOOR}), id="floor"),
        pytest.param(frozenset({Lever.TARGET, Lever.PANIC}), id="target and panic"),
        pytest.param(frozenset(Lever) - {Lever.RETENTION}, id="all but the retention"),
        pytest.param(frozenset(Lever), id="all"),
    ],
)
@pytest.mark.parametrize("concurrency", [0, 4])
def test_only_what_the_levers_allow_is_ever_in_force(levers: frozenset[Lever], concurrency: int) -> None:
    scenario = replace(SCENARIOS["sparse"], levers=levers, container_concurrency=concurrency)
    its = trial(series(traffic(4 * HOUR_S, rate=0.02), scenario))
    for delay_cost in (1.0, 10.0, 300.0):
        rows = plan(its, pooled([its]), delay_cost)
        assert set(chosen(its, pooled([its]), delay_cost).tolist()) <= set(its.places.tolist())
        if Lever.FLOOR not in levers:
            assert not rows["floor"].any()
        said = {Lever.TARGET: "target_value", Lever.WINDOW: "stable_window_s", Lever.PANIC: "panic_threshold"}
        for lever, name in said.items():
            if lever not in levers or (lever is Lever.TARGET and not concurrency):
                assert np.isnan(rows[name]).all()
    if not levers:
        assert len(rows) == 0


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param(np.zeros(0), id="nothing at all"),
        pytest.param(np.ones(29), id="less than a step"),
        pytest.param(np.zeros(2 * HOUR_S), id="no request"),
        pytest.param(np.eye(1, 2 * HOUR_S, 4000)[0], id="one request"),
        pytest.param(np.full(2 * HOUR_S, 3.0), id="constant"),
        pytest.param(np.where(np.arange(2 * HOUR_S) < HOUR_S, 1.0, 1000.0), id="a thousand times as much"),
    ],
)
@pytest.mark.parametrize("startup_s", [0.0, 3600.0])
def test_no_traffic_stops_it(arrivals: NDArray[np.float32], startup_s: float) -> None:
    scenario = replace(SCENARIOS["web"], startup_seconds=startup_s)
    rows = TIDECAST.plan(series(np.asarray(arrivals, np.float32), scenario), 10.0)
    assert (np.diff(rows["at_s"]) > 0).all()
    assert (rows["floor"] >= 0).all()


def test_a_series_that_may_use_fewer_candidates_takes_nothing_from_the_others() -> None:
    free = trial(series(traffic(3 * HOUR_S), SCENARIOS["web"]))
    bound = trial(series(traffic(3 * HOUR_S), replace(SCENARIOS["web"], levers=frozenset())))
    pool = pooled([free, bound])
    assert pool.sums.shape[1] == len(CANDIDATES)
    assert not np.isnan(pool.sums).any()
    assert len(plan(bound, pool, 10.0)) == 0


def test_pods_for_what_was_announced_are_held_as_the_rule_in_force_holds() -> None:
    its = trial(series(traffic(2 * HOUR_S), SCENARIOS["heavy"]))
    hold_s, place = max((each.rule.hold_s, e) for e, each in enumerate(CANDIDATES))
    sure = np.where((its.at_s >= 3000) & (its.at_s < 3600), 500, 0).astype(np.int32)
    rows = tidecast._in_force(its, np.full(2, place), sure)

    def floor_at(at_s: int) -> int:
        return int(rows["floor"][np.searchsorted(rows["at_s"], at_s, "right") - 1])

    assert hold_s > 0
    assert [floor_at(at_s) >= 500 for at_s in (2970, 3030, 3600 + hold_s - 60, 3600 + hold_s + 60)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_starts_that_were_saved_are_spent_before_what_starts_too_many_is_left() -> None:
    its = trial(series(traffic(2 * HOUR_S), SCENARIOS["heavy"]))
    hours, frugal, quick, late = 120, 7, 9, 2
    cost = np.full((hours, len(CANDIDATES), N_METRICS), 1e6, np.float32)
    cost[:, :, [DELAYED, STARTS]] = 1e4, 1e3
    # For ten hours one candidate saves half of the starts; after that one that needs more is far cheaper.
    cost[:10, frugal, [PODS, DELAYED, STARTS]] = 5e5, 9e3, 5e2
    cost[10:, quick, [PODS, DELAYED, STARTS]] = 1e5, 1e3, 1.2e3
    pool = Pool(0, np.zeros((hours, len(CANDIDATES), N_METRICS)))
    got = chosen(replace(its, cost=cost), pool, 30.0)
    assert got[late : 10 + late].tolist() == [frugal] * 10
    spends = np.flatnonzero(got == quick)
    # It is in force for hours, and left once nothing is left over.
    assert 10 + late <= spends[0]
    assert 5 <= len(spends) == spends[-1] - spends[0] + 1 < 30
    assert 0.97 < cost[np.arange(hours), got, STARTS].sum() / cost[:, KPA_INDEX, STARTS].sum() <= 1


def test_what_delays_more_than_the_kpa_alone_is_guarded_until_it_does_well_again() -> None:
    scenario, hours, bad = SCENARIOS["web"], 60, 7
    its = trial(series(traffic(2 * HOUR_S), scenario))
    cost = np.full((hours, len(CANDIDATES), N_METRICS), 1e6, np.float32)
    cost[:, :, [DELAYED, STARTS]] = 1e4, 1e3
    # It is far better for ten hours, a little worse for five, and as good as any after that.
    cost[:10, bad, [PODS, DELAYED]] /= 10
    cost[10:15, bad, DELAYED] = 1e5
    its = replace(its, cost=cost)
    pool = Pool(0, np.zeros((hours, len(CANDIDATES), N_METRICS)))
    got = chosen(its, pool, 30.0)
    late = 2
    assert got[4 : 10 + late].tolist() == [bad] * (6 + late)
    assert (got[10 + late : 16] == KPA_INDEX).all()
    # Whoever does not mind a delay has no guard.
    assert not (chosen(its, pool, 1.0)[4:40] == KPA_INDEX).any()
