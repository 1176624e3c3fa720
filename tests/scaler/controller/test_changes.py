"""What is written of a plan: what differs from what stands, where it may be."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Lever, Mode, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, applied, diff, reverts, within_webhook, writable
from scaler.kpa.settings import LEVERS, UNSET, WEBHOOK_RANGES, KpaSettings
from scaler.plan.fleet import fleet_spec
from scaler.plan.result import FleetPlan
from scaler.plan.revision import Metric, RevisionSpec

NAN = math.nan
KEY = RevisionKey("shop", "cart-00001")
ACT = RevisionPolicy(mode=Mode.ACT)
SHORT = KpaSettings(35.0, 15, 110.0, 60)


def revision(policy: RevisionPolicy = ACT, **what: object) -> RevisionSpec:
    made = RevisionSpec(
        key=KEY, service=ServiceKey("shop", "cart"), uid="u1", container_concurrency=4, policy=policy
    )
    return replace(made, **what)  # type: ignore[arg-type]


def ordered(
    seen: RevisionSpec,
    setting: KpaSettings = UNSET,
    floor: int = 0,
    *,
    stale: bool = False,
    decided: bool = True,
) -> list[Change]:
    """What is written where a plan asks for that."""
    spec = fleet_spec([seen], np.array([20.0]))
    asked = SimpleNamespace(
        floor=np.array([floor], np.int32), settings=np.array([setting.row()]), decided=np.array([decided])
    )
    return diff(
        cast(FleetPlan, asked),
        (seen,),
        may=writable(spec, stale=stale),
        owner_min=spec.owner_min,
        current=applied((seen,)),
    )


def test_a_floor_and_settings_are_one_order() -> None:
    assert ordered(revision(), SHORT, 3) == [Change(KEY, "u1", 3, SHORT)]


def test_what_stands_already_is_not_ordered() -> None:
    assert ordered(revision(settings=SHORT, floor=3), SHORT, 3) == []
    assert ordered(revision(), UNSET, 0) == []


def test_settings_stay_when_only_the_floor_moves_and_the_other_way_round() -> None:
    assert ordered(revision(settings=SHORT, floor=3), SHORT, 5) == [Change(KEY, "u1", 5, SHORT)]
    calmer = replace(SHORT, utilization_percentage=50.0)
    assert ordered(revision(settings=SHORT, floor=3), calmer, 3) == [Change(KEY, "u1", 3, calmer)]


def test_a_setting_the_plan_leaves_alone_is_taken_back() -> None:
    assert ordered(revision(settings=SHORT)) == [Change(KEY, "u1", None, UNSET)]
    panic = KpaSettings(panic_threshold_percentage=110.0)
    assert ordered(revision(settings=SHORT), panic) == [Change(KEY, "u1", None, panic)]


def test_settings_of_a_life_before_stand_until_it_is_known_what_is_better() -> None:
    assert ordered(revision(settings=SHORT), decided=False) == []
    assert ordered(revision(settings=SHORT), floor=2, decided=False) == [Change(KEY, "u1", 2, SHORT)]
    observed = revision(replace(ACT, mode=Mode.OBSERVE), settings=SHORT)
    assert ordered(observed, decided=False) == [Change(KEY, "u1", None, UNSET)]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.OFF])
def test_where_it_may_not_act_nothing_is_written_and_ours_is_taken_back(mode: Mode) -> None:
    policy = replace(ACT, mode=mode)
    assert ordered(revision(policy), SHORT, 3) == []
    assert ordered(revision(policy, settings=SHORT, floor=3), SHORT, 3) == [Change(KEY, "u1", None)]


def test_what_is_too_old_to_stand_on_takes_all_back() -> None:
    assert ordered(revision(settings=SHORT, floor=3), SHORT, 3, stale=True) == [Change(KEY, "u1", None)]


def test_one_lever_that_is_not_allowed_stops_no_other() -> None:
    floors = revision(replace(ACT, levers=frozenset({Lever.FLOOR})))
    assert ordered(floors, SHORT, 3) == [Change(KEY, "u1", 3)]
    settings = revision(replace(ACT, levers=frozenset(LEVERS)))
    assert ordered(settings, SHORT, 3) == [Change(KEY, "u1", None, SHORT)]
    panic = revision(replace(ACT, levers=frozenset({Lever.PANIC})))
    assert ordered(panic, SHORT, 3) == [
        Change(KEY, "u1", None, KpaSettings(panic_threshold_percentage=110.0))
    ]


@pytest.mark.parametrize(
    "what",
    [
        pytest.param({"owner_levers": frozenset({Lever.TARGET})}, id="the owner's own"),
        pytest.param({"container_concurrency": 0}, id="requests in flight are not limited"),
        pytest.param({"metric": Metric.RPS}, id="it scales on requests/s"),
    ],
)
def test_utilization_is_left_where_it_is_not_ours_to_say(what: dict[str, object]) -> None:
    rest = replace(SHORT, utilization_percentage=None)
    assert ordered(revision(ACT, **what), SHORT) == [Change(KEY, "u1", None, rest)]


@pytest.mark.parametrize("what", [{"reachable": False}, {"hpa": True}])
def test_no_setting_where_no_kpa_would_use_it(what: dict[str, object]) -> None:
    assert ordered(revision(ACT, **what), SHORT) == []


def test_a_shorter_window_does_not_come_without_its_retention() -> None:
    owned = revision(owner_levers=frozenset({Lever.RETENTION}))
    assert ordered(owned, SHORT) == [Change(KEY, "u1", None, KpaSettings(35.0, None, 110.0, None))]
    alone = KpaSettings(window_s=15)
    assert ordered(owned, alone) == [Change(KEY, "u1", None, alone)]


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * len(LEVERS)))
def test_whatever_is_planned_the_webhook_admits_and_reading_it_back_gives_the_same(
    row: tuple[float, ...],
) -> None:
    may = np.ones((1, len(LEVERS)), bool)
    once = within_webhook(np.array([row]), may)
    for value, (least, most) in zip(once[0], WEBHOOK_RANGES, strict=True):
        assert np.isnan(value) or least <= value <= most
    for order in ordered(revision(), KpaSettings(*(None if np.isnan(x) else x for x in once[0]))):
        assert ordered(revision(settings=order.settings), order.settings) == []


def test_while_nothing_is_known_yet_what_may_stand_stands() -> None:
    seen = (revision(settings=SHORT, floor=3), revision(replace(ACT, mode=Mode.OBSERVE), settings=SHORT))
    panics = revision(replace(ACT, levers=frozenset({Lever.FLOOR, Lever.PANIC})), settings=SHORT, floor=2)
    spec = fleet_spec((*seen, panics), np.full(3, 20.0))
    left = reverts((*seen, panics), may=writable(spec), current=applied((*seen, panics)))
    assert left == [
        Change(KEY, "u1", None),
        Change(KEY, "u1", 2, KpaSettings(panic_threshold_percentage=110.0)),
    ]


def test_an_order_in_words() -> None:
    assert str(Change(KEY, "u1", 3, KpaSettings(window_s=15))) == "floor 3, window 15s"
    assert str(Change(KEY, "u1", None)) == "everything reverted"


def test_a_fleet_of_none_is_ordered_nothing() -> None:
    spec = fleet_spec((), np.empty(0))
    assert reverts((), may=writable(spec), current=applied(())) == []
