"""The histogram of idle times, and the floor that it gives."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.policies.hybrid_histogram import (
    HYBRID_HISTOGRAM,
    HYBRID_HISTOGRAM_FAASCACHE,
    cutoffs,
    forecast_idle_time,
    histograms,
)
from scaler.policies.policy import Policy, Series
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay

SPARSE = SCENARIOS["sparse"]
KNOWN_S = 1 + SPARSE.metrics_delay_seconds
RANGE_S = 240 * 60


def series(arrival_s: list[int], seconds: int) -> Series:
    arrivals = np.zeros(seconds, np.float32)
    arrivals[arrival_s] = 1
    return Series("s", 0, arrivals, SPARSE, pod_model_of(SPARSE))


def steps(policy: Policy, series: Series) -> list[tuple[int, int]]:
    rows = policy.plan(series, 10.0)
    return list(zip(rows["at_s"].tolist(), rows["floor"].tolist(), strict=True))


def test_cutoffs_are_edges_of_bins_with_margins() -> None:
    bins = np.zeros((1, 240), np.int64)
    bins[0, [10, 20, 30]] = 4, 94, 2
    pre_warm, until = cutoffs(bins)
    # The 5th percentile is in bin 20, the 99th in bin 30.
    assert pre_warm.tolist() == [pytest.approx(0.9 * 20)]
    assert until.tolist() == [pytest.approx(1.1 * 31)]


def test_histogram_counts_known_times_and_times_beyond_the_range() -> None:
    minutes = np.array([0.5, 3.2, 500.0, 3.9, 239.9])
    bins, beyond = histograms(minutes, np.array([0, 2, 5]))
    assert bins.sum(axis=1).tolist() == [0, 2, 4]
    assert (bins[1, 0], bins[2, 3], bins[2, 239]) == (1, 2, 1)
    assert beyond.tolist() == [0, 0, 1]


def test_pod_is_kept_for_four_hours_until_enough_times_are_known() -> None:
    single = series([100], 6 * 3600)
    # From when the request is known to four hours after its end, which is half a second rounded up.
    assert steps(HYBRID_HISTOGRAM, single) == [(100 + KNOWN_S, 1), (101 + RANGE_S, 0)]


def test_pod_is_loaded_shortly_before_each_of_regular_requests() -> None:
    arrival_s = list(range(0, 10 * 3600, 1200))
    regular = series(arrival_s, 10 * 3600)
    rows = steps(HYBRID_HISTOGRAM, regular)
    # Idle for 1199.5 s: bin 19.  Loaded from 0.9 x 19 to 1.1 x 20 minutes after each request's end.
    assert rows[-3:] == [
        (arrival_s[-1] + KNOWN_S, 0),
        (arrival_s[-1] + 1 + 1026, 1),
        (arrival_s[-1] + 1 + 1320, 0),
    ]
    got = replay(regular.pod_model, regular.arrivals, HYBRID_HISTOGRAM.plan(regular, 10.0))
    assert got.cold == 1
    assert got.ready_pod_s < 0.6 * 10 * 3600


def test_idle_times_spread_over_the_range_are_not_representative() -> None:
    gaps_s = np.random.default_rng(1).permutation(np.arange(1, 240)) * 60
    arrival_s = np.cumsum([0, *gaps_s]).tolist()
    rows = steps(HYBRID_HISTOGRAM, series(arrival_s, arrival_s[-1] + RANGE_S + 100))
    assert rows[-2:] == [(rows[-2][0], 1), (arrival_s[-1] + 1 + RANGE_S, 0)]


def test_idle_times_beyond_the_range_are_forecast() -> None:
    arrival_s = list(range(0, 9 * 6 * 3600, 6 * 3600))
    rows = steps(HYBRID_HISTOGRAM, series(arrival_s, arrival_s[-1] + 8 * 3600))
    expected_s = 6 * 3600 - 0.5
    assert rows[-1] == (arrival_s[-1] + 1 + int(np.ceil(1.15 * expected_s)), 0)
    assert rows[-2] == (arrival_s[-1] + 1 + int(np.ceil(0.85 * expected_s)), 1)


@pytest.mark.parametrize(
    ("minutes", "forecast"),
    [
        pytest.param(np.full(12, 300.0), 300.0, id="always the same"),
        pytest.param(np.array([300.0, 400.0]), 350.0, id="too few for an order: the mean"),
        pytest.param(300.0 + 10 * np.arange(12), 420.0, id="growing by ten"),
        pytest.param(np.tile([300.0, 500.0], 8), 300.0, id="two values alternate"),
    ],
)
def test_forecast_idle_time(minutes: NDArray[np.float64], forecast: float) -> None:
    assert forecast_idle_time(minutes) == pytest.approx(forecast, rel=1e-3)


def test_faascache_keeps_the_pod_between_regular_requests() -> None:
    arrival_s = list(range(0, 10 * 3600, 1200))
    rows = steps(HYBRID_HISTOGRAM_FAASCACHE, series(arrival_s, 10 * 3600))
    # Times between arrivals are in bin 20: until 1.1 x 21 minutes, and the next request comes before.
    assert rows == [(KNOWN_S, 1), (arrival_s[-1] + 1 + 1386, 0)]


def test_faascache_keeps_the_pod_for_two_hours_where_times_vary() -> None:
    arrival_s = np.cumsum([0, *([60, 7200] * 6)]).tolist()
    rows = steps(HYBRID_HISTOGRAM_FAASCACHE, series(arrival_s, arrival_s[-1] + 3 * 3600))
    assert rows[-1] == (arrival_s[-1] + 1 + 7200, 0)


def test_pod_is_never_unloaded_while_requests_arrive_every_second() -> None:
    steady = series(list(range(3600)), 3600)
    # Idle for half a second each time: until 1.1 minutes after the last.
    assert steps(HYBRID_HISTOGRAM, steady) == [(KNOWN_S, 1), (3600 + 66, 0)]
    assert steps(HYBRID_HISTOGRAM_FAASCACHE, steady) == [(KNOWN_S, 1), (3600 + 66, 0)]
