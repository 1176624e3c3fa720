"""What a Revision's annotations and the ConfigMap config-autoscaler come to, as far as a plan needs it.

The rules are those of scaler/kpa.  A value that Knative would refuse is a fault, and what would hold without
it holds: an old object may align_rows what today's webhook would not let in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaler.kpa.annotations import read_annotations
from scaler.kpa.config import KPA_CLASS, AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, kpa_spec
from scaler.plan.revision import Metric


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What holds for one Revision."""

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
    """All that the KPA makes of it where a route leads to it; None where another class scales it."""
    panic_window_percentage: float


def parameters(
    annotations: Mapping[str, str], container_concurrency: int, config: AutoscalerConfig
) -> tuple[Parameters, tuple[str, ...]]:
    """What holds for a Revision with these annotations (the owner's), and their faults.

    container_concurrency: of its spec; 0 = not limited.
    """
    said, problems = read_annotations(annotations, config)
    scaler_class = said.pod_autoscaler_class
    if scaler_class is None:
        scaler_class = config.pod_autoscaler_class
    if scaler_class != KPA_CLASS:
        # Of the hpa class, the target counts percent of CPU or mebibytes: it says nothing about requests.
        said = replace(said, target=None, target_utilization_percentage=None)
    percentage = said.panic_window_percentage
    spec = kpa_spec(config, said, container_concurrency, Reachability.REACHABLE)
    return (
        Parameters(
            pod_autoscaler_class=scaler_class,
            metric=Metric.RPS if spec.metric == "rps" else Metric.CONCURRENCY,
            total_value=spec.total_value,
            target_value=spec.target_value,
            window_s=float(spec.stable_window_s),
            min_scale=spec.min_scale,
            max_scale=spec.max_scale,
            activation_scale=spec.activation_scale,
            kpa=spec if scaler_class == KPA_CLASS else None,
            panic_window_percentage=config.panic_window_percentage if percentage is None else percentage,
        ),
        problems,
    )
