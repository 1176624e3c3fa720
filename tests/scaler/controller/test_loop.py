"""The loop on a simulated cluster: plans, writes, leadership, and changes of the Revisions.

The real ends of the loop have their own tests (tests/forecaster, tests/scaler/knative, tests/e2e).
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import ACT, KEY, revision_spec
from simulated_cluster import SETTINGS, SimulatedCluster, run_cycles, started, with_floor

from config.policy import Mode
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.controller.loop import Loop
from scaler.controller.status import StatusStore
from scaler.parallel.interface import serial
from scaler.plan.result import Reason


def test_unchanged_floor_is_written_once() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 4)
    assert [change.floor for change in cluster.written[:1]] == [status_store.status.plan[KEY].floor]  # type: ignore[index]
    assert cluster.written[0].uid == "u1"
    assert len(cluster.written) <= 2
    assert status_store.status.write_results == {"applied": len(cluster.written)}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"policy": replace(ACT, mode=Mode.OBSERVE)}, id="observe"),
        pytest.param({"policy": replace(ACT, mode=Mode.OFF)}, id="off"),
        pytest.param({"reachable": False}, id="unreachable"),
        pytest.param({"owner_min": 50}, id="owner has a higher min-scale"),
    ],
)
def test_no_floor_is_written_where_not_permitted_or_not_needed(fields: dict[str, object]) -> None:
    cluster = SimulatedCluster()
    cluster.set_revisions(replace(revision_spec(), **fields))  # type: ignore[arg-type]
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 4)
    assert cluster.written == []


def test_standby_and_dry_run_write_nothing() -> None:
    standby = SimulatedCluster(leading=False)
    loop, status_store = started(standby)
    run_cycles(loop, standby, 3)
    assert standby.written == []
    assert status_store.status.plan is not None
    dry_run = SimulatedCluster()
    loop, _ = started(dry_run, dry_run=True)
    run_cycles(loop, dry_run, 3)
    assert dry_run.written == []


def test_change_to_mode_observe_reverts_the_floor() -> None:
    cluster = SimulatedCluster()
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 2)
    loop.configure(replace(SETTINGS, policy=replace(ACT, mode=Mode.OBSERVE)))
    run_cycles(loop, cluster)
    assert cluster.written[-1].floor is None
    assert cluster.revisions[0].floor is None


def test_denied_write_is_repeated() -> None:
    cluster = SimulatedCluster(result=Result.DENIED)
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 3)
    assert len(cluster.written) == 3
    assert status_store.status.write_results == {"denied": 3}
    cluster.result = Result.APPLIED
    run_cycles(loop, cluster, 2)
    assert cluster.revisions[0].floor is not None


def test_new_revision_of_a_known_service_has_a_floor_immediately() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 2)
    new = RevisionKey("shop", "cart-00002")
    cluster.set_revisions(
        revision_spec(percent=0.0, reachable=False), revision_spec(key=new, uid="u2", floor=None)
    )
    run_cycles(loop, cluster)
    assert cluster.written[-1].key == new
    assert cluster.written[-1].floor is not None
    assert status_store.status.plan[KEY].reason is Reason.UNREACHABLE  # type: ignore[index]


def test_floors_of_two_revisions_follow_equal_route_shares() -> None:
    cluster = SimulatedCluster(rate=lambda _: 80.0)
    other = RevisionKey("shop", "cart-00002")
    cluster.set_revisions(revision_spec(percent=50.0), revision_spec(percent=50.0, key=other))
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 3)
    plan = status_store.status.plan
    assert plan is not None
    # Each has half of the rate and a floor for that; the candidates may differ.
    assert plan[KEY].peak_median == plan[other].peak_median == pytest.approx(40, rel=0.1)
    for key in (KEY, other):
        assert 5 <= plan[key].floor <= 10


def test_stop_reverts_the_floor() -> None:
    cluster = SimulatedCluster()
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 2)
    loop.stop()
    assert cluster.revisions[0].floor is None


def test_refit_keeps_the_forecast() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster)
    before = status_store.status.plan
    loop.refit()
    run_cycles(loop, cluster)
    after = status_store.status.plan
    assert before is not None
    assert after is not None
    assert after.floor[0] == pytest.approx(before.floor[0], abs=2)


def test_ensemble_refit_is_counted_in_the_status() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster)
    loop.refit_ensemble(serial)
    assert not loop.has_pending_refit
    assert status_store.status.ensemble_evaluated == 0
    loop.refit()
    assert loop.has_pending_refit
    run_cycles(loop, cluster)
    loop.refit_ensemble(serial)
    assert not loop.has_pending_refit
    # The ensemble adds no skill for a constant rate.
    assert (status_store.status.ensemble_evaluated, status_store.status.ensemble_in_use) == (1, 0)
    run_cycles(loop, cluster)


def test_cluster_without_revisions_is_planned() -> None:
    cluster = SimulatedCluster()
    status_store = StatusStore()
    loop = Loop(cluster, cluster, SETTINGS, status_store, clock=lambda: cluster.now_s)
    run_cycles(loop, cluster, 3)
    assert status_store.status.plan is not None
    assert status_store.status.plan.keys == ()


def test_error_in_a_write_does_not_affect_the_next_cycle() -> None:
    cluster = SimulatedCluster()
    loop, _ = started(cluster)
    write = cluster.write

    def broken(changes: Sequence[Change]) -> list[WriteResult]:
        raise RuntimeError("out of threads")

    cluster.write = broken  # type: ignore[method-assign]
    cluster.now_s += 30
    with pytest.raises(RuntimeError, match="out of threads"):
        loop.plan()
    cluster.write = write  # type: ignore[method-assign]
    run_cycles(loop, cluster)
    assert cluster.revisions[0].floor is not None


def test_revision_removed_between_plan_and_write_is_gone() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)

    def gone(changes: Sequence[Change]) -> list[WriteResult]:
        cluster.set_revisions()
        return [WriteResult(change, Result.GONE, "the Revision does not exist") for change in changes]

    cluster.write = gone  # type: ignore[method-assign]
    run_cycles(loop, cluster, 3)
    assert status_store.status.write_results == {"gone": 1}
    assert status_store.status.plan is not None
    assert status_store.status.plan.keys == ()


@pytest.mark.parametrize(
    "result", [Result.DENIED, Result.CONFLICT, Result.THROTTLED, Result.UNREACHABLE, Result.REFUSED]
)
def test_failed_revert_is_repeated(result: Result) -> None:
    cluster = with_floor()
    cluster.revisions = (replace(cluster.revisions[0], policy=replace(ACT, mode=Mode.OBSERVE)),)
    cluster.result = result
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 2)
    assert status_store.status.write_results == {result.value: 2}
    assert cluster.revisions[0].floor == 7
    cluster.result = Result.APPLIED
    run_cycles(loop, cluster)
    assert cluster.revisions[0].floor is None


def test_only_the_leader_writes() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 2)
    before = len(cluster.written)
    cluster.leading = False
    cluster.rate = lambda _: 4000.0
    run_cycles(loop, cluster, 3)
    assert len(cluster.written) == before
    assert not status_store.status.is_leader
    cluster.leading = True
    run_cycles(loop, cluster)
    assert cluster.written[-1].floor == status_store.status.plan[KEY].floor > 100  # type: ignore[index]


def test_change_of_mode_affects_only_the_own_revision() -> None:
    cluster = SimulatedCluster(rate=lambda _: 80.0)
    other = RevisionKey("shop", "cart-00002")
    cluster.set_revisions(revision_spec(percent=50.0), revision_spec(percent=50.0, key=other))
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 3)
    before = len(cluster.written)
    first, second = cluster.revisions
    cluster.set_revisions(replace(first, policy=replace(ACT, mode=Mode.OBSERVE)), second)
    run_cycles(loop, cluster)
    assert cluster.written[before:] == [Change(KEY, "u1", None)]
    first, second = cluster.revisions
    cluster.set_revisions(replace(first, policy=ACT), second)
    run_cycles(loop, cluster)
    assert cluster.written[-1].key == KEY
    assert cluster.written[-1].floor is not None


def test_services_are_added_and_removed_between_plans() -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 2)
    floor = cluster.revisions[0].floor
    new = [
        revision_spec(key=RevisionKey("shop", f"new{i}-00001"), service=ServiceKey("shop", f"new{i}"))
        for i in range(3)
    ]
    cluster.set_revisions(*cluster.revisions, *new)
    run_cycles(loop, cluster)
    assert status_store.status.plan[new[0].key].reason is Reason.NO_FORECAST  # type: ignore[index]
    loop.refit()
    run_cycles(loop, cluster)
    cluster.set_revisions(cluster.revisions[0])
    loop.refit()
    run_cycles(loop, cluster)
    assert {change.key for change in cluster.written} == {KEY}
    assert cluster.revisions[0].floor == pytest.approx(floor, abs=2)
