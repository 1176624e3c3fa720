"""What a backtest found, as rows for people and as one value for programs."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from config.calendar import keys_of
from config.scenario import Scenario
from scaler.backtest.result import Backtest, Outcome
from scaler.backtest.totals import share, total
from scaler.policies.names import KPA
from scaler.simulation.score import ReplayMetrics, cost


def table(backtest: Backtest) -> list[dict[str, Any]]:
    """A row for each policy and delay-cost, summed over the series.

    A policy that does not look at the delay-cost has a cost where there is only one to tell it at.
    """
    alone = next(each for each in backtest.outcomes if each.policy == KPA)
    alone_pod_s = total(alone).figures.pod_s
    costs = {each.delay_cost for each in backtest.outcomes} - {None}
    only = costs.pop() if len(costs) == 1 else None
    return [_row(each, alone_pod_s, only) for each in backtest.outcomes]


def _row(outcome: Outcome, alone_pod_s: float, only: float | None) -> dict[str, Any]:
    summed = total(outcome)
    its = summed.figures
    delay_cost = only if outcome.delay_cost is None else outcome.delay_cost
    return {
        "policy": outcome.policy,
        "delay_cost": outcome.delay_cost,
        "delayed_%": 100 * summed.delayed,
        "cold_%": 100 * summed.cold,
        "wait_s_per_request": share(its.wait_s, its.requests),
        "pod_hours": its.pod_s / 3600,
        "x_kpa": its.pod_s / alone_pod_s if alone_pod_s > 0 else None,
        "starts": its.starts,
        "rum": its.rum,
        "cost": None if delay_cost is None else cost(its, delay_cost),
    }


def value(backtest: Backtest, policies: Collection[str]) -> dict[str, Any]:
    """All figures of these policies; times and counts are of the scored span."""
    return {
        "scenario": scenario_keys(backtest.world),
        "policies": [
            _outcome(each, backtest.series) for each in backtest.outcomes if each.policy in policies
        ],
    }


def _outcome(outcome: Outcome, series: tuple[str, ...]) -> dict[str, Any]:
    return {
        "policy": outcome.policy,
        "delay_cost": outcome.delay_cost,
        "total": _figures(total(outcome).figures),
        "series": [
            {"series": name, **_figures(its)} for name, its in zip(series, outcome.figures, strict=True)
        ],
    }


def _figures(its: ReplayMetrics) -> dict[str, float]:
    return {each.name: getattr(its, each.name) for each in fields(its)}


def scenario_keys(scenario: Scenario) -> dict[str, Any]:
    """A scenario under the keys of its file, so that it can be given again; what is not set is left out."""
    told = {each.name: getattr(scenario, each.name) for each in fields(scenario)}
    calendar = keys_of(told.pop("calendar"))
    series = {glob: _keys(said) for glob, said in told.pop("series").items()}
    apart = {"calendar": calendar, "series": series}
    return _keys(told) | {name: its for name, its in apart.items() if its}


def _keys(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): its for name, its in told.items() if its is not None}
