"""Changes to the cluster: the difference between plan and applied values, where writing is permitted."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from builders import ACT, KEY, revision_spec
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Lever, Mode
from scaler.controller.changes import Change, applied, diff, reverts, within_webhook, writable
from scaler.kpa.settings import LEVERS, UNSET, WEBHOOK_RANGES, KpaSettings
from scaler.plan.fleet import fleet_spec
from scaler.plan.result import FleetPlan
from scaler.plan.revision import Metric, RevisionSpec

NAN = math.nan
SHORT = KpaSettings(35.0, 15, 110.0, 60)


def changes(
    revision: RevisionSpec,
    settings: KpaSettings = UNSET,
    floor: int = 0,
    *,
    stale: bool = False,
    decided: bool = True,
) -> list[Change]:
    """Return the changes that bring the Revision to this plan."""
    spec = fleet_spec([revision], np.array([20.0]))
    plan = SimpleNamespace(
        floor=np.array([floor], np.int32), settings=np.array([settings.row()]), decided=np.array([decided])
    )
    return diff(
        cast(FleetPlan, plan),
        (revision,),
        may=writable(spec, stale=stale),
        owner_min=spec.owner_min,
        current=applied((revision,)),
    )


def test_floor_and_settings_are_one_change() -> None:
    assert changes(revision_spec(), SHORT, 3) == [Change(KEY, "u1", 3, SHORT)]


def test_applied_values_need_no_change() -> None:
    assert changes(revision_spec(settings=SHORT, floor=3), SHORT, 3) == []
    assert changes(revision_spec(), UNSET, 0) == []


def test_change_of_floor_keeps_settings_and_vice_versa() -> None:
    assert changes(revision_spec(settings=SHORT, floor=3), SHORT, 5) == [Change(KEY, "u1", 5, SHORT)]
    lower = replace(SHORT, utilization_percentage=50.0)
    assert changes(revision_spec(settings=SHORT, floor=3), lower, 3) == [Change(KEY, "u1", 3, lower)]


def test_setting_absent_from_the_plan_is_reverted() -> None:
    assert changes(revision_spec(settings=SHORT)) == [Change(KEY, "u1", None, UNSET)]
    panic = KpaSettings(panic_threshold_percentage=110.0)
    assert changes(revision_spec(settings=SHORT), panic) == [Change(KEY, "u1", None, panic)]


def test_settings_of_an_earlier_process_stay_until_decided() -> None:
    assert changes(revision_spec(settings=SHORT), decided=False) == []
    assert changes(revision_spec(settings=SHORT), floor=2, decided=False) == [Change(KEY, "u1", 2, SHORT)]
    observed = revision_spec(replace(ACT, mode=Mode.OBSERVE), settings=SHORT)
    assert changes(observed, decided=False) == [Change(KEY, "u1", None, UNSET)]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.OFF])
def test_other_modes_write_nothing_and_revert_applied_values(mode: Mode) -> None:
    policy = replace(ACT, mode=mode)
    assert changes(revision_spec(policy), SHORT, 3) == []
    assert changes(revision_spec(policy, settings=SHORT, floor=3), SHORT, 3) == [Change(KEY, "u1", None)]


def test_stale_demand_reverts_everything() -> None:
    assert changes(revision_spec(settings=SHORT, floor=3), SHORT, 3, stale=True) == [Change(KEY, "u1", None)]


def test_each_lever_permits_only_the_own_value() -> None:
    floors = revision_spec(replace(ACT, levers=frozenset({Lever.FLOOR})))
    assert changes(floors, SHORT, 3) == [Change(KEY, "u1", 3)]
    settings = revision_spec(replace(ACT, levers=frozenset(LEVERS)))
    assert changes(settings, SHORT, 3) == [Change(KEY, "u1", None, SHORT)]
    panic = revision_spec(replace(ACT, levers=frozenset({Lever.PANIC})))
    assert changes(panic, SHORT, 3) == [
        Change(KEY, "u1", None, KpaSettings(panic_threshold_percentage=110.0))
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"owner_levers": frozenset({Lever.TARGET})}, id="owner has set it"),
        pytest.param({"container_concurrency": 0}, id="unlimited concurrency"),
        pytest.param({"metric": Metric.RPS}, id="scales on requests/s"),
    ],
)
def test_target_utilization_is_not_set_where_not_usable(fields: dict[str, object]) -> None:
    rest = replace(SHORT, utilization_percentage=None)
    assert changes(revision_spec(ACT, **fields), SHORT) == [Change(KEY, "u1", None, rest)]


@pytest.mark.parametrize("fields", [{"reachable": False}, {"hpa": True}])
def test_revision_without_kpa_has_no_settings(fields: dict[str, object]) -> None:
    assert changes(revision_spec(ACT, **fields), SHORT) == []


def test_window_is_not_written_without_retention() -> None:
    owned = revision_spec(owner_levers=frozenset({Lever.RETENTION}))
    assert changes(owned, SHORT) == [Change(KEY, "u1", None, KpaSettings(35.0, None, 110.0, None))]
    alone = KpaSettings(window_s=15)
    assert changes(owned, alone) == [Change(KEY, "u1", None, alone)]


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * len(LEVERS)))
def test_settings_are_within_webhook_ranges_and_stable_when_read_again(
    row: tuple[float, ...],
) -> None:
    may = np.ones((1, len(LEVERS)), bool)
    admitted = within_webhook(np.array([row]), may)
    for value, (lowest, highest) in zip(admitted[0], WEBHOOK_RANGES, strict=True):
        assert np.isnan(value) or lowest <= value <= highest
    settings = KpaSettings(*(None if np.isnan(value) else value for value in admitted[0]))
    for change in changes(revision_spec(), settings):
        assert changes(revision_spec(settings=change.settings), change.settings) == []


def test_reverts_keep_writable_values() -> None:
    acting = revision_spec(settings=SHORT, floor=3)
    observing = revision_spec(replace(ACT, mode=Mode.OBSERVE), settings=SHORT)
    panic_only = revision_spec(
        replace(ACT, levers=frozenset({Lever.FLOOR, Lever.PANIC})), settings=SHORT, floor=2
    )
    revisions = (acting, observing, panic_only)
    spec = fleet_spec(revisions, np.full(3, 20.0))
    assert reverts(revisions, may=writable(spec), current=applied(revisions)) == [
        Change(KEY, "u1", None),
        Change(KEY, "u1", 2, KpaSettings(panic_threshold_percentage=110.0)),
    ]


def test_text_of_a_change() -> None:
    assert str(Change(KEY, "u1", 3, KpaSettings(window_s=15))) == "floor 3, window 15s"
    assert str(Change(KEY, "u1", None)) == "everything reverted"


def test_empty_fleet_has_no_changes() -> None:
    spec = fleet_spec((), np.empty(0))
    assert reverts((), may=writable(spec), current=applied(())) == []
