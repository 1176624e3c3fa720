"""Summarize a backtest: rows of a table for people, and one value for programs."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from config.calendar import calendar_as_dict
from config.scenario import Scenario
from scaler.backtest.result import Backtest, Outcome
from scaler.backtest.totals import share, total
from scaler.policies.names import KPA
from scaler.simulation.score import ReplayMetrics, cost


def table(backtest: Backtest) -> list[dict[str, Any]]:
    """Return one row per policy and delay cost, summed over the series.

    A policy that does not use the delay cost has a cost only if the backtest has exactly one delay cost.
    """
    kpa = next(outcome for outcome in backtest.outcomes if outcome.policy == KPA)
    kpa_pod_s = total(kpa).metrics.pod_s
    costs = {outcome.delay_cost for outcome in backtest.outcomes} - {None}
    single = costs.pop() if len(costs) == 1 else None
    return [_row(outcome, kpa_pod_s, single) for outcome in backtest.outcomes]


def _row(outcome: Outcome, kpa_pod_s: float, single_delay_cost: float | None) -> dict[str, Any]:
    summed = total(outcome)
    metrics = summed.metrics
    delay_cost = single_delay_cost if outcome.delay_cost is None else outcome.delay_cost
    return {
        "policy": outcome.policy,
        "delay_cost": outcome.delay_cost,
        "delayed_%": 100 * summed.delayed,
        "cold_%": 100 * summed.cold,
        "wait_s_per_request": share(metrics.wait_s, metrics.requests),
        "pod_hours": metrics.pod_s / 3600,
        "x_kpa": metrics.pod_s / kpa_pod_s if kpa_pod_s > 0 else None,
        "starts": metrics.starts,
        "rum": metrics.rum,
        "cost": None if delay_cost is None else cost(metrics, delay_cost),
    }


def as_dict(backtest: Backtest, policies: Collection[str]) -> dict[str, Any]:
    """Return all metrics of these policies over the scored span, as `backtest --json` prints them."""
    return {
        "scenario": scenario_keys(backtest.scenario),
        "policies": [
            _outcome(outcome, backtest.series) for outcome in backtest.outcomes if outcome.policy in policies
        ],
    }


def _outcome(outcome: Outcome, series: tuple[str, ...]) -> dict[str, Any]:
    return {
        "policy": outcome.policy,
        "delay_cost": outcome.delay_cost,
        "total": _metrics(total(outcome).metrics),
        "series": [
            {"series": name, **_metrics(metrics)}
            for name, metrics in zip(series, outcome.metrics, strict=True)
        ],
    }


def _metrics(metrics: ReplayMetrics) -> dict[str, float]:
    return {field.name: getattr(metrics, field.name) for field in fields(metrics)}


def scenario_keys(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario with the keys of its file, so that it can be read again; unset keys are left out."""
    values = {field.name: getattr(scenario, field.name) for field in fields(scenario)}
    calendar = calendar_as_dict(values.pop("calendar"))
    series = {glob: _with_dashes(overrides) for glob, overrides in values.pop("series").items()}
    mappings = {"calendar": calendar, "series": series}
    return _with_dashes(values) | {name: mapping for name, mapping in mappings.items() if mapping}


def _with_dashes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in values.items() if value is not None}
