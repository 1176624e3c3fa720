"""The loop in situations: each with a source and a cluster made of a list and a closure.

What the real ends do is tested beside them (tests/forecaster, tests/scaler/knative, tests/e2e); here it is
what the loop makes of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.policy import Mode, RevisionPolicy
from config.settings import Announcements, Settings, Timing
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData, PrometheusUnreachable, ReadError
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.controller.explain import explain
from scaler.controller.loop import Loop
from scaler.controller.status import StatusStore
from scaler.kpa.settings import KpaSettings
from scaler.parallel.interface import serial
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS

SERVICE, KEY = ServiceKey("shop", "cart"), RevisionKey("shop", "cart-00001")
ACT = RevisionPolicy(mode=Mode.ACT)
SETTINGS = Settings(policy=ACT, timing=Timing(recent_s=7200, history_s=2 * 86400))
DELAY_S = 30.0
START_S = 1_800_000_000.0


@dataclass
class SimulatedCluster:
    """Time, traffic and what stands on the Revisions; the loop's two ends are closures over it."""

    now_s: float = START_S
    rate: Callable[[float], float] = lambda _: 40.0
    problem: ReadError | None = None
    revisions: tuple[RevisionSpec, ...] = ()
    version: int = 1
    leading: bool = True
    written: list[Change] = field(default_factory=list)
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    result: Result = Result.APPLIED

    def read(
        self, start_s: int, end_s: int, step_s: int, *, services: object = None, presets: object = None
    ) -> Demand:
        self.reads.append((start_s, end_s, step_s))
        if self.problem is not None:
            raise self.problem
        times = np.arange(start_s, end_s, step_s)
        values = np.array([[self.rate(float(t)) for t in times]], np.float32)
        return Demand((KEY,), (SERVICE,), values, values * np.float32(0.5), start_s, step_s, DELAY_S)

    def delay_s(self, step_s: int, at_s: int) -> float:
        return DELAY_S

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        return self.version, self.revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        return np.full((len(keys), STARTUPS), 20.0)

    def write(self, orders: Sequence[Change]) -> list[WriteResult]:
        self.written += orders
        if self.result is Result.APPLIED:
            by_key = {order.key: order for order in orders}
            self.see(
                *(
                    replace(r, floor=o.floor, settings=o.settings) if (o := by_key.get(r.key)) else r
                    for r in self.revisions
                )
            )
        return [WriteResult(order, self.result) for order in orders]

    def see(self, *revisions: RevisionSpec) -> None:
        self.version, self.revisions = self.version + 1, revisions

    def verify(self) -> Sequence[str]:
        return ()

    def configure(self, settings: Settings) -> None:
        self.see(*(replace(r, policy=settings.policy) for r in self.revisions))

    def sweep(self) -> Sequence[WriteResult]:
        return ()

    def is_leader(self) -> bool:
        return self.leading


def revision(policy: RevisionPolicy = ACT, **what: object) -> RevisionSpec:
    made = RevisionSpec(
        key=KEY, service=SERVICE, uid="u1", container_concurrency=4, total_value=4.0, policy=policy
    )
    return replace(made, **what)  # type: ignore[arg-type]


def started(world: SimulatedCluster, *, dry_run: bool = False) -> tuple[Loop, StatusStore]:
    if not world.revisions:
        world.see(revision())
    status_store = StatusStore()
    loop = Loop(world, world, SETTINGS, status_store, clock=lambda: world.now_s, dry_run=dry_run)
    loop.observe()
    return loop, status_store


def turn(loop: Loop, world: SimulatedCluster, times: int = 1) -> None:
    """Observe and plan, as the schedule does every 30 s."""
    for _ in range(times):
        world.now_s += 30
        loop.observe()
        loop.plan()


def test_a_floor_is_written_once_and_not_again_while_it_stands() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 4)
    assert [order.floor for order in world.written[:1]] == [status_store.status.plan[KEY].floor]  # type: ignore[index]
    assert world.written[0].uid == "u1"
    assert len(world.written) <= 2
    assert status_store.status.write_results == {"applied": len(world.written)}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param({"policy": replace(ACT, mode=Mode.OBSERVE)}, id="observe"),
        pytest.param({"policy": replace(ACT, mode=Mode.OFF)}, id="off"),
        pytest.param({"reachable": False}, id="unreachable"),
        pytest.param({"owner_min": 50}, id="the owner has more already"),
    ],
)
def test_nothing_is_written_where_nothing_may_or_need_be(what: dict[str, object]) -> None:
    world = SimulatedCluster()
    world.see(replace(revision(), **what))  # type: ignore[arg-type]
    loop, _ = started(world)
    turn(loop, world, 4)
    assert world.written == []


