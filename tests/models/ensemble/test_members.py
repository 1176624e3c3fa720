"""Every member of the ensemble on series of every kind: a usable path, or no forecast."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS, Member
from models.ensemble.training import fill_gaps, training_series

Floats = NDArray[np.float64]
STEP_S, DAY, HORIZON = 1800, 48, 6
WEEKS = 15 * DAY


def wave(days: int = 15) -> Floats:
    steps = np.arange(days * DAY)
    noise = np.random.default_rng(3).normal(0, 0.3, steps.size)
    return 10 + 6 * np.sin(2 * np.pi * steps / DAY) + noise


def wave_with_gap(first: int, end: int) -> Floats:
    y = wave()
    y[first:end] = np.nan
    return y


def wave_with_outlier(value: float) -> Floats:
    y = wave()
    y[-40] = value
    return y


SITUATIONS = {
    "a day's wave": wave(),
    "nothing at all": np.empty(0),
    "one step": np.array([3.0]),
    "a few steps": wave()[:20],
    "a day": wave(1),
    "never observed": np.full(WEEKS, np.nan),
    "always the same": np.full(WEEKS, 4.0),
    "no traffic ever": np.zeros(WEEKS),
    "traffic once": np.eye(1, WEEKS, 300)[0],
    "three days not observed": wave_with_gap(200, 344),
    "the last day not observed": wave_with_gap(WEEKS - DAY, WEEKS),
    "one step observed in ten": np.where(np.arange(WEEKS) % 10 == 0, wave(), np.nan),
    "an absurd value": wave_with_outlier(1e12),
    "infinite": wave_with_outlier(np.inf),
    "negative": wave_with_outlier(-5.0),
    "absurd throughout": 1e12 * wave(),
    "hardly any": 1e-9 * wave(),
    "a jump by a thousand": np.concatenate([wave(), 1000 * wave(1)[:7]]),
    "traffic in bursts": np.where(np.random.default_rng(5).random(WEEKS) < 0.03, 7.0, 0.0),
}


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_path_is_finite_or_nan_in_every_situation(member: Member, situation: Floats) -> None:
    copy = situation.copy()
    path = member(training_series(situation, STEP_S), HORIZON)
    assert path.shape == (HORIZON,)
    assert np.isnan(path).all() or (np.isfinite(path).all() and (path >= 0).all())
    np.testing.assert_array_equal(situation, copy)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_path_of_a_constant_series_is_constant(member: Member) -> None:
    np.testing.assert_allclose(member(training_series(np.full(WEEKS, 4.0), STEP_S), HORIZON), 4.0)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_path_is_finite_or_nan_where_steps_do_not_divide_a_day(member: Member) -> None:
    path = member(training_series(wave(), 7 * 60), HORIZON)
    assert np.isnan(path).all() or np.isfinite(path).all()


@pytest.mark.parametrize(
    "name", sorted(set(MEMBERS) - {"naive last", "EWMA", "TSB", "sm ETS(A,Ad,N)", "seasonal naive week"})
)
def test_seasonal_members_forecast_a_daily_wave(name: str) -> None:
    y = wave(16)
    path = MEMBERS[name](training_series(y[:-DAY], STEP_S), DAY)
    assert np.abs(path - y[-DAY:]).mean() < 1.0


def test_seasonal_naive_week_repeats_the_week_before() -> None:
    y = wave()
    path = MEMBERS["seasonal naive week"](training_series(y, STEP_S), 3)
    np.testing.assert_array_equal(path, y[-7 * DAY : -7 * DAY + 3])


def test_paths_scale_with_the_traffic() -> None:
    for name in ("np DHR+AR3", "np seasonal AR", "sm AutoReg(3)+Fourier", "sm HW add"):
        small, large = (
            MEMBERS[name](training_series(factor * wave(), STEP_S), HORIZON) for factor in (1.0, 1e6)
        )
        np.testing.assert_allclose(large, 1e6 * small, rtol=1e-3)


def test_a_long_gap_repeats_the_day_before_and_a_short_gap_is_linear() -> None:
    y = np.tile(np.arange(DAY, dtype=np.float64), 3)
    y[DAY + 10 : DAY + 30] = y[10] = np.nan
    filled = fill_gaps(y, STEP_S)
    assert filled[10] == 10
    np.testing.assert_array_equal(filled[DAY + 10 : DAY + 30], np.arange(10, 30))


def test_a_training_series_of_too_few_steps_is_empty() -> None:
    assert training_series(np.ones(15), STEP_S).y.size == 0
    assert training_series(np.ones(16), STEP_S).y.size == 16


def test_members_are_imported_without_statsmodels() -> None:
    program = "import sys, models.ensemble, models.ensemble.rolling; print('statsmodels' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
