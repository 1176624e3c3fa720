"""Model of the pods of a Revision: how long they take to start, and how they serve requests."""

from dataclasses import dataclass

from config.scenario import Scenario
from scaler.kpa.annotations import Annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, kpa_spec
from scaler.simulation.state import STARTUPS


@dataclass(frozen=True, kw_only=True)
class PodModel:
    """How the pods of a Revision start and serve, and the parameters with which the KPA scales them.

    Raises:
        ValueError: `startups_s` has neither 0 nor STARTUPS entries.
    """

    startup_s: float
    """Start-up time of a pod, >= 0; the mean where start-up times differ."""
    service_time_s: float
    """Seconds that a pod needs to serve one request, > 0."""
    concurrency: float
    """Requests that a pod serves at the same time, > 0."""
    spec: KpaSpec
    panic_window_percentage: float = 10.0
    """Percent of the stable window; a plan that changes the stable window changes the panic window too."""
    startups_s: tuple[float, ...] = ()
    """(STARTUPS,) equally likely start-up times in seconds, ascending; (): all are `startup_s`."""

    def __post_init__(self) -> None:
        if len(self.startups_s) not in {0, STARTUPS}:
            raise ValueError(f"startups_s: {len(self.startups_s)} start-up times; must be 0 or {STARTUPS}")

    @property
    def longest_startup_s(self) -> float:
        """Longest start-up time of any pod in a replay."""
        return max(self.startups_s, default=self.startup_s)

    @property
    def pod_params(self) -> tuple[tuple[float, ...], float, float]:
        """POD_PARAMS of scaler.simulation.state."""
        return self.startups_s or (self.startup_s,) * STARTUPS, self.service_time_s, self.concurrency


def pod_model_of(scenario: Scenario) -> PodModel:
    """Return the pod model that a scenario describes, for a Revision that scales on concurrency.

    With containerConcurrency 0 a pod has no limit; its concurrency is then the KPA's total value.
    """
    annotations = Annotations(
        target=scenario.target,
        target_utilization_percentage=scenario.target_utilization_percentage,
        target_burst_capacity=scenario.target_burst_capacity,
        stable_window_s=scenario.stable_window_seconds,
        panic_window_percentage=scenario.panic_window_percentage,
        panic_threshold_percentage=scenario.panic_threshold_percentage,
    )
    config = AutoscalerConfig(scale_to_zero_grace_period_s=float(scenario.scale_to_zero_grace_seconds))
    spec = kpa_spec(config, annotations, scenario.container_concurrency, Reachability.REACHABLE)
    return PodModel(
        startup_s=scenario.startup_seconds,
        service_time_s=scenario.service_seconds,
        concurrency=float(scenario.container_concurrency or spec.total_value),
        spec=spec,
        panic_window_percentage=scenario.panic_window_percentage,
    )
