"""Resolve a Revision's annotations and the ConfigMap config-autoscaler, as far as a plan needs them.

The rules are those of scaler/kpa.  A value that Knative would refuse is reported as a problem and ignored: an
old object may have values that today's webhook would not admit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaler.kpa.annotations import read_annotations
from scaler.kpa.config import KPA_CLASS, AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, kpa_spec
from scaler.plan.revision import Metric


@dataclass(frozen=True, kw_only=True)
class ResolvedParameters:
    """The autoscaling parameters of one Revision, defaults included."""

    pod_autoscaler_class: str
    metric: Metric
    total_value: float
    target_value: float
    window_s: float
    min_scale: int
    max_scale: int
    """0 = none."""
    activation_scale: int
    """0 = none."""
    kpa: KpaSpec | None
    """The complete spec of the KPA for a Revision that a Route reaches; None for another autoscaler class."""
    panic_window_percentage: float


def resolve_parameters(
    annotations: Mapping[str, str], container_concurrency: int, config: AutoscalerConfig
) -> tuple[ResolvedParameters, tuple[str, ...]]:
    """Return the parameters of a Revision with these annotations of its owner, and the problems in them.

    container_concurrency   of the Revision's spec; 0 = no limit
    """
    parsed, problems = read_annotations(annotations, config)
    autoscaler_class = parsed.pod_autoscaler_class
    if autoscaler_class is None:
        autoscaler_class = config.pod_autoscaler_class
    if autoscaler_class != KPA_CLASS:
        # The target of the hpa class is percent of CPU or mebibytes: it has no relation to requests.
        parsed = replace(parsed, target=None, target_utilization_percentage=None)
    percentage = parsed.panic_window_percentage
    spec = kpa_spec(config, parsed, container_concurrency, Reachability.REACHABLE)
    return (
        ResolvedParameters(
            pod_autoscaler_class=autoscaler_class,
            metric=Metric.RPS if spec.metric == "rps" else Metric.CONCURRENCY,
            total_value=spec.total_value,
            target_value=spec.target_value,
            window_s=float(spec.stable_window_s),
            min_scale=spec.min_scale,
            max_scale=spec.max_scale,
            activation_scale=spec.activation_scale,
            kpa=spec if autoscaler_class == KPA_CLASS else None,
            panic_window_percentage=config.panic_window_percentage if percentage is None else percentage,
        ),
        problems,
    )
