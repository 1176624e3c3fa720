"""Which Revisions have a shadow, as what, and when they are another one."""

from dataclasses import replace

import numpy as np
import pytest

from config.policy import Lever, Mode, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.plan.revision import Metric, RevisionSpec
from scaler.shadow.revisions import NO_SHADOW, ShadowedRevisions, rounded, settled, shadowed_revisions, simulated_revisions
from scaler.simulation.state import STARTUPS

ONE = RevisionSpec(
    key=RevisionKey("shop", "cart-1"),
    service=ServiceKey("shop", "cart"),
    container_concurrency=4,
    total_value=4.0,
    target_value=2.8,
)


def seen(
    before: ShadowedRevisions, *revisions: RevisionSpec, startup_s: float = 20.0, served_s: float = 0.5
) -> ShadowedRevisions:
    r = len(revisions)
    return shadowed_revisions(before, revisions, np.full((r, STARTUPS), startup_s), np.full(r, served_s))


@pytest.mark.parametrize(
    "what",
    [
        pytest.param({"hpa": True}, id="the HPA scales it"),
        pytest.param({"metric": Metric.RPS}, id="it scales on requests/s"),
        pytest.param({"reachable": False}, id="no route leads to it"),
        pytest.param({"policy": RevisionPolicy(mode=Mode.OFF)}, id="off"),
    ],
)
def test_who_has_no_shadow(what: dict[str, object]) -> None:
    changed = replace(ONE, **what)  # type: ignore[arg-type]
    assert simulated_revisions([changed, ONE], np.full((2, STARTUPS), 20.0), np.full(2, 0.5))[0] is None
    assert seen(NO_SHADOW, changed).revisions == ()


@pytest.mark.parametrize("served_s", [np.nan, 0.0])
def test_without_a_service_time_there_is_none(served_s: float) -> None:
    assert seen(NO_SHADOW, ONE, served_s=served_s).revisions == ()


def test_it_is_seen_as_its_owner_has_it() -> None:
    bounded = replace(ONE, owner_min=3, owner_max=9, owner_levers=frozenset({Lever.WINDOW}))
    (one,) = seen(NO_SHADOW, bounded).revisions
    assert (one.pod_model.spec.min_scale, one.pod_model.spec.max_scale) == (3, 9)
    assert (one.pod_model.spec.total_value, one.pod_model.spec.target_value) == pytest.approx((4.0, 2.8))
    assert Lever.WINDOW not in one.levers
    (unlimited,) = seen(NO_SHADOW, replace(ONE, container_concurrency=0, total_value=100.0)).revisions
    assert Lever.TARGET not in unlimited.levers
    assert (unlimited.limited, unlimited.pod_model.concurrency) == (False, 100.0)


def test_its_pods_start_now_quickly_now_slowly_as_was_seen() -> None:
    startups_s = np.array([[4.0, 4.0, 4.12, 4.3, 88.7]])
    (one,) = shadowed_revisions(NO_SHADOW, (ONE,), startups_s, np.full(1, 0.5)).revisions
    assert one.pod_model.startups_s == pytest.approx((4.0, 4.0, 4.1, 4.3, 89.0))
    assert one.pod_model.startup_s == pytest.approx(21.08)


def test_start_ups_change_together_once_their_mean_or_the_longest_moved() -> None:
    only, served_s = (ONE,), np.full(1, 0.5)
    begun_s = np.array([[4.0, 5.0, 6.0, 7.0, 30.0]])
    first = shadowed_revisions(NO_SHADOW, only, begun_s, served_s)
    one_moved = begun_s + np.array([[0.9, 0, 0, 0, 0]])
    assert shadowed_revisions(first, only, one_moved, served_s) is first
    for moved in (begun_s + 2, begun_s + np.array([[0, 0, 0, 0, 4]])):
        (one,) = shadowed_revisions(first, only, moved, served_s).revisions
        assert one.pod_model.startups_s == pytest.approx(tuple(moved[0]))


def test_two_digits_are_kept_and_what_is_not_known_stays_so() -> None:
    given = np.array([0.0123456, 1.26, 99.7, 0.0, np.nan])
    np.testing.assert_allclose(rounded(given), [0.012, 1.3, 100.0, 0.0, np.nan])


def test_what_moves_around_the_border_of_two_values_is_one() -> None:
    before = settled(np.array([0.1449, np.nan]), np.full(2, np.nan))
    for value in (0.1451, 0.1449, 0.153):
        after = settled(np.array([value, np.nan]), before)
        np.testing.assert_array_equal(after, before)
    assert settled(np.array([0.2, 0.3]), before).tolist() == [0.2, 0.3]


def test_nothing_is_looked_up_anew_while_nothing_changes() -> None:
    revisions = (ONE, replace(ONE, key=RevisionKey("shop", "cart-2")))
    first = shadowed_revisions(NO_SHADOW, revisions, np.full((2, STARTUPS), 20.0), np.full(2, 0.5))
    assert shadowed_revisions(first, revisions, np.full((2, STARTUPS), 20.9), np.array([0.51, 0.48])) is first
    other = shadowed_revisions(first, revisions, np.full((2, STARTUPS), 20.0), np.array([0.5, 2.0]))
    assert other.revisions[0] is first.revisions[0]
    assert [one.pod_model.service_time_s for one in other.revisions] == [0.5, 2.0]


def test_a_revision_keeps_its_times_when_others_come_before_it() -> None:
    first = seen(NO_SHADOW, ONE)
    new = replace(ONE, key=RevisionKey("shop", "a-1"))
    second = seen(first, new, ONE, startup_s=21.0, served_s=0.52)
    assert [one.pod_model.startup_s for one in second.revisions] == [21.0, 20.0]
    assert second.revisions[1] == first.revisions[0]
    assert seen(second).revisions == ()
