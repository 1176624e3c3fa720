"""Write the JSON that the scripts of the page draw and sort."""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaler.backtest.result import Backtest, Outcome, Trajectory
from scaler.backtest.totals import total
from scaler.policies.names import KPA, TIDECAST
from scaler.report.compare import Comparison, title

MAX_ROWS = 50_000
"""Number of series times number of outcomes above which only outcomes at the shown delay cost have values by
series, which bounds the size of the page.  Chosen by hand.
"""
_RATES = ("arrivals", "max_arrivals", "low", "middle", "high")
_PODS = ("floor", "pods_kpa", "pods")
_REQUESTS = ("delayed_kpa", "delayed")
_METRICS = ("delayed", "cold", "pod_s", "starts")


def page_data(backtest: Backtest, comparison: Comparison) -> str:
    """Return JSON that is safe inside a `script` element, whatever the names in it are.

    series          names.
    requests        requests of each series.
    shown_cost      the shown delay cost.
    outcomes        policy, title, delay_cost (null = the policy does not use it), sum (metrics summed over
                    series), by_series (lists of metrics by series; null = left out).
    kpa, compared   indices in `outcomes` of the KPA alone and of the policy compared with it; compared is
                    null if only the KPA alone was run.
    plan_title      title of the plan that trajectories show together with the KPA alone.
    trajectories    of the series that can be opened: `Trajectory` with lists, NaN as null, and the index of
                    the series.
    """
    outcomes, shown_cost = backtest.outcomes, backtest.shown_cost
    large = len(outcomes) * len(backtest.series) > MAX_ROWS
    keys = [(outcome.policy, outcome.delay_cost) for outcome in outcomes]
    kpa, compared = keys.index((KPA, comparison.kpa.delay_cost)), comparison.compared
    planned = any(outcome.policy == TIDECAST for outcome in outcomes)
    data = {
        "series": backtest.series,
        "shown_cost": shown_cost,
        "requests": [_rounded(metrics.requests, 6) for metrics in outcomes[kpa].metrics],
        "kpa": kpa,
        "compared": None if compared is None else keys.index((compared.policy, compared.delay_cost)),
        "plan_title": title(TIDECAST) if planned else "the plan",
        "outcomes": [
            _outcome(outcome, by_series=not large or outcome.delay_cost in {None, shown_cost})
            for outcome in outcomes
        ],
        "trajectories": [
            _trajectory(trajectory, backtest.series.index(trajectory.series))
            for trajectory in backtest.trajectories
        ],
    }
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _outcome(outcome: Outcome, *, by_series: bool) -> dict[str, Any]:
    summed = total(outcome).metrics
    lists = {name: [_rounded(getattr(metrics, name), 5) for metrics in outcome.metrics] for name in _METRICS}
    return {
        "policy": outcome.policy,
        "title": title(outcome.policy),
        "delay_cost": outcome.delay_cost,
        "sum": {name: _rounded(getattr(summed, name), 6) for name in ("requests", *_METRICS)},
        "by_series": lists if by_series else None,
    }


def _trajectory(trajectory: Trajectory, series: int) -> dict[str, Any]:
    lists = {name: _list(getattr(trajectory, name), 3) for name in _RATES}
    lists |= {name: _list(getattr(trajectory, name), 4) for name in (*_PODS, *_REQUESTS)}
    return {"series": series, "start_s": trajectory.start_s, "step_s": trajectory.step_s, **lists}


def _list(values: NDArray[np.float32], digits: int) -> list[float | None]:
    """Return values (k,) rounded to significant digits; NaN becomes None."""
    return [None if math.isnan(value) else _rounded(value, digits) for value in values.tolist()]


def _rounded(value: float, digits: int) -> float:
    """Return a number rounded to significant digits; all its integer digits are kept."""
    if abs(value) >= 10 ** (digits - 1):
        return round(value)
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded
