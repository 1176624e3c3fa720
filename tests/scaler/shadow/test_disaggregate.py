"""Requests of each second drawn from the counts of steps: sums, and dispersion within a step."""

import numpy as np
import pytest

from scaler.shadow.disaggregate import by_second

STEP_S = 30


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("dispersion", [1.0, 1.3, 2.0, 4.7, 50.0])
@pytest.mark.parametrize("mean", [0.4, 3.0, 40.0, 3e6])
def test_every_step_keeps_the_count(dispersion: float, mean: float) -> None:
    counts = generator().poisson(mean, (3, 400)).astype(np.float32)
    seconds = by_second(generator(), counts, STEP_S, np.array([dispersion, 1.0, 2 * dispersion]))
    assert seconds.shape == (3, 400 * STEP_S)
    assert (seconds >= 0).all()
    np.testing.assert_allclose(
        seconds.reshape(3, 400, STEP_S).sum(axis=2, dtype=np.float64), counts, rtol=1e-6
    )


@pytest.mark.parametrize("dispersion", [1.0, 1.3, 2.0, 4.7, 12.0])
def test_variance_over_mean_within_a_step_is_the_dispersion(dispersion: float) -> None:
    counts = generator().poisson(300.0, (1, 4000)).astype(np.float32)
    steps = by_second(generator(), counts, STEP_S, np.array([dispersion])).reshape(4000, STEP_S)
    assert steps.var(axis=1, ddof=1).sum() / steps.mean(axis=1).sum() == pytest.approx(dispersion, rel=0.05)


def test_requests_with_dispersion_one_are_multinomial() -> None:
    counts, rng = generator().poisson(20.0, (5, 7)).astype(np.float32), generator()
    rng.random(counts.shape)
    multinomial = rng.multinomial(counts.astype(np.int64), np.full(STEP_S, 1 / STEP_S)).reshape(5, -1)
    np.testing.assert_array_equal(by_second(generator(), counts, STEP_S, np.ones(5)), multinomial)


def test_dispersion_of_services_is_independent() -> None:
    counts = np.full((2, 3000), 300.0, np.float32)
    steps = by_second(generator(), counts, STEP_S, np.array([9.0, 1.0])).reshape(2, 3000, STEP_S)
    dispersion = steps.var(axis=2, ddof=1).sum(axis=1) / steps.mean(axis=2).sum(axis=1)
    np.testing.assert_allclose(dispersion, [9.0, 1.0], rtol=0.06)


def test_count_below_the_batch_size_falls_into_one_second() -> None:
    seconds = by_second(generator(), np.full((1, 50), 3.0, np.float32), STEP_S, np.array([20.0]))
    assert sorted(set(seconds.ravel().tolist())) == [0, 3]


def test_unobserved_step_is_empty_and_fractions_are_rounded_at_random() -> None:
    counts = np.array([[np.nan, 0.25] * 4000], np.float32)
    seconds = by_second(generator(), counts, STEP_S, np.array([3.0])).reshape(-1, STEP_S).sum(axis=1)
    assert seconds[::2].sum() == 0
    assert seconds[1::2].mean() == pytest.approx(0.25, abs=0.03)


def test_steps_of_one_second_and_empty_fleet_are_unchanged() -> None:
    counts = generator().poisson(20.0, (2, 60)).astype(np.float32)
    np.testing.assert_array_equal(by_second(generator(), counts, 1, np.array([5.0, 1.0])), counts)
    assert by_second(generator(), np.zeros((0, 2), np.float32), STEP_S, np.ones(0)).shape == (0, 60)
