"""The loop and the settings of the KPA, the fallback, and live changes of the configuration."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import ACT, KEY, revision_spec
from simulated_cluster import SETTINGS, SimulatedCluster, run_cycles, started

from config.calendar import Calendar, Event
from config.policy import Mode, RevisionPolicy
from config.settings import Announcements
from forecaster.sources.prometheus.errors import PrometheusUnreachable
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change
from scaler.controller.explain import explain
from scaler.controller.loop import Loop
from scaler.kpa.settings import KpaSettings
from scaler.plan.result import FleetPlan, Reason

SHORT = KpaSettings(35.0, 15, 110.0, 60)


def plan_settings(loop: Loop, settings: KpaSettings) -> None:
    """Make every plan of the loop contain these settings for every Revision."""
    planner = loop.planner
    assert planner is not None
    original = planner.plan

    def plan(*arguments: Any, **options: Any) -> FleetPlan:
        fleet_plan = original(*arguments, **options)
        rows = np.tile(np.array(settings.row()), (len(fleet_plan.keys), 1))
        return replace(fleet_plan, settings=rows)

    planner.plan = plan  # type: ignore[method-assign]


def test_settings_are_written_once_together_with_the_floor(caplog: pytest.LogCaptureFixture) -> None:
    cluster = SimulatedCluster()
    loop, status_store = started(cluster)
    plan_settings(loop, SHORT)
    with caplog.at_level("INFO"):
        run_cycles(loop, cluster)
    assert [change.settings for change in cluster.written] == [SHORT]
    assert any("floor" in record.message and "window 15s" in record.message for record in caplog.records)
    run_cycles(loop, cluster, 3)
    assert {change.settings for change in cluster.written} == {SHORT}
    assert len(cluster.written) <= 2
    assert status_store.status.settings == ((KEY, SHORT),)


@pytest.mark.parametrize(
    "policy",
    [replace(ACT, mode=Mode.OBSERVE), replace(ACT, mode=Mode.OFF), replace(ACT, levers=frozenset())],
)
def test_settings_are_not_written_without_mode_act_or_levers(policy: RevisionPolicy) -> None:
    cluster = SimulatedCluster()
    cluster.set_revisions(revision_spec(policy))
    loop, _ = started(cluster)
    plan_settings(loop, SHORT)
    run_cycles(loop, cluster, 2)
    assert cluster.written == []


def test_settings_without_history_are_reverted_when_stale() -> None:
    cluster = SimulatedCluster(problem=PrometheusUnreachable("unreachable"))
    cluster.set_revisions(revision_spec(settings=SHORT, floor=3))
    loop, _ = started(cluster)
    run_cycles(loop, cluster, 2)
    assert cluster.written == []
    run_cycles(loop, cluster, 12)
    assert cluster.written == [Change(KEY, "u1", None)]


def test_stop_reverts_settings() -> None:
    cluster = SimulatedCluster()
    cluster.set_revisions(revision_spec(settings=SHORT), revision_spec(key=RevisionKey("shop", "cart-00002")))
    loop, status_store = started(cluster)
    loop.stop()
    assert cluster.written == [Change(KEY, "u1", None)]
    loop.stop()
    assert len(cluster.written) == 1
    assert status_store.status.settings == ()


def begin_fallback(loop: Loop) -> None:
    """Make the fallback to the KPA alone active in the result of the shadow evaluation."""
    assert loop.planner is not None
    evaluator = loop.planner.shadow.evaluator
    assert evaluator is not None
    evaluator.result = replace(evaluator.result, in_fallback=frozenset({KEY}))


def test_fallback_reverts_floor_and_settings() -> None:
    cluster = SimulatedCluster()
    cluster.set_revisions(revision_spec(settings=SHORT, floor=7))
    loop, status_store = started(cluster)
    begin_fallback(loop)
    run_cycles(loop, cluster)
    assert cluster.written == [Change(KEY, "u1", None)]
    plan = status_store.status.plan
    assert plan is not None
    assert (plan[KEY].floor, plan[KEY].reason) == (0, Reason.FALLBACK)
    assert loop.planner is not None
    assert loop.spec is not None
    assert explain(loop.planner, loop.spec, plan, 0).fallback_active
    run_cycles(loop, cluster, 3)
    assert len(cluster.written) == 1


def test_fallback_keeps_the_configured_min() -> None:
    cluster = SimulatedCluster()
    cluster.set_revisions(revision_spec(replace(ACT, min=2)))
    loop, status_store = started(cluster)
    begin_fallback(loop)
    run_cycles(loop, cluster)
    assert status_store.status.plan is not None
    assert status_store.status.plan[KEY].floor == 2


def test_guard_share_follows_the_configuration() -> None:
    cluster = SimulatedCluster()
    loop, _ = started(cluster)
    assert loop.planner is not None
    assert loop.planner.shadow.guard_share == pytest.approx(0.001)
    loop.configure(replace(SETTINGS, actuation=replace(SETTINGS.actuation, guard=5.0)))
    assert loop.planner.shadow.guard_share == pytest.approx(0.05)


def test_added_event_is_planned_in_the_next_cycle_with_the_same_planner() -> None:
    cluster = SimulatedCluster(rate=lambda _: 4.0)
    loop, status_store = started(cluster)
    run_cycles(loop, cluster, 2)
    planner, usual = loop.planner, status_store.status.plan[KEY].floor  # type: ignore[index]
    now_s = int(cluster.now_s)
    sale = Event(name="sale", from_s=now_s + 60, until_s=now_s + 600, requests_per_second=80.0)
    announcements = Announcements(calendar=Calendar(time_zone="Europe/Berlin", events=(sale,)))
    loop.configure(replace(SETTINGS, announcements=announcements))
    run_cycles(loop, cluster)
    assert loop.planner is planner
    assert status_store.status.plan[KEY].floor >= 10 > 2 * usual  # type: ignore[index]
    assert status_store.status.plan[KEY].reason is Reason.ANNOUNCED  # type: ignore[index]
    assert planner is not None
    assert planner.clock is not None
    run_cycles(loop, cluster, 28)
    assert status_store.status.plan[KEY].floor <= usual + 1  # type: ignore[index]
