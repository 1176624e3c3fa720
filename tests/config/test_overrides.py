"""Annotations on Namespace, Service and Revision override the policy of the ConfigMap."""

import pytest

from config.overrides import resolve
from config.policy import Lever, Mode, RevisionPolicy

BASE = RevisionPolicy(delay_cost=20.0, max=50)
P = "tidecast.dev/"


def test_policy_without_annotations_is_that_of_configmap() -> None:
    assert resolve(BASE, {}, {}, {}) == (BASE, ())


def test_annotation_of_revision_overrides_service_and_namespace() -> None:
    policy, problems = resolve(
        BASE,
        {f"{P}delay-cost": "1", f"{P}mode": "act", f"{P}max-total-pods": "40"},
        {f"{P}delay-cost": "2", f"{P}levers": "floor", f"{P}preset": "istio"},
        {f"{P}delay-cost": "3"},
    )
    assert problems == ()
    assert (policy.delay_cost, policy.mode, policy.levers) == (3.0, Mode.ACT, frozenset({Lever.FLOOR}))
    assert (policy.preset, policy.max_total_pods, policy.max) == ("istio", 40, 50)


def test_invalid_annotation_keeps_value_of_outer_object() -> None:
    policy, problems = resolve(BASE, {f"{P}delay-cost": "5"}, {f"{P}delay-cost": "-5"}, {f"{P}mode": "yes"})
    assert (policy.delay_cost, policy.mode) == (5.0, Mode.OBSERVE)
    assert problems == (
        "Service tidecast.dev/delay-cost: -5: a number > 0",
        "Revision tidecast.dev/mode: yes: one of observe, act, off",
    )


def test_empty_annotation_removes_outer_bound() -> None:
    assert resolve(BASE, {}, {}, {f"{P}max": ""})[0].max is None


@pytest.mark.parametrize(
    ("layer", "key", "value", "target"),
    [
        pytest.param(0, "min", "1", "Namespace", id="bounds of a Revision on a Namespace"),
        pytest.param(1, "max-total-pods", "9", "Service", id="budget of a Namespace on a Service"),
        pytest.param(2, "hold", "1m", "Revision", id="key of the ConfigMap alone"),
    ],
)
def test_annotation_on_wrong_object_is_reported(layer: int, key: str, value: str, target: str) -> None:
    annotations: list[dict[str, str]] = [{}, {}, {}]
    annotations[layer] = {P + key: value}
    policy, problems = resolve(BASE, *annotations)
    assert policy == BASE
    (line,) = problems
    assert line.startswith(f"{target} {P}{key}: {value}: set it ")


def test_unknown_annotation_suggests_closest_key_of_object() -> None:
    _, problems = resolve(BASE, {f"{P}delaycost": "3"}, {}, {})
    assert problems == (
        "Namespace tidecast.dev/delaycost: 3: unknown key; did you mean tidecast.dev/delay-cost?",
    )


def test_annotations_of_tidecast_and_knative_override_nothing() -> None:
    written = {
        f"{P}set.min-scale": "3",
        f"{P}owner.min-scale": "",
        "autoscaling.knative.dev/min-scale": "1",
    }
    assert resolve(BASE, written, written, written) == (BASE, ())


def test_min_above_max_of_other_object_is_cut_to_max() -> None:
    policy, problems = resolve(BASE, {}, {f"{P}max": "2"}, {f"{P}min": "5"})
    assert (policy.min, policy.max) == (2, 2)
    assert problems == ("tidecast.dev/min: 5: at most max (2)",)
