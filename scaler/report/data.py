"""What the scripts of the page draw and sort, as JSON."""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaler.backtest.result import Backtest, Outcome, Trajectory
from scaler.backtest.totals import total
from scaler.report.compare import KPA, TIDECAST, Comparison, title

MAX_FIGURES = 50_000
"""Series times outcomes.  Above, only outcomes at the shown delay-cost are told series by series."""
_RATES = ("arrivals", "max_arrivals", "low", "middle", "high")
_PODS = ("floor", "pods_kpa", "pods")
_REQUESTS = ("delayed_kpa", "delayed")


def page_data(backtest: Backtest, comparison: Comparison) -> str:
    """JSON that may stand in a `script` element whatever the names in it are.

    series     names; requests: of each.
    alone, other   places in `outcomes` of the two that are compared; other is null if there is one only.
    outcomes   policy, title, cost (null: does not look at it), sums, and lists by series (null: left out).
    plan       whose the courses are beside the KPA alone.
    courses    of the series that can be opened: `Trajectory` with lists, NaN as null.
    """
    outcomes = backtest.outcomes
    many = len(outcomes) * len(backtest.series) > MAX_FIGURES
    names = [(each.policy, each.delay_cost) for each in outcomes]
    alone, other = comparison.alone, comparison.other
    data = {
        "series": backtest.series,
        "shownCost": backtest.shown_cost,
        "requests": [
            _short(each.requests, 6) for each in outcomes[names.index((KPA, alone.delay_cost))].metrics
        ],
        "alone": names.index((KPA, alone.delay_cost)),
        "other": None if other is None else names.index((other.policy, other.delay_cost)),
        "plan": title(TIDECAST) if TIDECAST in {each.policy for each in outcomes} else "the plan",
        "outcomes": [
            _outcome(each, by_series=not many or each.delay_cost in {None, backtest.shown_cost})
            for each in outcomes
        ],
        "courses": [_course(each, backtest.series.index(each.series)) for each in backtest.trajectories],
    }
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _outcome(outcome: Outcome, *, by_series: bool) -> dict[str, Any]:
    figures = total(outcome).metrics
    kinds = ("delayed", "cold", "pod_s", "starts")
    return {
        "policy": outcome.policy,
        "title": title(outcome.policy),
        "cost": outcome.delay_cost,
        "sum": {kind: _short(getattr(figures, kind), 6) for kind in ("requests", *kinds)},
        "by": {kind: [_short(getattr(each, kind), 5) for each in outcome.metrics] for kind in kinds}
        if by_series
        else None,
    }


def _course(course: Trajectory, series: int) -> dict[str, Any]:
    lists = {name: _list(getattr(course, name), 3) for name in _RATES}
    lists |= {name: _list(getattr(course, name), 4) for name in (*_PODS, *_REQUESTS)}
    return {"series": series, "start": course.start_s, "step": course.step_s, **lists}


def _list(values: NDArray[np.float32], digits: int) -> list[float | None]:
    """(k,) numbers -> as many with so many digits that count; NaN -> None."""
    return [None if math.isnan(value) else _short(value, digits) for value in values.tolist()]


def _short(value: float, digits: int) -> float:
    """The number with so many digits that count, and all of them above the point."""
    if abs(value) >= 10 ** (digits - 1):
        return round(value)
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short
