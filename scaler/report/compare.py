"""Choose the policy that a report compares with the KPA alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total, total
from scaler.policies.names import KPA, ORACLE, TIDECAST
from scaler.policies.policy import Policy
from scaler.simulation.score import cost

SETTINGS = ("kpa-tuned", "kpa-fixed")
"""Policies that are the KPA alone with better settings: chosen from the past, and chosen with hindsight."""
HINDSIGHT = frozenset({ORACLE, "kpa-fixed"})
"""Policies that use future traffic, for backtests without a table of policies."""
_TITLES = {KPA: "KPA alone", TIDECAST: "Tidecast", ORACLE: "Oracle"}


@dataclass(frozen=True)
class Comparison:
    """The policies that the page compares, summed over all series at the shown delay cost.

    kpa        the KPA alone.
    compared   Tidecast, or the cheapest policy if Tidecast was not run; None = only the KPA alone was run.
    settings   the KPA alone with better settings, those of SETTINGS that were run.
    """

    kpa: Total
    compared: Total | None
    settings: tuple[Total, ...]


def compare(backtest: Backtest, hindsight: Collection[str] = HINDSIGHT) -> Comparison:
    """Return the KPA alone and the policy to compare it with.

    hindsight   names of policies that use future traffic: none of them is the cheapest policy.

    Raises:
        ValueError: the backtest has no outcome of the KPA alone.
    """
    shown_cost = backtest.shown_cost
    kpa = backtest.outcome(KPA, shown_cost)
    if kpa is None:
        raise ValueError(f"policies {[outcome.policy for outcome in backtest.outcomes]}: {KPA!r} is missing")
    compared = backtest.outcome(TIDECAST, shown_cost)
    if compared is None:
        eligible = [
            outcome
            for outcome in backtest.outcomes
            if outcome.policy != KPA
            and outcome.policy not in hindsight
            and outcome.delay_cost in {None, shown_cost}
        ]
        compared = min(eligible, key=lambda outcome: cost(total(outcome).metrics, shown_cost), default=None)
    settings = [backtest.outcome(name, shown_cost) for name in SETTINGS]
    return Comparison(
        total(kpa),
        None if compared is None else total(compared),
        tuple(total(outcome) for outcome in settings if outcome is not None and outcome is not compared),
    )


def title(policy: str) -> str:
    """Return the name of a policy for people."""
    return _TITLES.get(policy, policy)


def hindsight_policies(policies: Mapping[str, Policy]) -> frozenset[str]:
    """Return the names of the policies that use future traffic."""
    return HINDSIGHT | {name for name, policy in policies.items() if policy.hindsight}
