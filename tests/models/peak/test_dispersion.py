"""The dispersion of counts, learned from windows that are much longer than a second."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from models.peak.dispersion import HALF_TRUST_WINDOWS, MAX_DISPERSION, dispersions
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
DAY, STEP_S = 2880, 30
"""Steps a day, and seconds per step."""
SERVICES = 8


def poisson(mean: ArrayLike, *, batch: int = 1, steps: int = DAY, seed: int = 1) -> NDArray[np.float64]:
    """(SERVICES, steps) requests per step around `mean`, which arrive in batches of `batch`."""
    means = np.broadcast_to(np.asarray(mean, np.float64), (SERVICES, steps))
    return batch * np.random.default_rng(seed).poisson(means / batch).astype(np.float64)


def learned(fleet: Make, counts: NDArray[np.float64], **options: int) -> NDArray[np.float64]:
    """(s,) the dispersion after counts (s, n) in each step."""
    services = fleet(len(counts), **options)
    services.advance(counts / services.step_s)
    return dispersions(services.peak)


@pytest.mark.parametrize("mean", [6.0, 12.0, 60.0, 3000.0])
def test_single_requests_have_a_dispersion_of_1(fleet: Make, mean: float) -> None:
    np.testing.assert_allclose(learned(fleet, poisson(mean)), 1.0, atol=0.15)


@pytest.mark.parametrize("batch", [2, 5, 20])
def test_dispersion_of_batches_is_the_batch_size(fleet: Make, batch: int) -> None:
    dispersion = learned(fleet, poisson(12.0 * batch, batch=batch, steps=2 * DAY))
    assert np.mean(dispersion) == pytest.approx(batch, rel=0.15)
    assert np.abs(dispersion - batch).max() < 0.3 * batch


def test_counts_steadier_than_poisson_have_a_dispersion_of_1(fleet: Make) -> None:
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
def test_a_rate_that_varies_adds_no_dispersion(fleet: Make, rate: NDArray[np.float64]) -> None:
    assert learned(fleet, poisson(rate)).max() < 1.3


def test_dispersion_of_batches_is_learned_under_a_wave(fleet: Make) -> None:
    wave = 300 * (1 + 0.8 * np.sin(2 * np.pi * np.arange(2 * DAY) / 240))
    dispersion = learned(fleet, poisson(wave, batch=5, steps=2 * DAY))
    assert np.mean(dispersion) == pytest.approx(5, abs=1.2)


def test_overlapping_columns_give_the_dispersion_of_their_whole_windows(fleet: Make) -> None:
    counts = poisson(60.0, batch=5)
    overlapping = np.apply_along_axis(lambda row: np.convolve(row, np.ones(4) / 4)[:DAY], 1, counts)
    whole = counts.reshape(SERVICES, -1, 4).sum(axis=2)
    dispersion = learned(fleet, overlapping, window_steps=4)
    np.testing.assert_allclose(dispersion, learned(fleet, whole, step_s=120), rtol=0.01)
    # Neighbouring columns share most of their window: read as separate windows, they hardly vary.
    assert (learned(fleet, overlapping) == 1).all()


@pytest.mark.parametrize("step_s", [15, 30, 60, 120])
def test_dispersion_hardly_depends_on_the_length_of_a_window(fleet: Make, step_s: int) -> None:
    steps = 4 * 86400 // step_s
    dispersion = learned(fleet, poisson(2.0 * step_s, batch=4, steps=steps), step_s=step_s)
    assert np.mean(dispersion) == pytest.approx(4, abs=0.8)


def test_windows_that_alternate_between_four_and_five_samples_add_no_dispersion(fleet: Make) -> None:
    uneven = np.where(np.arange(DAY) % 2, 4 / 4.5, 5 / 4.5)
    assert learned(fleet, poisson(3000 * uneven)).max() < 1.3


def test_dispersion_hardly_depends_on_steps_not_observed(fleet: Make) -> None:
    counts = poisson(60.0, batch=5, steps=4 * DAY)
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
def test_counts_without_information_leave_a_dispersion_of_1(fleet: Make, counts: NDArray[np.float64]) -> None:
    assert learned(fleet, counts[np.newaxis]).tolist() == [1.0]


@pytest.mark.parametrize("high", [3e13, 3e38])
def test_dispersion_is_finite_for_absurd_rates(fleet: Make, high: float) -> None:
    service = fleet(1)
    rates = np.random.default_rng(6).choice([high, 1e-3, 5.0, np.nan], (1, DAY), p=[0.45, 0.3, 0.24, 0.01])
    service.advance(rates)
    assert np.isfinite(service.peak["log_dispersion"]).all()
    assert 1 <= dispersions(service.peak)[0] <= MAX_DISPERSION


def test_dispersion_rises_with_the_number_of_windows(fleet: Make) -> None:
    services, counts = fleet(SERVICES), poisson(120.0, batch=10, steps=2 * DAY)
    assert (dispersions(services.peak) == 1).all()
    means = []
    for first, last in ((0, 4), (4, 25), (25, HALF_TRUST_WINDOWS), (HALF_TRUST_WINDOWS, 2 * DAY)):
        services.advance(counts[:, first:last] / STEP_S)
        means.append(float(np.mean(dispersions(services.peak))))
    assert means[0] == 1
    assert means[1] < 4
    assert means == sorted(means)
    assert means[-1] > 8


def test_dispersion_falls_after_batches_end(fleet: Make) -> None:
    services = fleet(SERVICES)
    services.advance(poisson(60.0, batch=5, steps=2 * DAY) / STEP_S)
    services.advance(poisson(60.0, steps=5 * DAY, seed=2) / STEP_S)
    assert dispersions(services.peak).max() < 1.7


@pytest.mark.parametrize("step_s", [60, 240, 300])
def test_a_warm_start_does_not_change_the_dispersion(fleet: Make, step_s: int) -> None:
    services = fleet(SERVICES)
    services.advance(poisson(60.0, batch=5) / STEP_S)
    previous = dispersions(services.peak)
    weeks = (poisson(600.0, batch=50, steps=2000) / step_s).astype(np.float32)
    warm_start(
        services.peak,
        services.hazard,
        weeks,
        origin_s=services.now_s,
        step_s=step_s,
        delay_s=30.0,
        lead_s=np.full(SERVICES, 75.0),
    )
    np.testing.assert_array_equal(dispersions(services.peak), previous)


@pytest.mark.parametrize("window_steps", [0, 9, 26, 1000])
def test_no_dispersion_is_learned_from_unknown_or_too_long_windows(fleet: Make, window_steps: int) -> None:
    assert (learned(fleet, poisson(60.0, batch=5), window_steps=window_steps) == 1).all()


def test_no_dispersion_is_learned_from_windows_longer_than_the_ring(fleet: Make) -> None:
    assert (learned(fleet, poisson(60.0, batch=5), step_s=1, window_steps=26) == 1).all()
