"""Describe a backtest: its policies, its delay costs, and what it should return."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaler.policies.names import KPA, TIDECAST
from scaler.policies.policy import Policy

MAX_TRAJECTORIES = 24
"""Series that a report can open."""
DEFAULT_DELAY_COST = 30.0
"""Pod-seconds per delayed request where none is configured: the default of the key `delay-cost`."""

Key = tuple[str, float | None]
"""A policy and a delay cost; None where the policy does not use it."""


@dataclass(frozen=True, eq=False)
class BacktestRequest:
    """A backtest.

    policies       by name, in the order of the result.
    delay_costs    pod-seconds per delayed request.
    trajectories   number of series with a trajectory, those that cost the KPA most; 0 = none.
    planned        policy whose plans are returned, at the first delay cost; None = no plans.
    """

    policies: Mapping[str, Policy]
    delay_costs: tuple[float, ...]
    trajectories: int = 0
    planned: str | None = None

    @property
    def shown_cost(self) -> float:
        """The delay cost of what is shown at one only: the default one, or else the one in the middle."""
        costs = sorted(self.delay_costs)
        return DEFAULT_DELAY_COST if DEFAULT_DELAY_COST in costs else costs[len(costs) // 2]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The policy and delay cost of every outcome, in order."""
        return tuple((name, cost) for name, policy in self.policies.items() for cost in self.costs(policy))

    def costs(self, policy: Policy) -> tuple[float | None, ...]:
        """Return the delay costs at which a policy plans."""
        return self.delay_costs if policy.uses_delay_cost else (None,)

    @property
    def plotted(self) -> Key | None:
        """The plan that trajectories show: Tidecast's, or the first that is not the KPA alone."""
        others = [name for name in self.policies if name != KPA]
        if not self.trajectories or not others:
            return None
        return self._key(TIDECAST if TIDECAST in others else others[0], self.shown_cost)

    @property
    def exported_plan(self) -> Key | None:
        """The plan that is returned."""
        return None if self.planned is None else self._key(self.planned, self.delay_costs[0])

    def _key(self, name: str, delay_cost: float) -> Key:
        return name, delay_cost if self.policies[name].uses_delay_cost else None
