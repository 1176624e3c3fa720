"""Synthetic backtests for pages: days of traffic with bursts, and metrics that fit them."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.backtest.result import Backtest, Outcome, Trajectory
from scaler.simulation.score import ReplayMetrics

MakeBacktest = Callable[..., Backtest]
START_S = 804_556_800
"""Unix seconds of a Saturday in July 1995."""
DAY_S = 86_400
DELAY_COSTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
POINTS = {
    "kpa": (1.0, 1.0),
    "kpa-u50": (0.22, 1.17),
    "kpa-u35": (0.06, 1.58),
    "keepalive-10": (0.93, 1.03),
    "hybrid-histogram": (0.71, 1.21),
    "phpa": (0.62, 1.34),
    "oracle": (0.0, 0.83),
}
"""Policy -> delayed requests and pod-hours, relative to the KPA alone."""
LINES = {
    "kpa-tuned": ((1.4, 0.84), (0.9, 0.88), (0.5, 0.95), (0.31, 1.02), (0.2, 1.12), (0.12, 1.3)),
    "tidecast": ((1.1, 0.78), (0.62, 0.84), (0.28, 0.91), (0.12, 1.04), (0.05, 1.16), (0.02, 1.31)),
}
"""Policy -> the same at each of DELAY_COSTS."""


@pytest.fixture(scope="session")
def make_backtest() -> MakeBacktest:
    """`backtest`."""
    return backtest


def backtest(
    series: int = 3,
    *,
    trajectories: int = 2,
    columns: int = 400,
    policies: tuple[str, ...] = (*POINTS, *LINES),
    names: tuple[str, ...] = (),
    seed: int = 1,
) -> Backtest:
    """Return a backtest of `series` services; the first ones have the given names."""
    rng = np.random.default_rng(seed)
    all_names = (*names, *(f"shop/service-{k:03d}" for k in range(len(names), series)))[:series]
    requests = rng.lognormal(12, 1.6, series).round()
    outcomes = [
        Outcome(name, None, _metrics_by_series(rng, requests, *POINTS[name]))
        for name in policies
        if name in POINTS
    ]
    for name, line in LINES.items():
        if name in policies:
            outcomes += [
                Outcome(name, delay_cost, _metrics_by_series(rng, requests, *point))
                for delay_cost, point in zip(DELAY_COSTS, line, strict=True)
            ]
    step_s = 22 * DAY_S // columns // 60 * 60 or 60
    return Backtest(
        where="nasa_http_60s.csv.gz",
        scenario_name="heavy",
        scenario=SCENARIOS["heavy"],
        scale_to=40.0,
        series=all_names,
        start_s=START_S,
        seconds=29 * DAY_S,
        score_s=7 * DAY_S,
        step_s=60,
        outcomes=tuple(outcomes),
        trajectories=tuple(_trajectory(rng, name, columns, step_s) for name in all_names[:trajectories]),
        shown_cost=30.0,
    )


def _metrics(requests: float, delayed: float, pod_s: float) -> ReplayMetrics:
    """Return metrics of which only the arguments matter."""
    return ReplayMetrics(
        requests, delayed, delayed / 10, 3 * delayed, pod_s, pod_s / 2, pod_s / 900, 12, delayed / 20
    )


def _metrics_by_series(
    rng: np.random.Generator, requests: NDArray[np.float64], relative_delayed: float, relative_pods: float
) -> tuple[ReplayMetrics, ...]:
    delayed = 0.0313 * relative_delayed * requests * rng.lognormal(0, 0.5, len(requests))
    pod_s = relative_pods * (2 * requests + 3600 * 20) * rng.lognormal(0, 0.04, len(requests))
    return tuple(_metrics(*row) for row in zip(requests, delayed, pod_s, strict=True))


def _trajectory(rng: np.random.Generator, name: str, columns: int, step_s: int) -> Trajectory:
    """Return days with a quiet weekend, and bursts that the forecast misses."""
    time_s = np.arange(columns) * step_s
    day = 0.55 - 0.45 * np.cos(2 * np.pi * time_s / DAY_S - 0.6)
    week = np.where((time_s // DAY_S) % 7 < 2, 0.6, 1.0)
    expected = 60 * day * week + 1
    burst = np.zeros(columns)
    for start in rng.integers(0, columns, 1 + columns // 150):
        burst[start : start + 4] = rng.uniform(20, 90)
    arrivals = np.maximum(0, expected * rng.lognormal(0, 0.08, columns) + burst)
    floor = np.ceil(1.25 * expected * 1.1 / 4)
    pods_kpa = np.ceil(np.convolve(arrivals, np.ones(2) / 2, "same") / 2.8)
    increase = np.maximum(0, arrivals - np.roll(arrivals, 1) - 0.3 * expected)
    burst_start = burst * (np.diff(burst, prepend=0) > 0)
    low, high = 0.8 * expected, 1.3 * expected
    low[: columns // 30], high[: columns // 30] = np.nan, np.nan
    arrays = (
        arrivals, 1.35 * arrivals + 3, low, np.where(np.isnan(low), np.nan, expected), high, floor,
        pods_kpa, np.maximum(floor, 0.9 * pods_kpa), increase * 12, burst_start * 6,
    )  # fmt: skip
    return Trajectory(name, START_S + 7 * DAY_S, step_s, *(array.astype(np.float32) for array in arrays))