def test_a_standby_and_a_look_write_nothing() -> None:
    standby = SimulatedCluster(leading=False)
    loop, status_store = started(standby)
    turn(loop, standby, 3)
    assert standby.written == []
    assert status_store.status.plan is not None
    looker = SimulatedCluster()
    loop, _ = started(looker, dry_run=True)
    turn(loop, looker, 3)
    assert looker.written == []


def test_a_mode_that_turns_to_observe_takes_the_floor_back() -> None:
    world = SimulatedCluster()
    loop, _ = started(world)
    turn(loop, world, 2)
    loop.configure(replace(SETTINGS, policy=replace(ACT, mode=Mode.OBSERVE)))
    turn(loop, world)
    assert world.written[-1].floor is None
    assert world.revisions[0].floor is None


def test_while_demand_cannot_be_read_the_plan_stands_and_then_decays() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 3)
    stood = world.revisions[0].floor
    world.problem = PrometheusUnreachable("http://prometheus: no answer")
    turn(loop, world, 4)
    assert world.revisions[0].floor == stood
    assert status_store.status.read_error == "http://prometheus: no answer"
    turn(loop, world, 8)
    assert world.revisions[0].floor is None
    assert status_store.status.plan[KEY].reason is Reason.STALE  # type: ignore[index]
    world.problem = None
    turn(loop, world, 2)
    assert status_store.status.read_error is None
    assert world.revisions[0].floor == pytest.approx(stood, abs=2)


def test_history_that_cannot_be_read_at_first_is_tried_again() -> None:
    world = SimulatedCluster(problem=PrometheusUnreachable("away"))
    loop, status_store = started(world)
    turn(loop, world)
    assert not status_store.status.history_read
    assert world.written == []
    world.problem = None
    turn(loop, world)
    assert status_store.status.history_read
    assert status_store.status.plan is not None


