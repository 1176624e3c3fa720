"""The forecast of the next day, and the floor that it gives."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.policies.ahpa import AHPA_LIKE, DAY_STEPS, forecast_next_day
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]


def week(noise: float) -> NDArray[np.float64]:
    shape = 20 + 10 * np.sin(2 * np.pi * np.arange(DAY_STEPS) / DAY_STEPS)
    return np.tile(shape, 7) + np.random.default_rng(1).normal(0, noise, 7 * DAY_STEPS)


def test_forecast_repeats_days_that_are_alike() -> None:
    assert forecast_next_day(week(0.0)) == pytest.approx(week(0.0)[:DAY_STEPS], abs=0.2)


def test_forecast_is_a_high_quantile() -> None:
    above = forecast_next_day(week(2.0)) - week(0.0)[:DAY_STEPS]
    # 1.64 standard deviations, minus a little that the fit has absorbed.
    assert above.mean() == pytest.approx(1.64 * 2.0, rel=0.15)


def test_forecast_of_a_constant_load_is_constant() -> None:
    assert forecast_next_day(np.full(7 * DAY_STEPS, 3.0)).tolist() == [3.0] * DAY_STEPS
    assert forecast_next_day(np.zeros(7 * DAY_STEPS)).tolist() == [0.0] * DAY_STEPS


def test_pods_are_ready_three_minutes_before_the_load_from_the_eighth_day_on() -> None:
    at_s = np.arange(8 * 86400)
    busy = (at_s % 86400 >= 43200) & (at_s % 86400 < 50400)
    arrivals = np.where(busy, 28, 2.8).astype(np.float32)
    rows = AHPA_LIKE.plan(Series("s", 0, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    reached = [rows["at_s"][(rows["at_s"] // 86400 == day) & (rows["floor"] >= 10)].min() for day in range(8)]
    # Until then the HPA's rule decides: half a minute of delay, and a minute until the mean has the load.
    assert {reached_s % 86400 for reached_s in reached[:7]} == {43200 + 90}
    assert 43200 - 300 < reached[7] % 86400 <= 43200 - 120
