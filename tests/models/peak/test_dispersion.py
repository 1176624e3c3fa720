"""How far counts stray from their rate, learned from windows that are much longer than a second."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from models.peak.dispersion import ENOUGH, MOST, dispersions
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
DAY, STEP_S = 2880, 30
"""Steps a day, of so many seconds."""
SERVICES = 8


def poisson(mean: ArrayLike, *, together: int = 1, steps: int = DAY, seed: int = 1) -> NDArray[np.float64]:
    """(SERVICES, steps) requests a step around `mean`, which come in batches of `together`."""
    means = np.broadcast_to(np.asarray(mean, np.float64), (SERVICES, steps))
    return together * np.random.default_rng(seed).poisson(means / together).astype(np.float64)


def learned(fleet: Make, counts: NDArray[np.float64], **how: int) -> NDArray[np.float64]:
    """(s,) of counts (s, n) in each step."""
    one = fleet(len(counts), **how)
    one.take(counts / one.step_s)
    return dispersions(one.peak)


@pytest.mark.parametrize("mean", [6.0, 12.0, 60.0, 3000.0])
def test_requests_that_come_one_by_one_have_a_dispersion_of_1(fleet: Make, mean: float) -> None:
    np.testing.assert_allclose(learned(fleet, poisson(mean)), 1.0, atol=0.15)


@pytest.mark.parametrize("together", [2, 5, 20])
def test_requests_that_come_together_are_told_from_long_windows(fleet: Make, together: int) -> None:
    got = learned(fleet, poisson(12.0 * together, together=together, steps=2 * DAY))
    assert np.mean(got) == pytest.approx(together, rel=0.15)
    assert np.abs(got - together).max() < 0.3 * together


def test_counts_that_are_steadier_than_chance_have_no_less_than_1(fleet: Make) -> None:
    assert (learned(fleet, np.full((1, DAY), 60.0)) == 1).all()


@pytest.mark.parametrize(
    "rate",
    [
        pytest.param(600 * (1 + 0.8 * np.sin(2 * np.pi * np.arange(DAY) / 120)), id="an hour's wave"),
        pytest.param(600 * np.random.default_rng(2).lognormal(0, 1, DAY // 40).repeat(40), id="leaps"),
        pytest.param(
            6000 * np.exp(0.002 * np.random.default_rng(3).normal(size=DAY).cumsum()), id="a random walk"
        ),
        pytest.param(60 * (1 + np.arange(DAY) / 100), id="growth"),
    ],
)
def test_a_rate_that_moves_is_no_dispersion(fleet: Make, rate: NDArray[np.float64]) -> None:
    assert learned(fleet, poisson(rate)).max() < 1.3


def test_what_comes_together_is_told_under_a_wave_as_well(fleet: Make) -> None:
    wave = 300 * (1 + 0.8 * np.sin(2 * np.pi * np.arange(2 * DAY) / 240))
    got = learned(fleet, poisson(wave, together=5, steps=2 * DAY))
    assert np.mean(got) == pytest.approx(5, abs=1.2)


def test_smeared_columns_tell_what_their_whole_windows_tell(fleet: Make) -> None:
    counts = poisson(60.0, together=5)
    window_steps = np.apply_along_axis(lambda row: np.convolve(row, np.ones(4) / 4)[:DAY], 1, counts)
    whole = counts.reshape(SERVICES, -1, 4).sum(axis=2)
    got = learned(fleet, window_steps, window_steps=4)
    np.testing.assert_allclose(got, learned(fleet, whole, step_s=120), rtol=0.01)
    # Neighbours share most of what they tell: read as if they did not, they stray by nothing.
    assert (learned(fleet, window_steps) == 1).all()


@pytest.mark.parametrize("step_s", [15, 30, 60, 120])
def test_the_length_of_a_window_changes_little(fleet: Make, step_s: int) -> None:
    steps = 4 * 86400 // step_s
    got = learned(fleet, poisson(2.0 * step_s, together=4, steps=steps), step_s=step_s)
    assert np.mean(got) == pytest.approx(4, abs=0.8)


def test_windows_of_now_four_and_now_five_samples_make_no_dispersion(fleet: Make) -> None:
    uneven = np.where(np.arange(DAY) % 2, 4 / 4.5, 5 / 4.5)
    assert learned(fleet, poisson(3000 * uneven)).max() < 1.3


def test_steps_that_were_not_observed_change_little(fleet: Make) -> None:
    counts = poisson(60.0, together=5, steps=4 * DAY)
    counts[np.random.default_rng(4).random(counts.shape) < 0.1] = np.nan
    assert np.mean(learned(fleet, counts)) == pytest.approx(5, abs=0.8)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(np.zeros(DAY), id="no traffic"),
        pytest.param(np.full(DAY, np.nan), id="never observed"),
        pytest.param(np.where(np.arange(DAY) % 3, 60.0, np.nan), id="no three windows in a row"),
        pytest.param(np.where(np.arange(DAY) % 100 < 5, 300.0, 0.0), id="seldom busy"),
        pytest.param(np.random.default_rng(5).poisson(2.0, DAY) * 1.0, id="few requests"),
        pytest.param(np.where(np.arange(DAY) % 100 == 9, 3e13, 60.0), id="absurd now and then"),
        pytest.param(np.where(np.arange(DAY) < DAY // 2, 60.0, np.inf), id="infinite in the end"),
    ],
)
def test_what_tells_nothing_leaves_it_at_1(fleet: Make, counts: NDArray[np.float64]) -> None:
    assert learned(fleet, counts[np.newaxis]).tolist() == [1.0]


@pytest.mark.parametrize("high", [3e13, 3e38])
def test_whatever_comes_it_is_finite(fleet: Make, high: float) -> None:
    one = fleet(1)
    one.take(np.random.default_rng(6).choice([high, 1e-3, 5.0, np.nan], (1, DAY), p=[0.45, 0.3, 0.24, 0.01]))
    assert np.isfinite(one.peak["dispersion"]).all()
    assert 1 <= dispersions(one.peak)[0] <= MOST


def test_few_windows_are_believed_a_little_and_many_all(fleet: Make) -> None:
    one, counts = fleet(SERVICES), poisson(120.0, together=10, steps=2 * DAY)
    assert (dispersions(one.peak) == 1).all()
    found = []
    for first, last in ((0, 4), (4, 25), (25, ENOUGH), (ENOUGH, 2 * DAY)):
        one.take(counts[:, first:last] / STEP_S)
        found.append(float(np.mean(dispersions(one.peak))))
    assert found[0] == 1
    assert found[1] < 4
    assert found == sorted(found)
    assert found[-1] > 8


def test_it_is_followed_when_it_changes(fleet: Make) -> None:
    one = fleet(SERVICES)
    one.take(poisson(60.0, together=5, steps=2 * DAY) / STEP_S)
    one.take(poisson(60.0, steps=5 * DAY, seed=2) / STEP_S)
    assert dispersions(one.peak).max() < 1.7


@pytest.mark.parametrize("step_s", [60, 240, 300])
def test_weeks_of_the_past_teach_nothing_of_it_and_leave_it_alone(fleet: Make, step_s: int) -> None:
    one = fleet(SERVICES)
    one.take(poisson(60.0, together=5) / STEP_S)
    before = dispersions(one.peak)
    weeks = (poisson(600.0, together=50, steps=2000) / step_s).astype(np.float32)
    warm_start(
        one.peak,
        one.hazard,
        weeks,
        origin_s=one.now_s,
        step_s=step_s,
        delay_s=30.0,
        lead_s=np.full(SERVICES, 75.0),
    )
    np.testing.assert_array_equal(dispersions(one.peak), before)


@pytest.mark.parametrize("smeared", [0, 9, 26, 1000])
def test_windows_too_long_to_tell_anything_or_not_known_are_not_learned_from(
    fleet: Make, window_steps: int
) -> None:
    assert (learned(fleet, poisson(60.0, together=5), window_steps=window_steps) == 1).all()


def test_windows_for_which_too_few_steps_are_kept_are_not_learned_from(fleet: Make) -> None:
    assert (learned(fleet, poisson(60.0, together=5), step_s=1, window_steps=26) == 1).all()
