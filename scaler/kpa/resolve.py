"""Resolve config-autoscaler and the annotations of a Revision to the KPA's parameters for that Revision.

Rules as in knative/serving 98e5ef9: pkg/reconciler/autoscaling/resources/{target,metric}.go,
kpa/resources/decider.go and pkg/apis/autoscaling/v1alpha1/pa_lifecycle.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from config.problems import ConfigError, problem
from scaler.kpa.annotations import WEIGHTED_EXPONENTIAL, Annotations, read_annotations
from scaler.kpa.config import HPA_CLASS, KPA_CLASS, MIN_TARGET, AutoscalerConfig, read_config

RPS_UTILIZATION = 0.7
"""Target share of the requests per second that a pod can handle; Knative has no key for it."""
PROGRESS_DEADLINE_S = 600
"""Default of progress-deadline in the ConfigMap config-deployment, in seconds."""
MAX_CONTAINER_CONCURRENCY = 1000
"""Default of container-concurrency-max-limit in the ConfigMap config-defaults."""
_NS = 1_000_000_000
_T = TypeVar("_T")


class Reachability(StrEnum):
    """Whether a route leads to the Revision; unknown counts as reachable."""

    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class KpaSpec:
    """Parameters of the KPA for one Revision, under Knative's names."""

    metric: str = "concurrency"
    """`concurrency` or `rps`; the metric of another autoscaler class counts as concurrency."""
    target_value: float = 70.0
    """Target per pod: requests in flight, or requests/s."""
    total_value: float = 100.0
    """Capacity of one pod, in the same unit."""
    stable_window_s: int = 60
    panic_window_s: int = 6
    panic_threshold: float = 2.0
    """Pods that the panic window needs over ready pods; at this ratio the panic mode starts."""
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    scale_down_delay_s: int = 0
    initial_scale: int = 1
    activation_scale: int = 0
    """0 = not set."""
    reachable: bool = True
    min_scale: int = 0
    """0 if not reachable."""
    max_scale: int = 0
    """0 = no limit."""
    enable_scale_to_zero: bool = True
    scale_to_zero_grace_period_s: float = 30.0
    pod_retention_period_s: float = 0.0
    """0 if not reachable."""
    aggregation_algorithm: str = ""
    """`weighted-exponential`; every other value is linear."""
    progress_deadline_s: int = PROGRESS_DEADLINE_S

    @property
    def weighted(self) -> bool:
        """True if windows are averaged with exponential weights."""
        return self.aggregation_algorithm == WEIGHTED_EXPONENTIAL

    @property
    def initial_ebc(self) -> int:
        """Return the excess burst capacity before the first evaluation."""
        if self.target_burst_capacity in (-1, 0):
            return int(self.target_burst_capacity)
        return int(self.initial_scale * self.total_value - self.target_burst_capacity)


def resolve(
    config: Mapping[str, str],
    annotations: Mapping[str, str],
    container_concurrency: int,
    reachability: Reachability,
) -> KpaSpec:
    """Return the KPA's parameters for a Revision.

    config                  data of config-autoscaler: key -> text
    annotations             annotations of the Revision: full name -> text
    container_concurrency   containerConcurrency of the Revision; 0 = unlimited

    Raises:
        ConfigError: Knative would refuse the configuration or the annotations; it has every reason.
    """
    autoscaler_config, problems = read_config(config)
    parsed, annotation_problems = read_annotations(annotations, autoscaler_config)
    problems += annotation_problems
    if not 0 <= container_concurrency <= MAX_CONTAINER_CONCURRENCY:
        allowed = f"a whole number, 0 to {MAX_CONTAINER_CONCURRENCY}"
        problems += (problem("containerConcurrency", str(container_concurrency), allowed),)
    if problems:
        raise ConfigError(problems)
    return kpa_spec(autoscaler_config, parsed, container_concurrency, reachability)


def kpa_spec(
    config: AutoscalerConfig, annotations: Annotations, container_concurrency: int, reachability: Reachability
) -> KpaSpec:
    """Return the KPA's parameters for a Revision: its annotations, and the cluster's values where not set."""
    reachable = reachability is not Reachability.UNREACHABLE
    metric = metric_of(annotations)
    target_value, total_value = target_and_total(config, annotations, metric, container_concurrency)
    stable_window_s = _value_or(annotations.stable_window_s, config.stable_window_s)
    percentage = _value_or(annotations.panic_window_percentage, config.panic_window_percentage)
    threshold = _value_or(annotations.panic_threshold_percentage, config.panic_threshold_percentage)
    retention_s = _value_or(annotations.pod_retention_period_s, config.scale_to_zero_pod_retention_period_s)
    return KpaSpec(
        metric=metric,
        target_value=target_value,
        total_value=total_value,
        stable_window_s=stable_window_s,
        panic_window_s=panic_window_s(stable_window_s, percentage),
        panic_threshold=threshold / 100,
        max_scale_up_rate=config.max_scale_up_rate,
        max_scale_down_rate=config.max_scale_down_rate,
        target_burst_capacity=_value_or(annotations.target_burst_capacity, config.target_burst_capacity),
        activator_capacity=config.activator_capacity,
        scale_down_delay_s=_value_or(annotations.scale_down_delay_s, config.scale_down_delay_s),
        initial_scale=_value_or(annotations.initial_scale, config.initial_scale),
        activation_scale=_value_or(annotations.activation_scale, 0),
        reachable=reachable,
        min_scale=_value_or(annotations.min_scale, config.min_scale) if reachable else 0,
        max_scale=_value_or(annotations.max_scale, config.max_scale),
        enable_scale_to_zero=config.enable_scale_to_zero,
        scale_to_zero_grace_period_s=config.scale_to_zero_grace_period_s,
        pod_retention_period_s=retention_s if reachable else 0.0,
        aggregation_algorithm=annotations.metric_aggregation_algorithm or "",
        progress_deadline_s=_value_or(annotations.progress_deadline_s, PROGRESS_DEADLINE_S),
    )


def metric_of(annotations: Annotations) -> str:
    """Return the metric of a Revision: its annotation, or else the default of its autoscaler class."""
    if annotations.metric is not None:
        return annotations.metric
    scaler_class = _value_or(annotations.pod_autoscaler_class, KPA_CLASS)
    return {KPA_CLASS: "concurrency", HPA_CLASS: "cpu"}.get(scaler_class, "")


def target_and_total(
    config: AutoscalerConfig, annotations: Annotations, metric: str, container_concurrency: int
) -> tuple[float, float]:
    """Return target value and total value of a pod: requests in flight, or requests/s for rps."""
    if metric == "rps":
        total, utilization = config.requests_per_second_target_default, RPS_UTILIZATION
    else:
        total = float(container_concurrency or config.container_concurrency_target_default)
        utilization = config.container_concurrency_target_fraction
    if annotations.target is not None:
        total = annotations.target
        if metric == "concurrency" and container_concurrency:
            total = min(total, float(container_concurrency))
    if annotations.target_utilization_percentage is not None:
        utilization = annotations.target_utilization_percentage / 100
    return max(MIN_TARGET, total * utilization), total


def panic_window_s(stable_window_s: int, percentage: float) -> int:
    """Return the panic window in whole seconds: halves are rounded up, and it has at least one second."""
    window_ns = int(stable_window_s * _NS * percentage / 100)
    return max(1, (window_ns + _NS // 2) // _NS)


def _value_or(value: _T | None, default: _T) -> _T:
    return default if value is None else value
