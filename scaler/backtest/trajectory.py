"""One series through the scored span, in as many columns as a picture has."""

import numpy as np
from numpy.typing import NDArray

from scaler.backtest.result import Trajectory
from scaler.policies.policy import PlanRows, Series
from scaler.simulation.plan_rows import NO_PLAN
from scaler.simulation.simulator import course

MAX_COLUMNS = 2000

Band = tuple[NDArray[np.int64], NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]
"""(k,) rising seconds from the first arrival, and three quantiles (k,) requests/s that hold from there on."""


def picture(series: Series, rows: PlanRows, band: Band | None, file_step_s: int) -> Trajectory | None:
    """The KPA alone, and the plan `rows`; None where nothing of the series is scored.

    band          what was forecast; None: nothing.
    file_step_s   a column is a multiple of it.
    """
    from_s, n = series.score_s, len(series.arrivals) - series.score_s
    if n <= 0:
        return None
    step_s = file_step_s * -(-n // (file_step_s * MAX_COLUMNS))
    first = np.arange(0, n, step_s)
    length = np.diff(first, append=n)
    arrivals = series.arrivals[from_s:]
    pods_alone, delayed_alone = _lived(series, NO_PLAN, first)
    pods, delayed = _lived(series, rows, first)
    low, middle, high = _at(band, from_s + first + length // 2)
    return Trajectory(
        series=series.series,
        start_s=series.start_s + from_s,
        step_s=step_s,
        arrivals=(np.add.reduceat(arrivals, first, dtype=np.float64) / length).astype(np.float32),
        most=np.maximum.reduceat(arrivals, first),
        low=low,
        middle=middle,
        high=high,
        floor=np.maximum.reduceat(_floor(rows, len(series.arrivals))[from_s:], first),
        pods_alone=(pods_alone / length).astype(np.float32),
        pods=(pods / length).astype(np.float32),
        delayed_alone=delayed_alone.astype(np.float32),
        delayed=delayed.astype(np.float32),
    )


def _lived(
    series: Series, rows: PlanRows, first: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pod-seconds held and requests delayed in each column that begins at `first`: (k,) each."""
    seconds = course(series.world, series.arrivals, rows)[series.score_s :]
    ready, starting, delayed = (np.add.reduceat(seconds[:, i], first, dtype=np.float64) for i in range(3))
    return ready + starting, delayed


def _floor(rows: PlanRows, n: int) -> NDArray[np.float32]:
    """(n,) pods, the floor in force in each second."""
    in_force = np.searchsorted(rows["at_s"], np.arange(n), side="right")
    return np.concatenate([[0], rows["floor"]]).astype(np.float32)[in_force]


def _at(band: Band | None, at_s: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
    """Three (k,) quantiles in force at the seconds `at_s`; NaN where there is no forecast yet."""
    from_s, *quantiles = band if band is not None else (np.zeros(0, np.int64), *[np.zeros(0)] * 3)
    in_force = np.searchsorted(from_s, at_s, side="right")
    return tuple(np.concatenate([[np.nan], each]).astype(np.float32)[in_force] for each in quantiles)
