"""A level that shifts: what was before is forgotten at once, and where nothing shifts nothing is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.gaps import past
from models.ensemble.members.level_shift import last_shift, level_shift

Floats = NDArray[np.float64]
STEP_S, N = 300, 1200


def shifted(seed: int, ago: int, by: float) -> tuple[Floats, float]:
    """Counts as rates (N,), whose mean is `by` times as high since `ago` steps; the mean that goes on."""
    mean = np.where(np.arange(N) >= N - ago, 30.0 * by, 30.0)
    return np.random.default_rng(seed).poisson(mean) / STEP_S, 30.0 * by / STEP_S


def error(name: str, ago: int, by: float) -> float:
    """The mean error of a member over the mean that goes on."""
    off = []
    for seed in range(20):
        y, mean = shifted(seed, ago, by)
        off.append(abs(MEMBERS[name](past(y, STEP_S, ()), 1)[0] / mean - 1))
    return float(np.mean(off))


@pytest.mark.parametrize("by", [0.4, 3.0])
def test_six_steps_after_a_shift_it_is_as_near_as_one_that_knows_of_it(by: float) -> None:
    oracle = np.mean([abs(y[-6:].mean() / mean - 1) for y, mean in (shifted(s, 6, by) for s in range(20))])
    assert error("level since shift", 6, by) < 1.3 * oracle + 0.02
    assert error("EWMA", 6, by) > 2 * error("level since shift", 6, by)


def test_without_a_shift_it_is_nearer_than_what_forgets() -> None:
    assert error("level since shift", 0, 1.0) < 0.5 * error("EWMA", 0, 1.0)


def test_the_last_of_several_shifts_counts() -> None:
    level = np.repeat([0.0, 3.0, 1.0], [100, 60, 40])
    found = [last_shift(level + np.random.default_rng(seed).normal(0, 0.4, 200)) for seed in range(20)]
    assert np.abs(np.array(found) - 160).max() <= 3


def test_noise_alone_does_not_shift() -> None:
    found = [last_shift(np.random.default_rng(seed).normal(size=300)) for seed in range(100)]
    assert sum(first > 0 for first in found) <= 2


def test_a_season_is_no_shift() -> None:
    at, rng = np.arange(10 * 48), np.random.default_rng(1)
    y = (20 + 15 * np.sin(2 * np.pi * at / 48)) * rng.lognormal(0, 0.05, at.size)
    y[-12:] *= 2
    said = level_shift(past(y, 1800, (48,)), 3)
    ahead = at.size + np.arange(3)
    np.testing.assert_allclose(said, 2 * (20 + 15 * np.sin(2 * np.pi * ahead / 48)), rtol=0.15)


def test_a_monday_is_no_sunday() -> None:
    at, rng = np.arange(28 * 24 + 8), np.random.default_rng(1)
    y = (
        np.where(at % 24 < 10, 5.0, 40.0)
        * np.where(at // 24 % 7 < 5, 1.0, 0.3)
        * rng.lognormal(0, 0.05, at.size)
    )
    said = level_shift(past(y[:-8], 3600, (24, 168)), 8)
    np.testing.assert_allclose(said, y[-8:], rtol=0.25)
