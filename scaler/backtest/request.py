"""What a backtest is to find out."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaler.policies.names import KPA, TIDECAST
from scaler.policies.policy import Policy

MAX_TRAJECTORIES = 24
USUAL_COST = 30.0
"""The delay-cost of a service for which nothing is said."""

Key = tuple[str, float | None]
"""A policy and a delay-cost; None where the policy does not look at it."""


@dataclass(frozen=True, eq=False)
class BacktestRequest:
    """What a backtest is to find out.

    policies      by name, in the order in which outcomes are wanted.
    delay_costs   pod-seconds that one delayed request is worth.
    courses       of so many series, those that cost the KPA most; 0: none.
    planned       the policy whose plans are wanted, at the first delay-cost; None: none are.
    """

    policies: Mapping[str, Policy]
    delay_costs: tuple[float, ...]
    trajectories: int = 0
    planned: str | None = None

    @property
    def shown_cost(self) -> float:
        """The delay-cost of what is shown at one only: the usual one, or else the one in the middle."""
        costs = sorted(self.delay_costs)
        return USUAL_COST if USUAL_COST in costs else costs[len(costs) // 2]

    @property
    def keys(self) -> tuple[Key, ...]:
        """Of all outcomes, in order."""
        return tuple((name, cost) for name, policy in self.policies.items() for cost in self.costs(policy))

    def costs(self, policy: Policy) -> tuple[float | None, ...]:
        """The delay-costs at which a policy is to plan."""
        return self.delay_costs if policy.uses_delay_cost else (None,)

    @property
    def drawn(self) -> Key | None:
        """Whose plan the courses show: ours, or the first that is not the KPA alone."""
        others = [name for name in self.policies if name != KPA]
        if not self.trajectories or not others:
            return None
        return self._key(TIDECAST if TIDECAST in others else others[0], self.shown_cost)

    @property
    def written(self) -> Key | None:
        """Whose plans are wanted."""
        return None if self.planned is None else self._key(self.planned, self.delay_costs[0])

    def _key(self, name: str, delay_cost: float) -> Key:
        return name, delay_cost if self.policies[name].uses_delay_cost else None
