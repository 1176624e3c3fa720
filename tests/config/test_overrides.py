"""Annotations on Namespace, Service and Revision over the ConfigMap's policy."""

import pytest

from config.overrides import resolve
from config.policy import Lever, Mode, RevisionPolicy

BASE = RevisionPolicy(delay_cost=20.0, max=50)
P = "tidecast.dev/"


def test_without_annotations_the_configmap_stands() -> None:
    assert resolve(BASE, {}, {}, {}) == (BASE, ())


def test_the_nearer_annotation_wins() -> None:
    policy, problems = resolve(
        BASE,
        {f"{P}delay-cost": "1", f"{P}mode": "act", f"{P}max-total-pods": "40"},
        {f"{P}delay-cost": "2", f"{P}levers": "floor", f"{P}preset": "istio"},
        {f"{P}delay-cost": "3"},
    )
    assert problems == ()
    assert (policy.delay_cost, policy.mode, policy.levers) == (3.0, Mode.ACT, frozenset({Lever.FLOOR}))
    assert (policy.preset, policy.max_total_pods, policy.max) == ("istio", 40, 50)


def test_a_faulty_annotation_leaves_the_next_outer_value() -> None:
    policy, problems = resolve(BASE, {f"{P}delay-cost": "5"}, {f"{P}delay-cost": "-5"}, {f"{P}mode": "yes"})
    assert (policy.delay_cost, policy.mode) == (5.0, Mode.OBSERVE)
    assert problems == (
        "Service tidecast.dev/delay-cost: -5: a number > 0",
        "Revision tidecast.dev/mode: yes: one of observe, act, off",
    )


def test_an_empty_annotation_takes_an_outer_bound_away() -> None:
    assert resolve(BASE, {}, {}, {f"{P}max": ""})[0].max is None


@pytest.mark.parametrize(
    ("place", "key", "value", "fault"),
    [
        pytest.param(0, "min", "1", "Namespace", id="bounds of a Revision on a Namespace"),
        pytest.param(1, "max-total-pods", "9", "Service", id="budget of a Namespace on a Service"),
        pytest.param(2, "hold", "1m", "Revision", id="key of the ConfigMap alone"),
    ],
)
def test_an_annotation_where_its_key_may_not_stand(place: int, key: str, value: str, problem: str) -> None:
    annotations: list[dict[str, str]] = [{}, {}, {}]
    annotations[place] = {P + key: value}
    policy, problems = resolve(BASE, *annotations)
    assert policy == BASE
    (line,) = problems
    assert line.startswith(f"{problem} {P}{key}: {value}: to be written ")


def test_an_unknown_annotation_names_the_nearest_that_may_stand_there() -> None:
    _, problems = resolve(BASE, {f"{P}delaycost": "3"}, {}, {})
    assert problems == (
        "Namespace tidecast.dev/delaycost: 3: unknown key; did you mean tidecast.dev/delay-cost?",
    )


def test_our_own_marks_and_others_annotations_are_no_wishes() -> None:
    marks = {
        f"{P}set.min-scale": "3",
        f"{P}owner.min-scale": "",
        "autoscaling.knative.dev/min-scale": "1",
    }
    assert resolve(BASE, marks, marks, marks) == (BASE, ())


def test_bounds_that_cross_between_objects() -> None:
    policy, problems = resolve(BASE, {}, {f"{P}max": "2"}, {f"{P}min": "5"})
    assert (policy.min, policy.max) == (2, 2)
    assert problems == ("tidecast.dev/min: 5: at most max, 2",)
