"""Every member of the slow lane on series of every kind: a path that can be used, or nothing."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS, Member
from models.ensemble.gaps import filled, past

Floats = NDArray[np.float64]
STEP_S, DAY, HORIZON = 1800, 48, 6
WEEKS = 15 * DAY


def wave(days: int = 15) -> Floats:
    at = np.arange(days * DAY)
    return 10 + 6 * np.sin(2 * np.pi * at / DAY) + np.random.default_rng(3).normal(0, 0.3, at.size)


def with_gap(first: int, end: int) -> Floats:
    y = wave()
    y[first:end] = np.nan
    return y


def with_one(value: float) -> Floats:
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
    "three days not observed": with_gap(200, 344),
    "the last day not observed": with_gap(WEEKS - DAY, WEEKS),
    "one step observed in ten": np.where(np.arange(WEEKS) % 10 == 0, wave(), np.nan),
    "an absurd value": with_one(1e12),
    "infinite": with_one(np.inf),
    "negative": with_one(-5.0),
    "absurd throughout": 1e12 * wave(),
    "hardly any": 1e-9 * wave(),
    "a jump by a thousand": np.concatenate([wave(), 1000 * wave(1)[:7]]),
    "traffic in bursts": np.where(np.random.default_rng(5).random(WEEKS) < 0.03, 7.0, 0.0),
}


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_a_path_or_nothing(member: Member, situation: Floats) -> None:
    before = situation.copy()
    path = member(past(situation, STEP_S), HORIZON)
    assert path.shape == (HORIZON,)
    assert np.isnan(path).all() or (np.isfinite(path).all() and (path >= 0).all())
    np.testing.assert_array_equal(situation, before)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_what_never_varies_goes_on(member: Member) -> None:
    np.testing.assert_allclose(member(past(np.full(WEEKS, 4.0), STEP_S), HORIZON), 4.0)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_steps_that_do_not_fit_a_day(member: Member) -> None:
    path = member(past(wave(), 7 * 60), HORIZON)
    assert np.isnan(path).all() or np.isfinite(path).all()


@pytest.mark.parametrize(
    "name", sorted(set(MEMBERS) - {"naive last", "EWMA", "TSB", "sm ETS(A,Ad,N)", "seasonal naive week"})
)
def test_a_wave_of_the_day_is_known(name: str) -> None:
    y = wave(16)
    path = MEMBERS[name](past(y[:-DAY], STEP_S), DAY)
    assert np.abs(path - y[-DAY:]).mean() < 1.0


def test_the_week_before_is_repeated() -> None:
    y = wave()
    np.testing.assert_array_equal(
        MEMBERS["seasonal naive week"](past(y, STEP_S), 3), y[-7 * DAY : -7 * DAY + 3]
    )


def test_the_size_of_traffic_does_not_matter() -> None:
    for name in ("np DHR+AR3", "np seasonal AR", "sm AutoReg(3)+Fourier", "sm HW add"):
        small, large = (MEMBERS[name](past(by * wave(), STEP_S), HORIZON) for by in (1.0, 1e6))
        np.testing.assert_allclose(large, 1e6 * small, rtol=1e-3)


def test_a_long_gap_repeats_the_day_before_and_a_short_one_is_a_line() -> None:
    y = np.tile(np.arange(DAY, dtype=np.float64), 3)
    y[DAY + 10 : DAY + 30] = y[10] = np.nan
    full = filled(y, STEP_S)
    assert full[10] == 10
    np.testing.assert_array_equal(full[DAY + 10 : DAY + 30], np.arange(10, 30))


def test_too_little_says_nothing() -> None:
    assert past(np.ones(15), STEP_S).y.size == 0
    assert past(np.ones(16), STEP_S).y.size == 16


def test_members_are_imported_without_statsmodels() -> None:
    program = "import sys, models.ensemble, models.ensemble.rehearse; print('statsmodels' in sys.modules)"
    got = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "False"
