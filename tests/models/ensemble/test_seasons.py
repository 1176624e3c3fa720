"""Seasons: those of a series are detected, and none in noise."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble.seasons import seasons
from models.ensemble.training import training_series

Floats = NDArray[np.float64]
Rng = np.random.Generator


def wave(rng: Rng, n: int, period: float, height: float) -> Floats:
    return np.asarray(height * np.sin(2 * np.pi * (np.arange(n) / period + rng.random())), np.float64)


def cron(rng: Rng, n: int, period: int, *, missed: float = 0.0, noise: float = 0.0) -> Floats:
    fires = (np.arange(n) % period == rng.integers(period)) & (rng.random(n) >= missed)
    return np.asarray(6.0 * fires + rng.poisson(noise, n), np.float64)


def offices(rng: Rng, n: int) -> Floats:
    hours = np.arange(n)
    mean = np.where(hours % 24 < 10, 5.0, 40.0) * np.where(hours // 24 % 7 < 5, 1.0, 0.3)
    return np.asarray(mean * rng.lognormal(0, 0.1, n), np.float64)


SEASONAL: dict[str, tuple[tuple[int, ...], Callable[[Rng], Floats]]] = {
    "a job every 7 steps that is missed at times": ((7,), lambda r: cron(r, 300, 7, missed=0.3, noise=0.2)),
    "at five past every hour, in minutes": ((60,), lambda r: cron(r, 4032, 60, noise=1.0)),
    "at five past every hour, in five minutes": ((12,), lambda r: cron(r, 4032, 12, missed=0.1, noise=1.0)),
    "once a day, in minutes, and nothing else": ((1440,), lambda r: cron(r, 7200, 1440)),
    "every other step": ((2,), lambda r: np.resize([2.0, 0.0], 200) + r.normal(size=200)),
    "a wave of a day": ((288,), lambda r: 20 + wave(r, 4032, 288, 8) + r.normal(size=4032)),
    "a wave and nothing else": ((48,), lambda r: 20 + wave(r, 480, 48, 8)),
    "a wave of no whole number of steps": ((25,), lambda r: 20 + wave(r, 300, 24.8, 4) + r.normal(size=300)),
    "a wave that grows tenfold": (
        (24,),
        lambda r: (10 + wave(r, 480, 24, 5) + r.normal(size=480)) * np.linspace(0.3, 3, 480),
    ),
    "a wave on a random walk": ((48,), lambda r: wave(r, 1344, 48, 8) + np.cumsum(r.normal(size=1344))),
    "weekdays of offices": ((24, 168), lambda r: offices(r, 840)),
    "two jobs at once": ((7, 60), lambda r: cron(r, 2000, 7, noise=0.1) + 2 * cron(r, 2000, 60)),
}


@pytest.mark.parametrize(("periods", "build"), SEASONAL.values(), ids=SEASONAL)
def test_exactly_the_periods_of_a_series_are_detected(
    periods: tuple[int, ...], build: Callable[[Rng], Floats]
) -> None:
    detected = [set(seasons(build(np.random.default_rng(seed)))) for seed in range(6)]
    assert sum(found == set(periods) for found in detected) >= 5, detected


def on_off(rng: Rng, n: int) -> Floats:
    mean = rng.choice([3, 10, 40, 100])
    return (np.cumsum(rng.random(n) < 1 / mean) % 2).astype(np.float64)


def first_order(rng: Rng, n: int, phi: float) -> Floats:
    out, x = np.empty(n), 0.0
    for i, shock in enumerate(rng.normal(size=n).tolist()):
        out[i] = x = phi * x + shock
    return out


NOISE: dict[str, Callable[[Rng, int], Floats]] = {
    "white": lambda rng, n: rng.normal(size=n),
    "random walks": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "on and off": on_off,
    "on and off in counts": lambda rng, n: rng.poisson(20 * on_off(rng, n)).astype(np.float64),
    "counts": lambda rng, n: rng.poisson(3, n).astype(np.float64),
    "rare counts": lambda rng, n: rng.poisson(0.03, n).astype(np.float64),
    "first order": lambda rng, n: first_order(rng, n, 0.9),
    "heavy tails": lambda rng, n: rng.lognormal(0, 1.5, n),
}


@pytest.mark.parametrize("build", NOISE.values(), ids=NOISE)
def test_a_season_is_detected_in_no_more_than_one_percent_of_noise(
    build: Callable[[Rng, int], Floats],
) -> None:
    rng, series = np.random.default_rng(20), 300
    expected = (12, 24, 84)
    assert sum(bool(seasons(build(rng, 240), expected)) for _ in range(series)) <= series // 100


def test_a_weak_daily_season_is_detected_where_a_day_is_expected() -> None:
    rng, series = np.random.default_rng(8), 20
    ys = [wave(rng, 1008, 144, 0.5) + rng.normal(size=1008) for _ in range(series)]
    assert sum(144 in seasons(y, (6, 144)) for y in ys) >= 0.9 * series


def test_the_expected_period_is_preferred_to_a_near_one_with_equal_evidence() -> None:
    rng = np.random.default_rng(9)
    ys = [20 + wave(rng, 1000, 288, 4) + rng.normal(size=1000) for _ in range(5)]
    assert all(seasons(y, (288,))[:1] == (288,) for y in ys)


def test_a_week_and_no_fraction_of_a_week_is_detected_in_four_weeks_of_hours() -> None:
    ys = [offices(np.random.default_rng(seed), 672) for seed in range(10)]
    assert [seasons(y, (24, 168)) for y in ys] == [(24, 168)] * 10


def test_no_week_is_detected_in_random_walks() -> None:
    rng, series = np.random.default_rng(10), 200
    detected = [seasons(np.cumsum(rng.normal(size=672)), (24, 168)) for _ in range(series)]
    assert sum(bool(periods) for periods in detected) <= series // 100


def test_scale_and_level_do_not_change_the_detected_period() -> None:
    y = cron(np.random.default_rng(1), 600, 9, noise=1.0)
    assert seasons(y) == seasons(1e12 * y) == seasons(y - 5) == seasons(1e-9 * y) == (9,)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_an_absurd_value_neither_hides_a_season_nor_adds_multiples(noise: float) -> None:
    y = 20 + wave(np.random.default_rng(1), 600, 24, 8) + noise * np.random.default_rng(2).normal(size=600)
    y[100] = 1e12
    assert seasons(y) == (24,)


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(np.empty(0), id="nothing at all"),
        pytest.param(np.ones(1), id="one step"),
        pytest.param(np.resize([0.0, 1.0], 23), id="too few steps"),
        pytest.param(np.zeros(500), id="no traffic ever"),
        pytest.param(np.full(500, 1e12), id="always the same"),
        pytest.param(np.full(500, np.nan), id="never observed"),
        pytest.param(np.eye(1, 500, 100)[0], id="traffic once"),
        pytest.param(np.arange(500.0), id="a line"),
        pytest.param(np.where(np.arange(500) < 250, 1.0, 9.0), id="a step"),
        pytest.param(-np.random.default_rng(1).random(500), id="negative"),
    ],
)
def test_a_series_without_a_season_has_none(y: Floats) -> None:
    assert seasons(y) == ()


def test_a_season_is_detected_through_gaps() -> None:
    y = 20 + wave(np.random.default_rng(1), 21 * 48, 48, 8) + np.random.default_rng(2).normal(size=21 * 48)
    y[np.random.default_rng(3).random(y.size) < 0.2] = np.nan
    y[300:380] = np.nan
    assert training_series(y, 1800).seasons == (48,)


def test_a_week_is_assumed_but_not_detected_in_two_weeks() -> None:
    training = training_series(offices(np.random.default_rng(1), 15 * 24), 3600)
    assert training.seasons == (24,)
    assert training.assumed_seasons == (24, 168)


@pytest.mark.parametrize("days", [15, 28])
def test_no_week_is_assumed_without_a_detected_day(days: int) -> None:
    rng = np.random.default_rng(11)
    walks = [np.exp(0.1 * np.cumsum(rng.normal(size=days * 24))) for _ in range(50)]
    assert sum(bool(training_series(walk, 3600).assumed_seasons) for walk in walks) <= 1


def test_a_detected_week_is_not_assumed_a_second_time() -> None:
    training = training_series(offices(np.random.default_rng(1), 28 * 24), 3600)
    assert training.assumed_seasons == training.seasons == (24, 168)


def test_known_seasons_are_kept_without_a_search() -> None:
    y = np.random.default_rng(1).random(100)
    assert training_series(y, 300, (7, 50, 51)).seasons == (7, 50)
    assert training_series(y, 300).seasons == ()
