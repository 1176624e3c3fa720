"""The loop and the source of demand: history, chunks, gaps, and sources that cannot be read."""

from dataclasses import replace

import pytest
from builders import ACT, KEY, revision_spec
from simulated_cluster import DELAY_S, SETTINGS, START_S, SimulatedCluster, run_cycles, started, with_floor

from config.policy import Mode
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData, PrometheusUnreachable
from scaler.controller.loop import Loop
from scaler.controller.status import StatusStore
from scaler.plan.result import Reason


def test_unreadable_demand_keeps_the_floor_until_stale() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 3)
    floor = cluster.revisions[0].floor
    cluster.problem = PrometheusUnreachable("http://prometheus: no answer")
    run_cycles(loop, cluster, 4)
    assert cluster.revisions[0].floor == floor
    assert status_store.status.read_error == "http://prometheus: no answer"
    run_cycles(loop, cluster, 8)
    assert cluster.revisions[0].floor is None
    assert status_store.status.plan[KEY].reason is Reason.STALE  # type: ignore[index]
    cluster.problem = None
    run_cycles(loop, cluster, 2)
    assert status_store.status.read_error is None
    assert cluster.revisions[0].floor == pytest.approx(floor, abs=2)


def test_unreadable_history_is_read_again() -> None:
    cluster = SimulatedCluster(problem=PrometheusUnreachable("unreachable"))
    loop, status_store = started(cluster)
    run_cycles(loop, cluster)
    assert not status_store.status.history_read
    assert cluster.written == []
    cluster.problem = None
    run_cycles(loop, cluster)
    assert status_store.status.history_read
    assert status_store.status.plan is not None


