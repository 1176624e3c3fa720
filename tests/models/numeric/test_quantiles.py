"""Quantiles of a rate with bursts, beside a large sample of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.numeric.quantiles import quantiles

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
USUAL = np.linspace(10, 70, 7)


def told(
    usual: NDArray[np.float64], bursts: list[float], chances: list[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(1, q + m) rates, and weights."""
    rest = (1 - sum(chances)) / len(usual)
    rates = np.concatenate([usual, bursts])[np.newaxis].astype(np.float32)
    return rates, np.concatenate([np.full(len(usual), rest), chances])[np.newaxis].astype(np.float32)


def test_without_bursts_the_quantiles_are_the_usual_ones() -> None:
    rates, weights = told(USUAL, [500.0, 900.0], [0.0, 0.0])
    assert quantiles(rates, weights, LEVELS)[0].tolist() == USUAL.tolist()


@pytest.mark.parametrize("bursts", [[35.0, 65.0], [100.0, 1000.0], [5.0, 400.0]])
@pytest.mark.parametrize("chance", [0.01, 0.1, 0.4])
def test_with_bursts_the_shares_below_are_those_of_a_sample(bursts: list[float], chance: float) -> None:
    rates, weights = told(USUAL, bursts, [chance / 2, chance / 2])
    got = quantiles(rates, weights, LEVELS)[0]
    rng = np.random.default_rng(1)
    level = rng.random(200_000)
    sample = np.interp(level, LEVELS, USUAL)
    burst = rng.random(200_000) < chance
    sample[burst] = rng.choice(bursts, burst.sum())
    for level_, value in zip(LEVELS, got, strict=True):
        below, upto = (sample < value - 1e-3).mean(), (sample <= value + 1e-3).mean()
        # Between two points it is linear, where a sample jumps by the chance of one burst.
        assert below - chance / 2 - 0.06 <= level_ <= upto + chance / 2 + 0.06


def test_a_burst_that_is_likely_enough_is_the_high_quantile() -> None:
    rates, weights = told(USUAL, [1000.0], [0.2])
    got = dict(zip(LEVELS.tolist(), quantiles(rates, weights, LEVELS)[0].tolist(), strict=True))
    assert got[0.95] > 500
    assert got[0.5] < 60


def test_one_of_which_nothing_is_known_disturbs_no_other() -> None:
    rates, weights = told(USUAL, [1000.0], [0.2])
    both = np.concatenate([np.full_like(rates, np.nan), rates])
    got = quantiles(both, np.concatenate([np.full_like(weights, np.nan), weights]), LEVELS)
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(got[1], quantiles(rates, weights, LEVELS)[0])
    assert quantiles(rates[:0], weights[:0], LEVELS).shape == (0, LEVELS.size)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=7, max_size=7),
    st.lists(st.floats(0, 1e6, width=32), min_size=3, max_size=3),
    st.floats(0, 1),
)
def test_quantiles_do_not_cross_and_lie_among_the_points(
    usual: list[float], bursts: list[float], chance: float
) -> None:
    rates, weights = told(np.sort(usual), bursts, [chance / 3] * 3)
    got = quantiles(rates, weights, LEVELS)[0]
    assert (np.diff(got) >= 0).all()
    assert rates.min() <= got.min()
    assert got.max() <= rates.max()
