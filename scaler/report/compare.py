"""Which outcomes are set against each other, and sums over series."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields

from scaler.backtest.result import Backtest, Outcome
from scaler.policies.policy import Policy
from scaler.replay.score import Figures, cost

KPA = "kpa"
OURS = "tidecast"
SETTINGS = ("kpa-tuned", "kpa-fixed")
"""The KPA alone, better set: by what the past tells, and by what only hindsight does."""
HINDSIGHT = frozenset({"oracle", "kpa-fixed"})
"""Policies that know what is yet to come, where no table of policies says which."""
_TITLES = {KPA: "KPA alone", OURS: "Tidecast", "oracle": "Oracle"}


@dataclass(frozen=True)
class Total:
    """One policy at one delay-cost, summed over all series."""

    policy: str
    delay_cost: float | None
    """None: the policy does not look at it."""
    figures: Figures

    @property
    def delayed(self) -> float:
        """Share of the requests that waited."""
        return share(self.figures.delayed, self.figures.requests)

    @property
    def cold(self) -> float:
        """Share of the requests that found no pod at all."""
        return share(self.figures.cold, self.figures.requests)


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
    other = backtest.outcome(OURS, shown)
    if other is None:
        rest = [
            each
            for each in backtest.outcomes
            if each.policy != KPA and each.policy not in foresee and each.delay_cost in {None, shown}
        ]
        other = min(rest, key=lambda each: cost(total(each).figures, shown), default=None)
    return Comparison(
        total(alone),
        None if other is None else total(other),
        tuple(total(each) for each in settings if each is not None and each is not other),
    )


def total(outcome: Outcome) -> Total:
    """An outcome summed over its series."""
    names = [field.name for field in fields(Figures)]
    summed = {name: sum(getattr(each, name) for each in outcome.figures) for name in names}
    return Total(outcome.policy, outcome.delay_cost, Figures(**summed))


def share(part: float, whole: float) -> float:
    """`part` of `whole`; nothing of nothing is 0."""
    return part / whole if whole > 0 else 0.0


def title(policy: str) -> str:
    """A policy's name for people."""
    return _TITLES.get(policy, policy)


def foreseeing(policies: Mapping[str, Policy]) -> frozenset[str]:
    """Names of the policies that know the future."""
    return HINDSIGHT | {name for name, policy in policies.items() if policy.hindsight}
