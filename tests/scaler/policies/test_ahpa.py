"""The forecast of the next day, and when the floor follows it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from scaler.policies.ahpa import AHPA_LIKE, DAY, next_day
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]


def week(noise: float) -> NDArray[np.float64]:
    shape = 20 + 10 * np.sin(2 * np.pi * np.arange(DAY) / DAY)
    return np.tile(shape, 7) + np.random.default_rng(1).normal(0, noise, 7 * DAY)


def test_days_that_are_alike_go_on() -> None:
    assert next_day(week(0.0)) == pytest.approx(week(0.0)[:DAY], abs=0.2)


def test_the_forecast_is_a_high_quantile() -> None:
    above = next_day(week(2.0)) - week(0.0)[:DAY]
    # 1.64 standard deviations, a little less for what the fit has taken in.
    assert above.mean() == pytest.approx(1.64 * 2.0, rel=0.15)


def test_a_load_that_never_varies_goes_on() -> None:
    assert next_day(np.full(7 * DAY, 3.0)).tolist() == [3.0] * DAY
    assert next_day(np.zeros(7 * DAY)).tolist() == [0.0] * DAY


def test_from_the_eighth_day_on_pods_are_there_three_minutes_before_the_load() -> None:
    at_s = np.arange(8 * 86400)
    busy = (at_s % 86400 >= 43200) & (at_s % 86400 < 50400)
    arrivals = np.where(busy, 28, 2.8).astype(np.float32)
    rows = AHPA_LIKE.plan(Series("s", 0, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    reached = [rows["at_s"][(rows["at_s"] // 86400 == day) & (rows["floor"] >= 10)].min() for day in range(8)]
    # Until then it is the rule: half a minute of delay, and a minute until the mean of one is full.
    assert {at % 86400 for at in reached[:7]} == {43200 + 90}
    assert 43200 - 300 < reached[7] % 86400 <= 43200 - 120
