"""Reduce one series over the scored span to the columns of a plot."""

import numpy as np
from numpy.typing import NDArray

from scaler.backtest.result import Trajectory
from scaler.policies.policy import PlanRows, Series
from scaler.simulation.plan_rows import NO_PLAN
from scaler.simulation.simulator import replay_trajectory
from scaler.simulation.state import DELAYED_COLUMN, READY_COLUMN, STARTING_COLUMN

MAX_COLUMNS = 2000
"""Columns of a plot: more than a screen has pixels."""

Band = tuple[NDArray[np.int64], NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]
"""(k,) rising seconds from the first arrival, and three quantiles (k,) in requests/s that hold from there on.
"""


def trajectory(series: Series, rows: PlanRows, band: Band | None, file_step_s: int) -> Trajectory | None:
    """Return the KPA alone and the plan `rows` on one series; None where nothing of the series is scored.

    band          forecast quantiles; None = no forecast
    file_step_s   a column is a multiple of it
    """
    from_s, n = series.score_s, len(series.arrivals) - series.score_s
    if n <= 0:
        return None
    step_s = file_step_s * -(-n // (file_step_s * MAX_COLUMNS))
    first = np.arange(0, n, step_s)
    length = np.diff(first, append=n)
    arrivals = series.arrivals[from_s:]
    pods_kpa, delayed_kpa = _replayed(series, NO_PLAN, first)
    pods, delayed = _replayed(series, rows, first)
    low, middle, high = _band_at(band, from_s + first + length // 2)
    return Trajectory(
        series=series.name,
        start_s=series.start_s + from_s,
        step_s=step_s,
        arrivals=(np.add.reduceat(arrivals, first, dtype=np.float64) / length).astype(np.float32),
        max_arrivals=np.maximum.reduceat(arrivals, first),
        low=low,
        middle=middle,
        high=high,
        floor=np.maximum.reduceat(_floor(rows, len(series.arrivals))[from_s:], first),
        pods_kpa=(pods_kpa / length).astype(np.float32),
        pods=(pods / length).astype(np.float32),
        delayed_kpa=delayed_kpa.astype(np.float32),
        delayed=delayed.astype(np.float32),
    )


def _replayed(
    series: Series, rows: PlanRows, first: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pod-seconds held and requests delayed (k,) in the columns that begin at `first` (k,)."""
    seconds = replay_trajectory(series.pod_model, series.arrivals, rows)[series.score_s :]
    ready, starting, delayed = (
        np.add.reduceat(seconds[:, column], first, dtype=np.float64)
        for column in (READY_COLUMN, STARTING_COLUMN, DELAYED_COLUMN)
    )
    return ready + starting, delayed


def _floor(rows: PlanRows, n: int) -> NDArray[np.float32]:
    """Return the active floor (n,), in pods, of each second."""
    active = np.searchsorted(rows["at_s"], np.arange(n), side="right")
    return np.concatenate([[0], rows["floor"]]).astype(np.float32)[active]


def _band_at(band: Band | None, at_s: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
    """Return the three quantiles (k,) that hold at the seconds `at_s` (k,); NaN before the first forecast."""
    from_s, *quantiles = band if band is not None else (np.zeros(0, np.int64), *[np.zeros(0)] * 3)
    active = np.searchsorted(from_s, at_s, side="right")
    return tuple(np.concatenate([[np.nan], values]).astype(np.float32)[active] for values in quantiles)
