"""What config-autoscaler and a Revision come to: the KPA's parameters for that Revision.

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
"""What is aimed at of a pod's requests per second; no key sets it."""
PROGRESS_DEADLINE_S = 600
"""progress-deadline of ConfigMap config-deployment, its default."""
MAX_CONTAINER_CONCURRENCY = 1000
"""container-concurrency-max-limit of ConfigMap config-defaults, its default."""
_NS = 1_000_000_000
_T = TypeVar("_T")


class Reachability(StrEnum):
    """Does a route lead to the Revision?  Unknown counts as reachable."""

    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class KpaSpec:
    """All that the KPA knows of a Revision before traffic comes.  Knative's words."""

    metric: str = "concurrency"
    """`concurrency` or `rps`; another word, of another class, counts as concurrency."""
    target_value: float = 70.0
    """What is aimed at per pod: requests in flight, or requests/s."""
    total_value: float = 100.0
    """What one pod can take, in the same unit."""
    stable_window_s: int = 60
    panic_window_s: int = 6
    panic_threshold: float = 2.0
    """Pods that the panic window asks for over ready pods; panic from there on."""
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    scale_down_delay_s: int = 0
    initial_scale: int = 1
    activation_scale: int = 0
    """0 = none."""
    reachable: bool = True
    min_scale: int = 0
    """0 where not reachable."""
    max_scale: int = 0
    """0 = none."""
    enable_scale_to_zero: bool = True
    scale_to_zero_grace_period_s: float = 30.0
    pod_retention_period_s: float = 0.0
    """0 where not reachable."""
    aggregation_algorithm: str = ""
    """`weighted-exponential`; every other word is linear."""
    progress_deadline_s: int = PROGRESS_DEADLINE_S

    @property
    def weighted(self) -> bool:
        """True: windows are averaged with exponential weights."""
        return self.aggregation_algorithm == WEIGHTED_EXPONENTIAL

    @property
    def initial_ebc(self) -> int:
        """Excess burst capacity before the first evaluation."""
        if self.target_burst_capacity in (-1, 0):
            return int(self.target_burst_capacity)
        return int(self.initial_scale * self.total_value - self.target_burst_capacity)


def resolve(
    config: Mapping[str, str],
    annotations: Mapping[str, str],
    container_concurrency: int,
    reachability: Reachability,
) -> KpaSpec:
    """The parameters of a Revision, or ConfigError with every reason for which Knative would refuse it.

    config                  data of config-autoscaler: key -> text
    annotations             of the Revision: full name -> text
    container_concurrency   of its spec; 0 = not limited
    """
    read, problems = read_config(config)
    said, more = read_annotations(annotations, read)
    problems += more
    if not 0 <= container_concurrency <= MAX_CONTAINER_CONCURRENCY:
        allowed = f"a whole number, 0 to {MAX_CONTAINER_CONCURRENCY}"
        problems += (problem("containerConcurrency", str(container_concurrency), allowed),)
    if problems:
        raise ConfigError(problems)
    return parameters(read, said, container_concurrency, reachability)


def parameters(
    config: AutoscalerConfig, said: Annotations, container_concurrency: int, reachability: Reachability
) -> KpaSpec:
    """The parameters of a Revision: what it says itself, then what the cluster says."""
    reachable = reachability is not Reachability.UNREACHABLE
    metric = metric_of(said)
    target_value, total_value = target_and_total(config, said, metric, container_concurrency)
    stable_window_s = _either(said.stable_window_s, config.stable_window_s)
    percentage = _either(said.panic_window_percentage, config.panic_window_percentage)
    threshold = _either(said.panic_threshold_percentage, config.panic_threshold_percentage)
    retention_s = _either(said.pod_retention_period_s, config.scale_to_zero_pod_retention_period_s)
    return KpaSpec(
        metric=metric,
        target_value=target_value,
        total_value=total_value,
        stable_window_s=stable_window_s,
        panic_window_s=panic_window_s(stable_window_s, percentage),
        panic_threshold=threshold / 100,
        max_scale_up_rate=config.max_scale_up_rate,
        max_scale_down_rate=config.max_scale_down_rate,
        target_burst_capacity=_either(said.target_burst_capacity, config.target_burst_capacity),
        activator_capacity=config.activator_capacity,
        scale_down_delay_s=_either(said.scale_down_delay_s, config.scale_down_delay_s),
        initial_scale=_either(said.initial_scale, config.initial_scale),
        activation_scale=_either(said.activation_scale, 0),
        reachable=reachable,
        min_scale=_either(said.min_scale, config.min_scale) if reachable else 0,
        max_scale=_either(said.max_scale, config.max_scale),
        enable_scale_to_zero=config.enable_scale_to_zero,
        scale_to_zero_grace_period_s=config.scale_to_zero_grace_period_s,
        pod_retention_period_s=retention_s if reachable else 0.0,
        aggregation_algorithm=said.metric_aggregation_algorithm or "",
        progress_deadline_s=_either(said.progress_deadline_s, PROGRESS_DEADLINE_S),
    )


def metric_of(said: Annotations) -> str:
    """What a Revision scales on; where it does not say, by its class, which is the KPA where it says none."""
    if said.metric is not None:
        return said.metric
    return {KPA_CLASS: "concurrency", HPA_CLASS: "cpu"}.get(_either(said.pod_autoscaler_class, KPA_CLASS), "")


def target_and_total(
    config: AutoscalerConfig, said: Annotations, metric: str, container_concurrency: int
) -> tuple[float, float]:
    """What is aimed at per pod, and what one pod can take: requests in flight, or requests/s for rps."""
    if metric == "rps":
        total, utilization = config.requests_per_second_target_default, RPS_UTILIZATION
    else:
        total = float(container_concurrency or config.container_concurrency_target_default)
        utilization = config.container_concurrency_target_fraction
    if said.target is not None:
        total = said.target
        if metric == "concurrency" and container_concurrency:
            total = min(total, float(container_concurrency))
    if said.target_utilization_percentage is not None:
        utilization = said.target_utilization_percentage / 100
    return max(MIN_TARGET, total * utilization), total


def panic_window_s(stable_window_s: int, percentage: float) -> int:
    """Seconds of the panic window: whole, halves up, at least one."""
    window_ns = int(stable_window_s * _NS * percentage / 100)
    return max(1, (window_ns + _NS // 2) // _NS)


def _either(said: _T | None, otherwise: _T) -> _T:
    return otherwise if said is None else said