def test_a_prometheus_that_does_not_reach_back_far_is_enough() -> None:
    world = SimulatedCluster()
    whole = world.read

    def young(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if step_s == SETTINGS.timing.history_step_s:
            raise NoData("nothing there")
        return whole(start_s, end_s, step_s)

    world.read = young  # type: ignore[method-assign]
    loop, status_store = started(world)
    turn(loop, world)
    assert status_store.status.history_read
    assert world.written != []


def wide(world: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world whose fleet is so large that an hour of the short grid is a piece."""
    monkeypatch.setattr("scaler.controller.backfill.CELLS", 120)
    world.see(revision())


def test_a_large_fleet_is_read_in_pieces_oldest_first_and_each_step_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = SimulatedCluster()
    wide(world, monkeypatch)
    _, status_store = started(world)
    assert status_store.status.history_read
    for step_s, pieces in ((300, 5), (30, 3)):
        spans = [(start_s, end_s) for start_s, end_s, step in world.reads if step == step_s]
        assert len(spans) == pieces
        assert [start_s for start_s, _ in spans[1:]] == [end_s for _, end_s in spans[:-1]]
        assert all(end_s - start_s <= 120 * step_s for start_s, end_s in spans)


def test_a_piece_that_cannot_be_read_changes_nothing_and_all_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = SimulatedCluster()
    wide(world, monkeypatch)
    whole = world.read

    def failing(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if step_s == 30 and end_s > world.now_s - 3600:
            raise PrometheusUnreachable("away")
        return whole(start_s, end_s, step_s)

    world.read = failing  # type: ignore[method-assign]
    loop, status_store = started(world)
    assert (status_store.status.history_read, loop.planner) == (False, None)
    assert status_store.status.read_error == "away"
    world.read = whole  # type: ignore[method-assign]
    turn(loop, world)
    assert status_store.status.history_read
    assert status_store.status.read_error is None
    assert world.written != []


def test_a_prometheus_younger_than_a_piece_is_enough_and_one_without_figures_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = SimulatedCluster()
    wide(world, monkeypatch)
    whole = world.read

    def young(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        if end_s < world.now_s - since_s:
            raise NoData("nothing there")
        return replace(whole(start_s, end_s, step_s), warnings=(f"partial {step_s}",))

    world.read = young  # type: ignore[method-assign]
    since_s = -3600.0
    loop, status_store = started(world)
    assert not status_store.status.history_read
    assert status_store.status.read_error == "nothing there"
    since_s = 3600.0
    turn(loop, world)
    assert status_store.status.history_read
    assert status_store.status.warnings == ("partial 30",)


def test_only_what_is_new_is_read() -> None:
    world = SimulatedCluster()
    loop, _ = started(world)
    first = len(world.reads)
    turn(loop, world, 3)
    new = world.reads[first:]
    assert [end_s - start_s for start_s, end_s, _ in new] == [30, 30, 30]
    assert all(end_s <= world.now_s - DELAY_S for _, end_s, _ in new)
    assert [start_s for start_s, _, _ in new[1:]] == [end_s for _, end_s, _ in new[:-1]]


@pytest.mark.parametrize("before_s", [22, 31, 40, 49])
def test_the_plan_reaches_its_whole_lead_however_old_the_newest_figure_is(before_s: int) -> None:
    """A jump that the history knows, start-up 20 s, period 30 s: the floor is up from 50 s before it on.

    Requests are dear: few days have shown the jump, and cheaper ones may wait where no floor costs less.
    """
    jump_s = START_S // 86400 * 86400 + 86400
    world = SimulatedCluster(rate=lambda t: 80.0 if (t - jump_s) % 86400 < 43200 else 1.0)
    world.now_s = jump_s - before_s - 7
    world.see(revision(replace(ACT, delay_cost=1000.0)))
    status_store = StatusStore()
    timing = replace(SETTINGS.timing, recent_s=86400, history_s=5 * 86400)
    loop = Loop(world, world, replace(SETTINGS, timing=timing), status_store, clock=lambda: world.now_s)
    loop.observe()
    world.now_s = jump_s - before_s
    loop.plan()
    assert status_store.status.plan[KEY].floor >= 8  # type: ignore[index]


def test_what_was_refused_is_tried_again_and_the_loop_lives_on() -> None:
    world = SimulatedCluster(result=Result.DENIED)
    loop, status_store = started(world)
    turn(loop, world, 3)
    assert len(world.written) == 3
    assert status_store.status.write_results == {"denied": 3}
    world.result = Result.APPLIED
    turn(loop, world, 2)
    assert world.revisions[0].floor is not None


def test_a_new_revision_of_a_known_service_has_its_history_from_its_first_moment() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 2)
    new = RevisionKey("shop", "cart-00002")
    world.see(revision(percent=0.0, reachable=False), revision(key=new, uid="u2", floor=None))
    turn(loop, world)
    assert world.written[-1].key == new
    assert world.written[-1].floor is not None
    assert status_store.status.plan[KEY].reason is Reason.UNREACHABLE  # type: ignore[index]


def test_traffic_is_split_between_two_revisions_half_and_half() -> None:
    world = SimulatedCluster(rate=lambda _: 80.0)
    other = RevisionKey("shop", "cart-00002")
    world.see(revision(percent=50.0), revision(percent=50.0, key=other))
    loop, status_store = started(world)
    turn(loop, world, 3)
    plan = status_store.status.plan
    assert plan is not None
    # Each has half of it, and a floor that carries that; by which candidate may differ.
    assert plan[KEY].peak_median == plan[other].peak_median == pytest.approx(40, rel=0.1)
    for key in (KEY, other):
        assert 5 <= plan[key].floor <= 10


def test_a_clean_stop_takes_our_own_back() -> None:
    world = SimulatedCluster()
    loop, _ = started(world)
    turn(loop, world, 2)
    loop.stop()
    assert world.revisions[0].floor is None


def test_another_pace_begins_anew() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world)
    loop.configure(replace(SETTINGS, timing=replace(SETTINGS.timing, step_s=60)))
    assert not status_store.status.history_read
    turn(loop, world, 2)
    assert status_store.status.history_read


def test_a_refit_changes_nothing_that_was_known() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world)
    before = status_store.status.plan
    loop.refit()
    turn(loop, world)
    after = status_store.status.plan
    assert before is not None
    assert after is not None
    assert after.floor[0] == pytest.approx(before.floor[0], abs=2)


def test_slow_models_are_asked_beside_the_loop_and_told_of() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world)
    loop.refit_ensemble(serial)
    assert not loop.has_pending_refit
    assert status_store.status.ensemble_evaluated == 0
    loop.refit()
    assert loop.has_pending_refit
    turn(loop, world)
    loop.refit_ensemble(serial)
    assert not loop.has_pending_refit
    # A rate that never varies is known without them.
    assert (status_store.status.ensemble_evaluated, status_store.status.ensemble_in_use) == (1, 0)
    turn(loop, world)


def test_with_no_revisions_at_all_the_loop_goes_round() -> None:
    world = SimulatedCluster()
    status_store = StatusStore()
    loop = Loop(world, world, SETTINGS, status_store, clock=lambda: world.now_s)
    turn(loop, world, 3)
    assert status_store.status.plan is not None
    assert status_store.status.plan.keys == ()


def standing(floor: int = 7) -> SimulatedCluster:
    """A world in which a former life of ours has left a floor."""
    world = SimulatedCluster()
    world.see(revision(floor=floor))
    return world


def test_without_a_history_a_floor_of_a_former_life_stands_as_long_as_a_plan_may_and_no_longer() -> None:
    world = standing()
    world.problem = PrometheusUnreachable("away")
    loop, status_store = started(world)
    turn(loop, world, 5)
    assert world.written == []
    turn(loop, world, 3)
    assert [order.floor for order in world.written] == [None]
    turn(loop, world, 5)
    assert len(world.written) == 1
    assert status_store.status.is_leader
    assert not status_store.status.history_read


def test_without_a_history_a_standby_and_a_look_take_nothing_back() -> None:
    standby = standing()
    standby.leading, standby.problem = False, PrometheusUnreachable("away")
    loop, _ = started(standby)
    turn(loop, standby, 20)
    assert standby.written == []
    looker = standing()
    looker.problem = PrometheusUnreachable("away")
    loop, _ = started(looker, dry_run=True)
    turn(loop, looker, 20)
    assert looker.written == []


def test_without_a_history_a_mode_that_turns_to_observe_takes_the_floor_back_at_once() -> None:
    world = standing()
    world.problem = PrometheusUnreachable("away")
    loop, _ = started(world)
    turn(loop, world)
    loop.configure(replace(SETTINGS, policy=replace(ACT, mode=Mode.OBSERVE)))
    turn(loop, world)
    assert [order.floor for order in world.written] == [None]


def test_another_source_that_cannot_be_read_lets_floors_stand_and_then_decay() -> None:
    world, typo = SimulatedCluster(), SimulatedCluster(problem=PrometheusUnreachable("no such host"))
    loop, _ = started(world)
    turn(loop, world, 3)
    stood = world.revisions[0].floor
    assert stood is not None
    loop.read_from(typo)
    turn(loop, world, 4)
    assert world.revisions[0].floor == stood
    turn(loop, world, 8)
    assert world.revisions[0].floor is None
    loop.read_from(world)
    turn(loop, world, 2)
    assert world.revisions[0].floor is not None


def test_answers_in_which_nothing_was_observed_are_no_news() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 3)
    stood, known_s = world.revisions[0].floor, status_store.status.observed_until_s
    world.rate = lambda _: float("nan")
    turn(loop, world, 4)
    assert world.revisions[0].floor == stood
    turn(loop, world, 8)
    assert world.revisions[0].floor is None
    assert status_store.status.plan[KEY].reason is Reason.STALE  # type: ignore[index]
    assert status_store.status.observed_until_s == known_s
    world.rate = lambda _: 40.0
    turn(loop, world, 2)
    assert world.revisions[0].floor == pytest.approx(stood, abs=2)


def test_a_history_that_takes_long_to_read_is_caught_up_with_before_the_first_plan() -> None:
    world = standing()
    quick = world.read

    def slow(start_s: int, end_s: int, step_s: int, **_: object) -> Demand:
        world.now_s += 600 if step_s == SETTINGS.timing.history_step_s else 0
        return quick(start_s, end_s, step_s)

    world.read = slow  # type: ignore[method-assign]
    loop, status_store = started(world)
    loop.plan()
    assert status_store.status.plan[KEY].reason is not Reason.STALE  # type: ignore[index]
    assert None not in [order.floor for order in world.written]


def test_a_fault_of_ours_while_acting_leaves_the_next_turn_as_good_as_any() -> None:
    world = SimulatedCluster()
    loop, _ = started(world)
    fine = world.write

    def broken(orders: Sequence[Change]) -> list[WriteResult]:
        raise RuntimeError("out of threads")

    world.write = broken  # type: ignore[method-assign]
    world.now_s += 30
    with pytest.raises(RuntimeError, match="out of threads"):
        loop.plan()
    world.write = fine  # type: ignore[method-assign]
    turn(loop, world)
    assert world.revisions[0].floor is not None


def test_a_revision_that_goes_between_plan_and_act_is_gone_and_no_more() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)

    def gone(orders: Sequence[Change]) -> list[WriteResult]:
        world.see()
        return [WriteResult(order, Result.GONE, "no such Revision any more") for order in orders]

    world.write = gone  # type: ignore[method-assign]
    turn(loop, world, 3)
    assert status_store.status.write_results == {"gone": 1}
    assert status_store.status.plan is not None
    assert status_store.status.plan.keys == ()


@pytest.mark.parametrize(
    "result", [Result.DENIED, Result.CONFLICT, Result.THROTTLED, Result.UNREACHABLE, Result.REFUSED]
)
def test_a_floor_that_cannot_be_taken_back_now_is_taken_back_later(result: Result) -> None:
    world = standing()
    world.revisions = (replace(world.revisions[0], policy=replace(ACT, mode=Mode.OBSERVE)),)
    world.result = result
    loop, status_store = started(world)
    turn(loop, world, 2)
    assert status_store.status.write_results == {result.value: 2}
    assert world.revisions[0].floor == 7
    world.result = Result.APPLIED
    turn(loop, world)
    assert world.revisions[0].floor is None


def test_leadership_that_is_lost_and_regained() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 2)
    before = len(world.written)
    world.leading = False
    world.rate = lambda _: 4000.0
    turn(loop, world, 3)
    assert len(world.written) == before
    assert not status_store.status.is_leader
    world.leading = True
    turn(loop, world)
    assert world.written[-1].floor == status_store.status.plan[KEY].floor > 100  # type: ignore[index]


def test_the_mode_of_one_revision_changes_and_no_other_moves() -> None:
    world = SimulatedCluster(rate=lambda _: 80.0)
    other = RevisionKey("shop", "cart-00002")
    world.see(revision(percent=50.0), revision(percent=50.0, key=other))
    loop, _ = started(world)
    turn(loop, world, 3)
    before = len(world.written)
    first, second = world.revisions
    world.see(replace(first, policy=replace(ACT, mode=Mode.OBSERVE)), second)
    turn(loop, world)
    assert world.written[before:] == [Change(KEY, "u1", None)]
    first, second = world.revisions
    world.see(replace(first, policy=ACT), second)
    turn(loop, world)
    assert world.written[-1].key == KEY
    assert world.written[-1].floor is not None


def test_services_come_and_go_between_two_plans() -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    turn(loop, world, 2)
    stood = world.revisions[0].floor
    new = [
        revision(key=RevisionKey("shop", f"new{i}-00001"), service=ServiceKey("shop", f"new{i}"))
        for i in range(3)
    ]
    world.see(*world.revisions, *new)
    turn(loop, world)
    assert status_store.status.plan[new[0].key].reason is Reason.NO_FORECAST  # type: ignore[index]
    loop.refit()
    turn(loop, world)
    world.see(world.revisions[0])
    loop.refit()
    turn(loop, world)
    assert {order.key for order in world.written} == {KEY}
    assert world.revisions[0].floor == pytest.approx(stood, abs=2)


def test_what_came_with_a_warning_is_used_and_the_warning_shown_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = SimulatedCluster()
    whole = world.read

    def partial(*span: int, **_: object) -> Demand:
        return replace(whole(*span), warnings=("partial: one store is away",))

    world.read = partial  # type: ignore[method-assign]
    loop, status_store = started(world)
    turn(loop, world, 3)
    assert status_store.status.warnings == ("partial: one store is away",)
    assert [r.message for r in caplog.records].count("demand: partial: one store is away") == 1
    assert world.revisions[0].floor is not None


SHORT = KpaSettings(35.0, 15, 110.0, 60)


def asking(loop: Loop, setting: KpaSettings) -> None:
    """Let its plans ask for that setting everywhere, whatever they would ask for."""
    cycle = loop.planner
    assert cycle is not None
    whole = cycle.plan

    def plan(*given: Any, **named: Any) -> FleetPlan:
        made = whole(*given, **named)
        return replace(made, settings=np.tile(np.array(setting.row()), (len(made.keys), 1)))

    cycle.plan = plan  # type: ignore[method-assign]


def test_settings_are_written_with_the_floor_once_shown_and_told(caplog: pytest.LogCaptureFixture) -> None:
    world = SimulatedCluster()
    loop, status_store = started(world)
    asking(loop, SHORT)
    with caplog.at_level("INFO"):
        turn(loop, world)
    assert [order.settings for order in world.written] == [SHORT]
    assert any("floor" in r.message and "window 15s" in r.message for r in caplog.records)
    turn(loop, world, 3)
    assert {order.settings for order in world.written} == {SHORT}
    assert len(world.written) <= 2
    assert status_store.status.settings == ((KEY, SHORT),)


@pytest.mark.parametrize(
    "policy",
    [replace(ACT, mode=Mode.OBSERVE), replace(ACT, mode=Mode.OFF), replace(ACT, levers=frozenset())],
)
def test_settings_are_not_written_where_they_may_not(policy: RevisionPolicy) -> None:
    world = SimulatedCluster()
    world.see(revision(policy))
    loop, _ = started(world)
    asking(loop, SHORT)
    turn(loop, world, 2)
    assert world.written == []


def test_settings_stand_while_the_history_cannot_be_read_and_then_decay() -> None:
    world = SimulatedCluster(problem=PrometheusUnreachable("away"))
    world.see(revision(settings=SHORT, floor=3))
    loop, _ = started(world)
    turn(loop, world, 2)
    assert world.written == []
    turn(loop, world, 12)
    assert world.written == [Change(KEY, "u1", None)]


def test_a_clean_stop_takes_settings_back() -> None:
    world = SimulatedCluster()
    world.see(revision(settings=SHORT), revision(key=RevisionKey("shop", "cart-00002")))
    loop, status_store = started(world)
    loop.stop()
    assert world.written == [Change(KEY, "u1", None)]
    loop.stop()
    assert len(world.written) == 1
    assert status_store.status.settings == ()


def guarding(loop: Loop) -> None:
    """Let its shadow have found that the KPA alone did better."""
    assert loop.planner is not None
    shadow = loop.planner.shadow.evaluator
    assert shadow is not None
    shadow.result = replace(shadow.result, in_fallback=frozenset({KEY}))


def test_a_guarded_revision_is_left_to_the_kpa_and_what_stands_is_taken_back() -> None:
    world = SimulatedCluster()
    world.see(revision(settings=SHORT, floor=7))
    loop, status_store = started(world)
    guarding(loop)
    turn(loop, world)
    assert world.written == [Change(KEY, "u1", None)]
    plan = status_store.status.plan
    assert plan is not None
    assert (plan[KEY].floor, plan[KEY].reason) == (0, Reason.FALLBACK)
    assert loop.planner is not None
    assert loop.spec is not None
    assert explain(loop.planner, loop.spec, plan, 0).fallback_active
    turn(loop, world, 3)
    assert len(world.written) == 1


def test_the_guard_keeps_a_min_of_the_policy() -> None:
    world = SimulatedCluster()
    world.see(revision(replace(ACT, min=2)))
    loop, status_store = started(world)
    guarding(loop)
    turn(loop, world)
    assert status_store.status.plan is not None
    assert status_store.status.plan[KEY].floor == 2


def test_the_guard_is_the_one_of_the_configuration_also_when_that_is_edited() -> None:
    world = SimulatedCluster()
    loop, _ = started(world)
    assert loop.planner is not None
    assert loop.planner.shadow.guard_share == pytest.approx(0.001)
    loop.configure(replace(SETTINGS, actuation=replace(SETTINGS.actuation, guard=5.0)))
    assert loop.planner.shadow.guard_share == pytest.approx(0.05)


def test_an_event_that_is_written_into_the_calendar_is_planned_for_at_once_and_nothing_is_lost() -> None:
    world = SimulatedCluster(rate=lambda _: 4.0)
    loop, status_store = started(world)
    turn(loop, world, 2)
    cycle, usual = loop.planner, status_store.status.plan[KEY].floor  # type: ignore[index]
    now_s = int(world.now_s)
    sale = Event(name="sale", from_s=now_s + 60, until_s=now_s + 600, requests_per_second=80.0)
    announcements = Announcements(calendar=Calendar(time_zone="Europe/Berlin", events=(sale,)))
    loop.configure(replace(SETTINGS, announcements=announcements))
    turn(loop, world)
    assert loop.planner is cycle
    assert status_store.status.plan[KEY].floor >= 10 > 2 * usual  # type: ignore[index]
    assert status_store.status.plan[KEY].reason is Reason.ANNOUNCED  # type: ignore[index]
    assert cycle is not None
    assert cycle.clock is not None
    turn(loop, world, 28)
    assert status_store.status.plan[KEY].floor <= usual + 1  # type: ignore[index]
