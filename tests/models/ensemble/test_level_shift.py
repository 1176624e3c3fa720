"""A level that shifts is forgotten at once, and a level that does not shift is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.members.level_shift import last_shift, level_shift
from models.ensemble.training import training_series

Floats = NDArray[np.float64]
STEP_S, N = 300, 1200


def shifted_rates(seed: int, steps_ago: int, factor: float) -> tuple[Floats, float]:
    """Rates (N,) of Poisson counts, whose mean is multiplied by `factor` since `steps_ago`; the new mean."""
    mean = np.where(np.arange(N) >= N - steps_ago, 30.0 * factor, 30.0)
    return np.random.default_rng(seed).poisson(mean) / STEP_S, 30.0 * factor / STEP_S


def mean_error(name: str, steps_ago: int, factor: float) -> float:
    """The mean relative error of a member against the new mean."""
    errors = []
    for seed in range(20):
        y, mean = shifted_rates(seed, steps_ago, factor)
        errors.append(abs(MEMBERS[name](training_series(y, STEP_S, ()), 1)[0] / mean - 1))
    return float(np.mean(errors))


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_error_six_steps_after_a_shift_is_near_that_of_an_oracle(factor: float) -> None:
    rates = [shifted_rates(seed, 6, factor) for seed in range(20)]
    oracle = np.mean([abs(y[-6:].mean() / mean - 1) for y, mean in rates])
    assert mean_error("level since shift", 6, factor) < 1.3 * oracle + 0.02
    assert mean_error("EWMA", 6, factor) > 2 * mean_error("level since shift", 6, factor)


def test_error_without_a_shift_is_smaller_than_that_of_ewma() -> None:
    assert mean_error("level since shift", 0, 1.0) < 0.5 * mean_error("EWMA", 0, 1.0)


def test_last_shift_of_several_is_detected() -> None:
    level = np.repeat([0.0, 3.0, 1.0], [100, 60, 40])
    shifts = [last_shift(level + np.random.default_rng(seed).normal(0, 0.4, 200)) for seed in range(20)]
    assert np.abs(np.array(shifts) - 160).max() <= 3


def test_noise_has_no_shift() -> None:
    shifts = [last_shift(np.random.default_rng(seed).normal(size=300)) for seed in range(100)]
    assert sum(first > 0 for first in shifts) <= 2


def test_a_season_is_no_shift() -> None:
    steps, rng = np.arange(10 * 48), np.random.default_rng(1)
    y = (20 + 15 * np.sin(2 * np.pi * steps / 48)) * rng.lognormal(0, 0.05, steps.size)
    y[-12:] *= 2
    path = level_shift(training_series(y, 1800, (48,)), 3)
    ahead = steps.size + np.arange(3)
    np.testing.assert_allclose(path, 2 * (20 + 15 * np.sin(2 * np.pi * ahead / 48)), rtol=0.15)


def test_monday_after_a_sunday_is_no_shift() -> None:
    hours, rng = np.arange(28 * 24 + 8), np.random.default_rng(1)
    y = (
        np.where(hours % 24 < 10, 5.0, 40.0)
        * np.where(hours // 24 % 7 < 5, 1.0, 0.3)
        * rng.lognormal(0, 0.05, hours.size)
    )
    path = level_shift(training_series(y[:-8], 3600, (24, 168)), 8)
    np.testing.assert_allclose(path, y[-8:], rtol=0.25)
