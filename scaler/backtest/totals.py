"""Sum the metrics of an outcome over its series."""

from dataclasses import dataclass, fields

from scaler.backtest.result import Outcome
from scaler.simulation.score import ReplayMetrics


@dataclass(frozen=True)
class Total:
    """One policy at one delay cost, summed over all series."""

    policy: str
    delay_cost: float | None
    """None = the policy does not use it."""
    metrics: ReplayMetrics

    @property
    def delayed(self) -> float:
        """Share of the requests that were delayed."""
        return share(self.metrics.delayed, self.metrics.requests)

    @property
    def cold(self) -> float:
        """Share of the requests that found no ready pod."""
        return share(self.metrics.cold, self.metrics.requests)


def total(outcome: Outcome) -> Total:
    """Return an outcome summed over its series."""
    names = [field.name for field in fields(ReplayMetrics)]
    summed = {name: sum(getattr(metrics, name) for metrics in outcome.metrics) for name in names}
    return Total(outcome.policy, outcome.delay_cost, ReplayMetrics(**summed))


def share(part: float, whole: float) -> float:
    """Return `part` divided by `whole`; 0 where both are 0."""
    return part / whole if whole > 0 else 0.0
