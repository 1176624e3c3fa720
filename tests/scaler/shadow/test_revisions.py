"""Revisions that are simulated, with which parameters, and changes that are large enough to apply."""

from dataclasses import replace

import numpy as np
import pytest

from config.policy import Lever, Mode, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.plan.revision import Metric, RevisionSpec
from scaler.shadow.revisions import (
    NO_SHADOW,
    ShadowedRevisions,
    rounded,
    settled,
    shadowed_revisions,
    simulated_revisions,
)
from scaler.simulation.state import STARTUPS

SPEC = RevisionSpec(
    key=RevisionKey("shop", "cart-1"),
    service=ServiceKey("shop", "cart"),
    container_concurrency=4,
    total_value=4.0,
    target_value=2.8,
)


def shadowed(
    previous: ShadowedRevisions, *specs: RevisionSpec, startup_s: float = 20.0, service_time_s: float = 0.5
) -> ShadowedRevisions:
    r = len(specs)
    return shadowed_revisions(previous, specs, np.full((r, STARTUPS), startup_s), np.full(r, service_time_s))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"hpa": True}, id="the HPA scales it"),
        pytest.param({"metric": Metric.RPS}, id="it scales on requests/s"),
        pytest.param({"reachable": False}, id="no route leads to it"),
        pytest.param({"policy": RevisionPolicy(mode=Mode.OFF)}, id="off"),
    ],
)
def test_revision_outside_the_simulation_has_no_shadow(fields: dict[str, object]) -> None:
    changed = replace(SPEC, **fields)  # type: ignore[arg-type]
    assert simulated_revisions([changed, SPEC], np.full((2, STARTUPS), 20.0), np.full(2, 0.5))[0] is None
    assert shadowed(NO_SHADOW, changed).revisions == ()


@pytest.mark.parametrize("service_time_s", [np.nan, 0.0])
def test_revision_without_service_time_has_no_shadow(service_time_s: float) -> None:
    assert shadowed(NO_SHADOW, SPEC, service_time_s=service_time_s).revisions == ()


def test_simulated_revision_has_the_parameters_of_the_owner() -> None:
    bounded = replace(SPEC, owner_min=3, owner_max=9, owner_levers=frozenset({Lever.WINDOW}))
    (simulated,) = shadowed(NO_SHADOW, bounded).revisions
    assert (simulated.pod_model.spec.min_scale, simulated.pod_model.spec.max_scale) == (3, 9)
    spec = simulated.pod_model.spec
    assert (spec.total_value, spec.target_value) == pytest.approx((4.0, 2.8))
    assert Lever.WINDOW not in simulated.levers
    (unlimited,) = shadowed(NO_SHADOW, replace(SPEC, container_concurrency=0, total_value=100.0)).revisions
    assert Lever.TARGET not in unlimited.levers
    assert (unlimited.limited, unlimited.pod_model.concurrency) == (False, 100.0)


def test_startup_times_of_simulated_pods_are_the_measured_ones() -> None:
    startups_s = np.array([[4.0, 4.0, 4.12, 4.3, 88.7]])
    (simulated,) = shadowed_revisions(NO_SHADOW, (SPEC,), startups_s, np.full(1, 0.5)).revisions
    assert simulated.pod_model.startups_s == pytest.approx((4.0, 4.0, 4.1, 4.3, 89.0))
    assert simulated.pod_model.startup_s == pytest.approx(21.08)


def test_startup_times_change_with_mean_or_maximum() -> None:
    specs, service_time_s = (SPEC,), np.full(1, 0.5)
    startups_s = np.array([[4.0, 5.0, 6.0, 7.0, 30.0]])
    first = shadowed_revisions(NO_SHADOW, specs, startups_s, service_time_s)
    one_changed = startups_s + np.array([[0.9, 0, 0, 0, 0]])
    assert shadowed_revisions(first, specs, one_changed, service_time_s) is first
    for changed in (startups_s + 2, startups_s + np.array([[0, 0, 0, 0, 4]])):
        (simulated,) = shadowed_revisions(first, specs, changed, service_time_s).revisions
        assert simulated.pod_model.startups_s == pytest.approx(tuple(changed[0]))


def test_rounded_seconds_have_two_digits_and_nan_stays() -> None:
    seconds = np.array([0.0123456, 1.26, 99.7, 0.0, np.nan])
    np.testing.assert_allclose(rounded(seconds), [0.012, 1.3, 100.0, 0.0, np.nan])


def test_small_changes_around_a_rounding_border_change_nothing() -> None:
    before = settled(np.array([0.1449, np.nan]), np.full(2, np.nan))
    for value in (0.1451, 0.1449, 0.153):
        after = settled(np.array([value, np.nan]), before)
        np.testing.assert_array_equal(after, before)
    assert settled(np.array([0.2, 0.3]), before).tolist() == [0.2, 0.3]


def test_unchanged_revisions_are_reused() -> None:
    revisions = (SPEC, replace(SPEC, key=RevisionKey("shop", "cart-2")))
    first = shadowed_revisions(NO_SHADOW, revisions, np.full((2, STARTUPS), 20.0), np.full(2, 0.5))
    assert shadowed_revisions(first, revisions, np.full((2, STARTUPS), 20.9), np.array([0.51, 0.48])) is first
    other = shadowed_revisions(first, revisions, np.full((2, STARTUPS), 20.0), np.array([0.5, 2.0]))
    assert other.revisions[0] is first.revisions[0]
    assert [revision.pod_model.service_time_s for revision in other.revisions] == [0.5, 2.0]


def test_added_revision_does_not_change_the_times_of_others() -> None:
    first = shadowed(NO_SHADOW, SPEC)
    new = replace(SPEC, key=RevisionKey("shop", "a-1"))
    second = shadowed(first, new, SPEC, startup_s=21.0, service_time_s=0.52)
    assert [revision.pod_model.startup_s for revision in second.revisions] == [21.0, 20.0]
    assert second.revisions[1] == first.revisions[0]
    assert shadowed(second).revisions == ()
