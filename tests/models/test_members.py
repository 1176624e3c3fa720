"""Each member on a process whose answer is known, and one list of checks run over all of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models import lograte
from models.history import FleetHistory
from models.keys import ServiceKey
from models.members import MEMBERS
from models.members.harmonic import Harmonic, Waves
from models.members.persistence import Persistence
from models.members.profile import Profile, weighted_median

DAY_S, STEP_S = 86400, 300


def history(rates: NDArray[np.float64]) -> FleetHistory:
    """Rates (s, n) on a grid of 300 s from the epoch."""
    keys = tuple(ServiceKey("test", f"s{i}") for i in range(rates.shape[0]))
    return FleetHistory(keys, rates.astype(np.float32), 0, STEP_S, np.full(len(keys), np.nan))


def daily(days: int, low: float = 5.0, high: float = 50.0) -> NDArray[np.float64]:
    """(n,) a log-sinusoidal day."""
    t = STEP_S * np.arange(days * DAY_S // STEP_S) + STEP_S / 2
    middle, swing = (np.log(high) + np.log(low)) / 2, (np.log(high) - np.log(low)) / 2
    return np.asarray(np.exp(middle + swing * np.sin(2 * np.pi * t / DAY_S)))


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(np.full((2, 900), 3.0), id="constant"),
        pytest.param(np.zeros((2, 900)), id="never any traffic"),
        pytest.param(np.full((2, 900), np.nan), id="never observed"),
        pytest.param(np.full((2, 0), np.nan), id="no history"),
        pytest.param(np.full((2, 1), 7.0), id="one point"),
        pytest.param(np.full((2, 900), 1e12), id="absurd"),
        pytest.param(np.where(np.arange(900) % 300 < 200, np.nan, 4.0)[None].repeat(2, 0), id="gaps"),
    ],
)
def test_a_member_says_something_finite_or_nothing(name: str, rates: NDArray[np.float64]) -> None:
    member = MEMBERS[name]
    past = history(rates)
    fit, state = member.fit(past, 3600), member.start(2)
    for j in range(rates.shape[1]):
        z = lograte.from_rate(past.arrivals[:, j], STEP_S)
        state = member.update(fit, state, z, j * STEP_S, STEP_S)
    got = member.locate(fit, state, past.end_s, STEP_S, 6)
    assert got.shape == (2, 6)
    assert not np.isinf(got).any()


@pytest.mark.parametrize("name", ["profile", "harmonic"])
def test_a_seasonal_member_finds_the_next_day_in_the_last_ones(name: str) -> None:
    rates = daily(10)
    member = MEMBERS[name]
    past = history(rates[None, : 9 * 288])
    got = member.locate(member.fit(past, DAY_S), member.start(1), past.end_s, STEP_S, 288)
    expected = lograte.from_rate(rates[9 * 288 :].astype(np.float32), STEP_S)
    np.testing.assert_allclose(got[0], expected, atol=0.06)


def test_gaps_in_the_history_hardly_move_the_harmonic_fit() -> None:
    rates = daily(10)
    holes = rates.copy()
    holes[500:900] = np.nan
    fits = Harmonic().fit(history(np.stack([rates, holes])), DAY_S)
    whole, broken = Harmonic().locate(fits, Harmonic().start(2), 10 * DAY_S, STEP_S, 288)
    np.testing.assert_allclose(broken, whole, atol=0.12)


def test_the_residual_of_the_harmonic_member_dies_down_as_it_did() -> None:
    """u(t) = 0.8 u(t−1) + e around a flat level: an excess of 1 is 0.8, 0.64, ... expected."""
    rng = np.random.default_rng(3)
    member, flat = Harmonic(), history(np.full((1, 600), 10.0))
    fit, state = member.fit(flat, 3600), member.start(1)
    level = lograte.from_rate(np.array([10.0], np.float32), STEP_S)
    u = 0.0
    for j in range(1500):
        u = 0.8 * u + 0.2 * rng.normal()
        state = member.update(fit, state, level + np.float32(u), j * STEP_S, STEP_S)
    for j, excess in ((1500, 0.64), (1501, 0.8), (1502, 1.0)):
        state = member.update(fit, state, level + np.float32(excess), j * STEP_S, STEP_S)
    got = member.locate(fit, state, 1503 * STEP_S, STEP_S, 3)[0] - level[0]
    np.testing.assert_allclose(got, [0.8, 0.64, 0.512], atol=0.12)


def test_runaway_residuals_are_bounded() -> None:
    member, flat = Harmonic(), history(np.full((1, 600), 1.0))
    fit, state = member.fit(flat, 3600), member.start(1)
    for j in range(60):
        state = member.update(fit, state, np.array([0.2 * j], np.float32), j * STEP_S, STEP_S)
    got = member.locate(fit, state, 60 * STEP_S, STEP_S, 40)
    assert got.max() < 12 * 2.5


def test_the_profile_follows_a_weekly_pattern_rather_than_yesterday() -> None:
    """Weekdays 40 requests/s, weekends 4: on Monday it says 40, though two days in a row were 4."""
    day = np.arange(28 * 288) // 288 % 7
    past = history(np.where(day < 5, 40.0, 4.0)[None])
    fit = Profile().fit(past, DAY_S)
    got = lograte.to_rate(Profile().locate(fit, (), past.end_s, STEP_S, 100), STEP_S)
    np.testing.assert_allclose(got[0, 2:], 40.0, rtol=0.01)


def test_the_profile_finds_what_fills_one_slot_a_day() -> None:
    rates = np.where(np.arange(8 * 288) % 288 == 100, 20.0, 0.0)
    past = history(rates[None])
    fit = Profile().fit(past, DAY_S)
    got = lograte.to_rate(Profile().locate(fit, (), past.end_s, STEP_S, 288), STEP_S)[0]
    assert got[100] == pytest.approx(20.0, rel=0.01)
    assert np.delete(got, 100).max() < 0.01


def test_the_profile_says_nothing_beyond_what_it_was_fitted_for() -> None:
    past = history(daily(5)[None])
    fit = Profile().fit(past, 3600)
    got = Profile().locate(fit, (), past.end_s + 1800, STEP_S, 12)
    assert np.isnan(got[0]).tolist() == [False] * 6 + [True] * 6


def test_a_weight_of_persistence_halves_in_its_half_life() -> None:
    member = Persistence(half_life_s=60)
    state = member.update((), member.start(1), np.zeros(1, np.float32), 0, 30)
    for j in (1, 2):
        state = member.update((), state, np.ones(1, np.float32), 30 * j, 30)
    assert member.locate((), state, 90, 30, 1)[0, 0] == pytest.approx(0.5)


def test_a_step_not_observed_changes_no_level() -> None:
    member = Persistence()
    state = member.update((), member.start(1), np.ones(1, np.float32), 0, 30)
    state = member.update((), state, np.full(1, np.nan, np.float32), 30, 30)
    assert member.locate((), state, 60, 30, 1)[0, 0] == 1.0


@pytest.mark.parametrize(
    ("values", "weights", "median"),
    [
        ([1, 2, 3], [1, 1, 1], 2),
        ([1, 2, 3], [1, 1, 9], 3),
        ([3, np.nan, 1], [1, 50, 1.5], 1),
        ([np.nan, np.nan, 1], [1, 1, 1], np.nan),
    ],
)
def test_weighted_median(values: list[float], weights: list[float], median: float) -> None:
    got = weighted_median(np.array([values], np.float32), np.array(weights, np.float32))
    np.testing.assert_equal(got, np.array([median], np.float32))


def test_the_harmonic_fit_is_least_squares_as_statsmodels_has_it() -> None:
    """Against OLS on the same Fourier terms; ridge and weights nearly off."""
    from statsmodels.api import OLS

    rng = np.random.default_rng(1)
    rates = daily(6) * np.exp(0.3 * rng.normal(size=6 * 288))
    member = Harmonic(weekly=0, ridge=1e-6, half_life_days=1e6)
    past = history(rates[None])
    times_s = np.arange(rates.size) * STEP_S + STEP_S // 2
    x = member.design(times_s, np.inf).astype(np.float64)
    theirs = OLS(lograte.from_rate(past.arrivals, STEP_S)[0].astype(np.float64), x).fit().params
    np.testing.assert_allclose(member.fit(past, 0).coef[0], theirs, atol=2e-3)


def test_traffic_that_never_varies_for_days_does_not_make_the_residuals_singular() -> None:
    member, step_s = Harmonic(), 30
    level = np.zeros((2, 29), np.float32)
    level[0, 0] = -5.0
    z = lograte.from_rate(np.array([1000.0, 3.0], np.float32), step_s)
    state = member.start(2)
    x = np.concatenate([[1.0], np.repeat(z[0] - level[0, 0], 3)]).astype(np.float32)
    for _ in range(30):
        state.gram[0] = 1e3 * np.outer(x, x)
        state.cross[0] = 1e3 * x * x[1]
        state = member.update(Waves(level), state, z, 0, step_s)
    path = member.locate(Waves(level), state, 0, step_s, 4)
    np.testing.assert_allclose(path[0], z[0], atol=0.1)
