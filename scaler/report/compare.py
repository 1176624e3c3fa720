"""Which outcomes are set against each other, and sums over series."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total, total
from scaler.policies.policy import Policy
from scaler.simulation.score import cost

KPA = "kpa"
TIDECAST = "tidecast"
SETTINGS = ("kpa-tuned", "kpa-fixed")
"""The KPA alone, better set: by what the past tells, and by what only hindsight does."""
HINDSIGHT = frozenset({"oracle", "kpa-fixed"})
"""Policies that know what is yet to come, where no table of policies says which."""
_TITLES = {KPA: "KPA alone", TIDECAST: "Tidecast", "oracle": "Oracle"}


@dataclass(frozen=True)
class Comparison:
    """What the page is about.

    alone      the KPA alone.
    other      ours, or the cheapest of the others where ours was not run; None: nothing else was run.
    settings   what the KPA reaches when it is better set, as far as that was run.
    """

    alone: Total
    other: Total | None
    settings: tuple[Total, ...]


def compared(backtest: Backtest, foresee: Collection[str] = HINDSIGHT) -> Comparison:
    """The KPA alone against ours at the shown delay-cost.

    foresee   names of policies that know the future: never the cheapest of the others.
    """
    shown = backtest.shown_cost
    alone = backtest.outcome(KPA, shown)
    if alone is None:
        raise ValueError("the KPA alone is among the outcomes of every backtest")
    settings = [backtest.outcome(name, shown) for name in SETTINGS]
    other = backtest.outcome(TIDECAST, shown)
    if other is None:
        rest = [
            each
            for each in backtest.outcomes
            if each.policy != KPA and each.policy not in foresee and each.delay_cost in {None, shown}
        ]
        other = min(rest, key=lambda each: cost(total(each).metrics, shown), default=None)
    return Comparison(
        total(alone),
        None if other is None else total(other),
        tuple(total(each) for each in settings if each is not None and each is not other),
    )


def title(policy: str) -> str:
    """A policy's name for people."""
    return _TITLES.get(policy, policy)


def foreseeing(policies: Mapping[str, Policy]) -> frozenset[str]:
    """Names of the policies that know the future."""
    return HINDSIGHT | {name for name, policy in policies.items() if policy.hindsight}
