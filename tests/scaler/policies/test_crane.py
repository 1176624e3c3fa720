"""Crane's period search, its estimators, and the floor for the next hour."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.policies.crane import (
    CRANE,
    DAY,
    WEEK,
    Estimator,
    find_period,
    is_peak,
    next_period,
    prediction_error,
    without_extremes,
)
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def days(n: int) -> NDArray[np.float64]:
    minutes = np.arange(n * DAY)
    return 40 + 20 * np.sin(2 * np.pi * minutes / DAY) + rng().normal(0, 1, n * DAY)


def test_period_of_a_day_is_found() -> None:
    assert find_period(days(3), rng()) == DAY
    assert find_period(days(15), rng()) == DAY


def test_period_of_a_week_is_found_where_days_differ() -> None:
    minutes = np.arange(3 * WEEK)
    assert (
        find_period(40 + 20 * np.sin(2 * np.pi * minutes / WEEK) + rng().normal(0, 1, 3 * WEEK), rng())
        == WEEK
    )


@pytest.mark.parametrize("load", [rng().normal(40, 5, 4 * DAY), np.full(4 * DAY, 7.0), days(1)])
def test_noise_constant_load_and_a_single_day_have_no_period(load: NDArray[np.float64]) -> None:
    assert next_period(load, rng()) is None


def test_forecast_continues_a_wave_plus_margin() -> None:
    forecast = next_period(days(4), rng())
    assert forecast is not None
    wave = 40 + 20 * np.sin(2 * np.pi * np.arange(DAY) / DAY)
    assert (forecast / wave).mean() == pytest.approx(1.01, abs=0.01)


def test_estimator_removes_small_fast_components() -> None:
    minutes = np.arange(4 * DAY)
    slow = 60 + 20 * np.sin(2 * np.pi * np.outer([1, 2, 3], minutes) / DAY).sum(axis=0)
    fast = 1.5 * np.sin(2 * np.pi * minutes / 20)
    got = Estimator(3, 1.0, 0.1).period(slow + fast, DAY)
    # 1.5 is an amplitude of 0.75 in the spectrum: below 1, and faster than one per hour.
    assert got == pytest.approx(1.1 * slow[-DAY:], abs=1e-6)
    assert Estimator(3, 1.0, 0.0).period(slow - 200, DAY).tolist() == [0.01] * DAY


def test_extremes_become_the_value_before_the_extreme() -> None:
    load = np.arange(2000.0) % 10
    load[[500, 501, 1000]] = 99, 98, -5
    got = without_extremes(load)
    assert got[[499, 500, 501, 502, 1000]].tolist() == [9, 9, 9, 2, 9]


def test_shortfalls_count_more_than_excess() -> None:
    ten = np.full(3, 10.0)
    assert prediction_error(ten, ten * 1.5) == pytest.approx(0.5)
    # From accuracy.go: a shortfall of one half counts as 3.1.
    assert prediction_error(ten, ten * 0.5) == pytest.approx(3.1, abs=0.01)
    assert prediction_error(np.array([0.0, 10.0]), np.array([1.0, 8.0])) == pytest.approx(1.5)


def test_peak_is_where_values_rise_and_then_fall() -> None:
    hill = -np.abs(np.arange(11.0) - 5)
    assert is_peak(hill, 5, 3)
    assert not is_peak(hill, 3, 2)
    assert not is_peak(hill, 0, 3)


def test_floor_covers_the_maximum_of_the_next_hour() -> None:
    at_s = np.arange(4 * 86400)
    rate = 28 * (1 + 0.5 * np.sin(2 * np.pi * at_s / 86400))
    arrivals = rng().poisson(rate).astype(np.float32)
    rows = CRANE.plan(Series("s", 0, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    held = rows["floor"][np.searchsorted(rows["at_s"], 3 * 86400 + 8000, side="right") - 1]
    # The load has reached 43 % of its half-wave, and will be nearer to its maximum within the hour.
    assert held >= np.ceil(rate[3 * 86400 + 8000 + 3500] / 2.8) > np.ceil(rate[3 * 86400 + 8000] / 2.8)
