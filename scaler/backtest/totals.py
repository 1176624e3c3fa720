"""TODO."""

from dataclasses import dataclass, fields

from scaler.backtest.result import Outcome
from scaler.simulation.score import ReplayMetrics


@dataclass(frozen=True)
class Total:
    """One policy at one delay-cost, summed over all series."""

    policy: str
    delay_cost: float | None
    """None: the policy does not look at it."""
    figures: ReplayMetrics

    @property
    def delayed(self) -> float:
        """Share of the requests that waited."""
        return share(self.figures.delayed, self.figures.requests)

    @property
    def cold(self) -> float:
        """Share of the requests that found no pod at all."""
        return share(self.figures.cold, self.figures.requests)


def total(outcome: Outcome) -> Total:
    """An outcome summed over its series."""
    names = [field.name for field in fields(ReplayMetrics)]
    summed = {name: sum(getattr(each, name) for each in outcome.figures) for name in names}
    return Total(outcome.policy, outcome.delay_cost, ReplayMetrics(**summed))


def share(part: float, whole: float) -> float:
    """`part` of `whole`; nothing of nothing is 0."""
    return part / whole if whole > 0 else 0.0
