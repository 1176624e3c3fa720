"""Show the results of frontier.py: as JSON for programs, and as text and Markdown for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from bench.frontier_results import DELAY_COSTS, FIXED, PLAIN, RESULTS, SETTING, SHOWN_COST, TARGETS, Row

from scaler.policies.names import KPA, TIDECAST


def medians(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Return scenario -> result -> medians of tidecast, kpa-fixed and one setting, and the target."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for scenario, targets in TARGETS.items():
        of_scenario = [row for row in rows if row.scenario == scenario]
        for name in RESULTS if of_scenario else ():
            values = {
                TIDECAST: float(np.median([row.frontier(TIDECAST)[name] for row in of_scenario])),
                FIXED: float(np.median([row.frontier(FIXED)[name] for row in of_scenario])),
                SETTING: float(np.median([row.with_hindsight()[name].value for row in of_scenario])),
            }
            if name in targets:
                values["target"] = targets[name]
            found.setdefault(scenario, {})[name] = values
    return found


def as_dict(row: Row) -> dict[str, Any]:
    """Return a row for programs."""
    return {
        "trace": row.trace,
        "scenario": row.scenario,
        "series": row.series,
        "requests": row.requests,
        "scaled_to": row.scaled_to,
        "max_starts_ratio": row.max_starts_ratio,
        "points": {policy: [asdict(point) for point in points] for policy, points in row.points.items()},
        "x_fixed": dict(zip((point.label for point in row.tidecast), row.x_fixed, strict=True)),
        "frontier": {policy: row.frontier(policy) for policy in (TIDECAST, FIXED)},
        SETTING: {name: asdict(best) for name, best in row.with_hindsight().items()},
    }


def text(row: Row) -> str:
    """Return a row for people."""
    scaled = "not scaled" if row.scaled_to is None else f"scaled to {row.scaled_to:g} requests/s"
    lines = [f"{row.trace}, {row.scenario}: {row.series} series, {row.requests:.0f} requests, {scaled}"]
    for policy in (KPA, *PLAIN):
        point = row.points[policy][0]
        lines.append(
            f"  {policy:25} delayed {point.delayed:8.4f} %  cold {point.cold:5.2f} %  "
            f"pod-hours {point.x_pods:.2f} x  starts {point.x_starts:.2f} x"
        )
    lines.append("  delay-cost                " + "".join(f"{delay_cost:>19g}" for delay_cost in DELAY_COSTS))
    for policy in (TIDECAST, FIXED):
        lines += [f"  {policy}", *_by_delay_cost(row, policy)]
    lines.append(f"  {'cost / kpa-fixed':26}" + "".join(f"{ratio:>19.6f}" for ratio in row.x_fixed))
    lines.append(f"  {'p75 of series, KPA alone':26}{row.kpa.p75:>19.4f}")
    frontiers = {policy: row.frontier(policy) for policy in (TIDECAST, FIXED)}
    for name, best in row.with_hindsight().items():
        point_text = (
            "with the defaults"
            if best.point is None
            else f"@{best.point.x_pods:.2f} ({best.point.x_starts:.1f}; {best.point.label})"
        )
        values = ", ".join(f"{policy} {_value(name, found[name])}" for policy, found in frontiers.items())
        lines.append(f"  {RESULTS[name]:25} {values}, {SETTING} {_value(name, best.value)} {point_text}")
    return "\n".join(lines)


def _by_delay_cost(row: Row, policy: str) -> list[str]:
    points = row.points[policy]
    rows = {
        "delayed %": [f"{point.delayed:.4f}" for point in points],
        "cold %": [f"{point.cold:.2f}" for point in points],
        "closed % @ x (starts)": [
            f"{point.closed:.0f} @{point.x_pods:.2f} ({point.x_starts:.1f})" for point in points
        ],
        "p75 of series, delayed %": [f"{point.p75:.4f}" for point in points],
    }
    return [f"    {name:24}" + "".join(f"{cell:>19}" for cell in cells) for name, cells in rows.items()]


def _value(name: str, value: float) -> str:
    """Return a result with its unit."""
    return f"{value:.2f} x" if name == "same_delay" else f"{value:.1f} %"


def _percent(value: float) -> str:
    """Return a percentage of requests; a small one with four decimals."""
    return f"{value:.2f} %" if value >= 0.1 else f"{value:.4f} %"


def summary(rows: Sequence[Row]) -> str:
    """Return the medians with their targets, the conditions that fail, and a table in Markdown."""
    lines = ["medians"]
    for scenario, results in medians(rows).items():
        for name, values in results.items():
            cells = ", ".join(f"{label} {_value(name, value)}" for label, value in values.items())
            lines.append(f"  {scenario:7} {RESULTS[name]:25} {cells}")
    failed = [condition for row in rows for condition in row.failed_conditions()]
    lines.append(f"conditions that fail: {len(failed)}")
    lines += [
        f"  {c.trace}, {c.scenario}, delay-cost {c.delay_cost:g}: "
        f"{c.condition} {c.value:.6g}, limit {c.limit:.6g}"
        for c in failed
    ]
    return "\n".join([*lines, markdown(rows)])


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of the README, at SHOWN_COST."""
    shown = DELAY_COSTS.index(SHOWN_COST)
    lines = [
        "| trace, scenario | KPA alone: delayed | Tidecast: delayed, pod-hours, starts "
        "| best fixed settings, with hindsight | cost / best fixed |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        both = " | ".join(
            f"{_percent(point.delayed)}, {point.x_pods:.2f} x, {point.x_starts:.2f} x"
            for point in (row.tidecast[shown], row.points[FIXED][shown])
        )
        ratio = row.x_fixed[shown]
        cell = f"{ratio:.3f} x" if ratio < 1 else f"{ratio:.3f} x, **not less**"
        lines.append(f"| {row.trace}, {row.scenario} | {_percent(row.kpa.delayed)} | {both} | {cell} |")
    return "\n".join(lines)