def test_prometheus_without_old_data_is_sufficient() -> None:
    cluster = SimulatedCluster()
    read = cluster.read

    def without_old_data(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if step_s == SETTINGS.timing.history_step_s:
            raise NoData("no data")
        return read(start_s, end_s, step_s)

    cluster.read = without_old_data  # type: ignore[method-assign]
    loop, status_store = started(cluster)
    run_cycles(loop, cluster)
    assert status_store.status.history_read
    assert cluster.written != []


def read_small_chunks(cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit chunks to an hour of the fine grid, as for a large fleet."""
    monkeypatch.setattr("scaler.controller.backfill.CELLS", 120)
    cluster.set_revisions(revision_spec())


def test_history_of_a_large_fleet_is_read_in_contiguous_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = SimulatedCluster()
    read_small_chunks(cluster, monkeypatch)
    _, status_store = started(cluster)
    assert status_store.status.history_read
    for step_s, chunks in ((300, 5), (30, 3)):
        spans = [(start_s, end_s) for start_s, end_s, step in cluster.reads if step == step_s]
        assert len(spans) == chunks
        assert [start_s for start_s, _ in spans[1:]] == [end_s for _, end_s in spans[:-1]]
        assert all(end_s - start_s <= 120 * step_s for start_s, end_s in spans)


def test_unreadable_chunk_restarts_the_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = SimulatedCluster()
    read_small_chunks(cluster, monkeypatch)
    read = cluster.read

    def failing(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if step_s == 30 and end_s > cluster.now_s - 3600:
            raise PrometheusUnreachable("unreachable")
        return read(start_s, end_s, step_s)

    cluster.read = failing  # type: ignore[method-assign]
    loop, status_store = started(cluster)
    assert (status_store.status.history_read, loop.planner) == (False, None)
    assert status_store.status.read_error == "unreachable"
    cluster.read = read  # type: ignore[method-assign]
    run_cycles(loop, cluster)
    assert status_store.status.history_read
    assert status_store.status.read_error is None
    assert cluster.written != []


def test_prometheus_with_one_chunk_is_sufficient_and_without_data_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = SimulatedCluster()
    read_small_chunks(cluster, monkeypatch)
    read = cluster.read

    def without_old_data(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if end_s < cluster.now_s - since_s:
            raise NoData("no data")
        return replace(read(start_s, end_s, step_s), warnings=(f"partial {step_s}",))

    cluster.read = without_old_data  # type: ignore[method-assign]
    since_s = -3600.0
    loop, status_store = started(cluster)
    assert not status_store.status.history_read
    assert status_store.status.read_error == "no data"
    since_s = 3600.0
    run_cycles(loop, cluster)
    assert status_store.status.history_read
    assert status_store.status.warnings == ("partial 30",)


def test_each_cycle_reads_only_new_steps() -> None:
    cluster = SimulatedCluster()
    loop, _ = started(cluster)
    first = len(cluster.reads)
    run_cycles(loop, cluster, 3)
    new = cluster.reads[first:]
    assert [end_s - start_s for start_s, end_s, _ in new] == [30, 30, 30]
    assert all(end_s <= cluster.now_s - DELAY_S for _, end_s, _ in new)
    assert [start_s for start_s, _, _ in new[1:]] == [end_s for _, end_s, _ in new[:-1]]


@pytest.mark.parametrize("before_s", [22, 31, 40, 49])
def test_plan_covers_the_lead_time_for_every_age_of_the_newest_sample(before_s: int) -> None:
    """With start-up 20 s and period 30 s, the floor is high from 50 s before a jump that the history shows.

    The delay cost is high, because few days show the jump: at a lower one, no floor may cost less.
    """
    jump_s = START_S // 86400 * 86400 + 86400
    cluster = SimulatedCluster(rate=lambda second: 80.0 if (second - jump_s) % 86400 < 43200 else 1.0)
    cluster.now_s = jump_s - before_s - 7
    cluster.set_revisions(revision_spec(replace(ACT, delay_cost=1000.0)))
    status_store = StatusStore()
    timing = replace(SETTINGS.timing, recent_s=86400, history_s=5 * 86400)
    loop = Loop(cluster, cluster, replace(SETTINGS, timing=timing), status_store, clock=lambda: cluster.now_s)
    loop.observe()
    cluster.now_s = jump_s - before_s
    loop.plan()
    assert status_store.status.plan[KEY].floor >= 8  # type: ignore[index]


def test_changed_step_reads_the_history_again() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster)
    loop.configure(replace(SETTINGS, timing=replace(SETTINGS.timing, step_s=60)))
    assert not status_store.status.history_read
    run_cycles(loop, cluster, 2)
    assert status_store.status.history_read


def test_floor_of_an_earlier_process_without_history_is_reverted_when_stale() -> None:
    cluster = with_floor()
    cluster.problem = PrometheusUnreachable("unreachable")
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 5)
    assert cluster.written == []
    run_cycles(loop, cluster, 3)
    assert [change.floor for change in cluster.written] == [None]
    run_cycles(loop, cluster, 5)
    assert len(cluster.written) == 1
    assert status_store.status.is_leader
    assert not status_store.status.history_read


def test_standby_and_dry_run_without_history_revert_nothing() -> None:
    standby = with_floor()
    standby.leading, standby.problem = False, PrometheusUnreachable("unreachable")
    loop, _ = started(standby)
    run_cycles(loop, standby, 20)
    assert standby.written == []
    dry_run = with_floor()
    dry_run.problem = PrometheusUnreachable("unreachable")
    loop, _ = started(dry_run, dry_run=True)
    run_cycles(loop, dry_run, 20)
    assert dry_run.written == []


def test_change_to_mode_observe_without_history_reverts_the_floor() -> None:
    cluster = with_floor()
    cluster.problem = PrometheusUnreachable("unreachable")
    loop, _ = started(cluster)
    run_cycles(loop, cluster)
    loop.configure(replace(SETTINGS, policy=replace(ACT, mode=Mode.OBSERVE)))
    run_cycles(loop, cluster)
    assert [change.floor for change in cluster.written] == [None]


def test_changed_unreadable_source_keeps_the_floor_until_stale() -> None:
    cluster, other = SimulatedCluster(), SimulatedCluster(problem=PrometheusUnreachable("no such host"))
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 3)
    floor = cluster.revisions[0].floor
    assert floor is not None
    loop.read_from(other)
    run_cycles(loop, cluster, 4)
    assert cluster.revisions[0].floor == floor
    run_cycles(loop, cluster, 8)
    assert cluster.revisions[0].floor is None
    loop.read_from(cluster)
    run_cycles(loop, cluster, 2)
    assert cluster.revisions[0].floor is not None


def test_demand_without_samples_keeps_the_floor_until_stale() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 3)
    floor, known_s = cluster.revisions[0].floor, status_store.status.observed_until_s
    cluster.rate = lambda _: float("nan")
    run_cycles(loop, cluster, 4)
    assert cluster.revisions[0].floor == floor
    run_cycles(loop, cluster, 8)
    assert cluster.revisions[0].floor is None
    assert status_store.status.plan[KEY].reason is Reason.STALE  # type: ignore[index]
    assert status_store.status.observed_until_s == known_s
    cluster.rate = lambda _: 40.0
    run_cycles(loop, cluster, 2)
    assert cluster.revisions[0].floor == pytest.approx(floor, abs=2)


def test_first_plan_after_a_slow_history_is_not_stale() -> None:
    cluster = with_floor()
    read = cluster.read

    def slow(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        cluster.now_s += 600 if step_s == SETTINGS.timing.history_step_s else 0
        return read(start_s, end_s, step_s)

    cluster.read = slow  # type: ignore[method-assign]
    loop, status_store = started(cluster)
    loop.plan()
    assert status_store.status.plan[KEY].reason is not Reason.STALE  # type: ignore[index]
    assert None not in [change.floor for change in cluster.written]


def test_demand_with_warning_is_used_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = SimulatedCluster()
    read = cluster.read

    def partial(*span: int, **_: object) -> Demand:
        return replace(read(*span), warnings=("partial: a store is unreachable",))

    cluster.read = partial  # type: ignore[method-assign]
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 3)
    assert status_store.status.warnings == ("partial: a store is unreachable",)
    assert [record.message for record in caplog.records].count("demand: partial: a store is unreachable") == 1
    assert cluster.revisions[0].floor is not None
