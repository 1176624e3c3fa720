"""TODO."""

from dataclasses import dataclass

from config.scenario import Scenario
from scaler.kpa.annotations import Annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.resolve import KpaSpec, Reachability, parameters
from scaler.simulation.state import (
    STARTUPS,
)


@dataclass(frozen=True, kw_only=True)
class PodModel:
    """How the pods of a Revision start and serve, and what the KPA knows of it."""

    startup_s: float
    """>= 0; in the mean, where it differs."""
    service_s: float
    """> 0."""
    concurrency: float
    """Requests that a pod serves at once, > 0."""
    spec: KpaSpec
    panic_window_percentage: float = 10.0
    """Percent of the stable window; a plan that changes the window changes the panic window with it."""
    startups_s: tuple[float, ...] = ()
    """(STARTUPS,) seconds that pods may take to start, each as likely, rising; (): always `startup_s`."""

    def __post_init__(self) -> None:
        if len(self.startups_s) not in {0, STARTUPS}:
            raise ValueError(f"{len(self.startups_s)} start-ups are not {STARTUPS}")

    @property
    def longest_startup_s(self) -> float:
        """No pod takes longer to start in a replay."""
        return max(self.startups_s, default=self.startup_s)

    @property
    def pod_params(self) -> tuple[tuple[float, ...], float, float]:
        """As POD_PARAMS of scaler.simulation.state."""
        return self.startups_s or (self.startup_s,) * STARTUPS, self.service_s, self.concurrency


def pod_model_of(scenario: Scenario) -> PodModel:
    """The world that a scenario describes, for a Revision that scales on concurrency."""
    said = Annotations(
        target=scenario.target,
        target_utilization_percentage=scenario.target_utilization_percentage,
        target_burst_capacity=scenario.target_burst_capacity,
        stable_window_s=scenario.stable_window_seconds,
        panic_window_percentage=scenario.panic_window_percentage,
        panic_threshold_percentage=scenario.panic_threshold_percentage,
    )
    config = AutoscalerConfig(scale_to_zero_grace_period_s=float(scenario.scale_to_zero_grace_seconds))
    spec = parameters(config, said, scenario.container_concurrency, Reachability.REACHABLE)
    return PodModel(
        startup_s=scenario.startup_seconds,
        service_s=scenario.service_seconds,
        concurrency=float(scenario.container_concurrency or spec.total_value),
        spec=spec,
        panic_window_percentage=scenario.panic_window_percentage,
    )
