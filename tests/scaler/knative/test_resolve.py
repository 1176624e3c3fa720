"""Autoscaling parameters of a Revision, as knative/serving 98e5ef9 resolves them."""

import pytest

from scaler.knative.marks import AUTOSCALING
from scaler.knative.resolve import resolve_parameters
from scaler.kpa.config import AutoscalerConfig, read_config
from scaler.plan.revision import Metric

DEFAULTS = AutoscalerConfig()


def annotations_of(**annotations: str) -> dict[str, str]:
    return {AUTOSCALING + name.replace("_", "-"): text for name, text in annotations.items()}


@pytest.mark.parametrize(
    ("annotations", "concurrency", "total", "target"),
    [
        pytest.param({}, 0, 100.0, 70.0, id="no annotation"),
        pytest.param({}, 10, 10.0, 7.0, id="containerConcurrency is the total"),
        pytest.param({"target": "3"}, 0, 3.0, 3 * 0.7, id="target replaces the total"),
        pytest.param({"target": "50"}, 10, 10.0, 7.0, id="target above containerConcurrency is clamped"),
        pytest.param({"target": "5"}, 10, 5.0, 3.5, id="target below containerConcurrency is used"),
        pytest.param({"target_utilization_percentage": "90"}, 10, 10.0, 9.0, id="utilization"),
        pytest.param({"metric": "rps"}, 10, 200.0, 140.0, id="rps has another default total"),
        pytest.param({"metric": "rps", "target": "500"}, 10, 500.0, 350.0, id="rps is not clamped"),
        pytest.param(
            {"metric": "rps", "target_utilization_percentage": "100"}, 0, 200.0, 200.0, id="rps full"
        ),
        pytest.param({"target": "0.01"}, 0, 0.01, 0.01, id="smallest target is a hundredth"),
        pytest.param(
            {"class": "hpa.autoscaling.knative.dev", "metric": "cpu", "target": "80"},
            4,
            4.0,
            2.8,
            id="target of the hpa class is CPU",
        ),
    ],
)
def test_total_and_target(annotations: dict[str, str], concurrency: int, total: float, target: float) -> None:
    parameters, problems = resolve_parameters(annotations_of(**annotations), concurrency, DEFAULTS)
    assert (parameters.total_value, parameters.target_value) == (total, target)
    assert not problems


def test_kebab_case_name_overrides_the_legacy_spelling() -> None:
    two_spellings = {
        AUTOSCALING + "min-scale": "1",
        AUTOSCALING + "minScale": "4",
        AUTOSCALING + "maxScale": "9",
    }
    parameters, _ = resolve_parameters(two_spellings, 0, DEFAULTS)
    assert (parameters.min_scale, parameters.max_scale) == (1, 9)


def test_annotations_override_config_autoscaler() -> None:
    defaults = AutoscalerConfig(min_scale=2, max_scale=5, stable_window_s=30)
    assert resolve_parameters({}, 0, defaults)[0].min_scale == 2
    parameters, _ = resolve_parameters(annotations_of(min_scale="0", max_scale="0", window="2m"), 0, defaults)
    assert (parameters.min_scale, parameters.max_scale, parameters.window_s) == (0, 0, 120.0)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("target", "many"),
        ("target", "0"),
        ("target", "NaN"),
        ("target-utilization-percentage", "0.7"),
        ("window", "90"),
        ("window", "1s"),
        ("window", "6.5s"),
        ("min-scale", "-1"),
        ("min-scale", "1.5"),
        ("max-scale", "lots"),
        ("activation-scale", "1"),
        ("metric", "RPS"),
    ],
)
def test_invalid_annotation_is_one_problem_and_the_default_applies(annotation: str, text: str) -> None:
    parameters, problems = resolve_parameters({AUTOSCALING + annotation: text}, 0, DEFAULTS)
    assert len(problems) == 1
    assert problems[0].startswith(f"{AUTOSCALING}{annotation}: {text}: ")
    assert parameters == resolve_parameters({}, 0, DEFAULTS)[0]


@pytest.mark.parametrize(
    ("text", "utilization"), [("70", 0.7), ("1", 1.0), ("1.5", 0.015), ("0.5", 0.5), ("100", 1.0)]
)
def test_percentage_up_to_one_is_a_fraction(text: str, utilization: float) -> None:
    parameters, problems = read_config({"container-concurrency-target-percentage": text})
    assert parameters.container_concurrency_target_fraction == utilization
    assert not problems


def test_invalid_values_of_config_autoscaler_are_problems() -> None:
    parameters, problems = read_config(
        {
            "stable-window": "forever",
            "min-scale": "2",
            "container-concurrency-target-percentage": "400",
            "_example": "x",
        }
    )
    assert parameters == AutoscalerConfig(min_scale=2)
    assert len(problems) == 2


def test_unknown_metric_is_concurrency_and_a_problem() -> None:
    parameters, problems = resolve_parameters(annotations_of(metric="memory"), 0, DEFAULTS)
    assert parameters.metric is Metric.CONCURRENCY
    assert len(problems) == 1
