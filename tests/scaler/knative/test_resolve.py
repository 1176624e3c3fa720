"""Parameters of a Revision, as knative/serving 98e5ef9 resolves them."""

import pytest

from scaler.knative.marks import AUTOSCALING
from scaler.knative.resolve import resolve_parameters
from scaler.kpa.config import AutoscalerConfig, read_config
from scaler.plan.revision import Metric

DEFAULTS = AutoscalerConfig()


def short(**annotations: str) -> dict[str, str]:
    return {AUTOSCALING + name.replace("_", "-"): text for name, text in annotations.items()}


@pytest.mark.parametrize(
    ("annotations", "concurrency", "total", "target"),
    [
        pytest.param({}, 0, 100.0, 70.0, id="nothing said"),
        pytest.param({}, 10, 10.0, 7.0, id="containerConcurrency is the total"),
        pytest.param({"target": "3"}, 0, 3.0, 3 * 0.7, id="target replaces the total"),
        pytest.param({"target": "50"}, 10, 10.0, 7.0, id="target above containerConcurrency is cut"),
        pytest.param({"target": "5"}, 10, 5.0, 3.5, id="target below containerConcurrency stands"),
        pytest.param({"target_utilization_percentage": "90"}, 10, 10.0, 9.0, id="utilization"),
        pytest.param({"metric": "rps"}, 10, 200.0, 140.0, id="rps has a total of its own"),
        pytest.param({"metric": "rps", "target": "500"}, 10, 500.0, 350.0, id="rps is not cut"),
        pytest.param(
            {"metric": "rps", "target_utilization_percentage": "100"}, 0, 200.0, 200.0, id="rps full"
        ),
        pytest.param({"target": "0.01"}, 0, 0.01, 0.01, id="never below a hundredth"),
        pytest.param(
            {"class": "hpa.autoscaling.knative.dev", "metric": "cpu", "target": "80"},
            4,
            4.0,
            2.8,
            id="of the hpa class, target counts CPU",
        ),
    ],
)
def test_total_and_target(annotations: dict[str, str], concurrency: int, total: float, target: float) -> None:
    got, problems = resolve_parameters(short(**annotations), concurrency, DEFAULTS)
    assert (got.total_value, got.target_value) == (total, target)
    assert not problems


def test_the_kebab_name_wins_over_the_old_one() -> None:
    both = {AUTOSCALING + "min-scale": "1", AUTOSCALING + "minScale": "4", AUTOSCALING + "maxScale": "9"}
    got, _ = resolve_parameters(both, 0, DEFAULTS)
    assert (got.min_scale, got.max_scale) == (1, 9)


def test_annotations_win_over_the_cluster() -> None:
    defaults = AutoscalerConfig(min_scale=2, max_scale=5, stable_window_s=30)
    assert resolve_parameters({}, 0, defaults)[0].min_scale == 2
    got, _ = resolve_parameters(short(min_scale="0", max_scale="0", window="2m"), 0, defaults)
    assert (got.min_scale, got.max_scale, got.window_s) == (0, 0, 120.0)


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
def test_nonsense_is_one_fault_and_the_default_holds(annotation: str, text: str) -> None:
    got, problems = resolve_parameters({AUTOSCALING + annotation: text}, 0, DEFAULTS)
    assert len(problems) == 1
    assert problems[0].startswith(f"{AUTOSCALING}{annotation}: {text}: ")
    assert got == resolve_parameters({}, 0, DEFAULTS)[0]


@pytest.mark.parametrize(
    ("text", "utilization"), [("70", 0.7), ("1", 1.0), ("1.5", 0.015), ("0.5", 0.5), ("100", 1.0)]
)
def test_a_percentage_up_to_one_is_a_fraction_already(text: str, utilization: float) -> None:
    got, problems = read_config({"container-concurrency-target-percentage": text})
    assert got.container_concurrency_target_fraction == utilization
    assert not problems


def test_config_autoscaler_with_faults_names_each() -> None:
    got, problems = read_config(
        {
            "stable-window": "forever",
            "min-scale": "2",
            "container-concurrency-target-percentage": "400",
            "_example": "x",
        }
    )
    assert got == AutoscalerConfig(min_scale=2)
    assert len(problems) == 2


def test_a_metric_of_another_kind_is_concurrency_and_told() -> None:
    got, problems = resolve_parameters(short(metric="memory"), 0, DEFAULTS)
    assert got.metric is Metric.CONCURRENCY
    assert len(problems) == 1
