"""Quantiles of a rate with bursts, compared with those of a large sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.numeric.quantiles import mixture_quantiles

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
BASELINE = np.linspace(10, 70, 7)


def point_masses(
    baseline: NDArray[np.float64], burst_rates: list[float], burst_probs: list[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(1, q + m) rates, and their weights."""
    rest = (1 - sum(burst_probs)) / len(baseline)
    rates = np.concatenate([baseline, burst_rates])[np.newaxis].astype(np.float32)
    weights = np.concatenate([np.full(len(baseline), rest), burst_probs])[np.newaxis].astype(np.float32)
    return rates, weights


def test_quantiles_without_bursts_are_the_baseline_quantiles() -> None:
    rates, weights = point_masses(BASELINE, [500.0, 900.0], [0.0, 0.0])
    assert mixture_quantiles(rates, weights, LEVELS)[0].tolist() == BASELINE.tolist()


@pytest.mark.parametrize("burst_rates", [[35.0, 65.0], [100.0, 1000.0], [5.0, 400.0]])
@pytest.mark.parametrize("burst_prob", [0.01, 0.1, 0.4])
def test_shares_below_quantiles_with_bursts_are_those_of_a_sample(
    burst_rates: list[float], burst_prob: float
) -> None:
    rates, weights = point_masses(BASELINE, burst_rates, [burst_prob / 2, burst_prob / 2])
    quantiles = mixture_quantiles(rates, weights, LEVELS)[0]
    rng = np.random.default_rng(1)
    uniform = rng.random(200_000)
    sample = np.interp(uniform, LEVELS, BASELINE)
    burst = rng.random(200_000) < burst_prob
    sample[burst] = rng.choice(burst_rates, burst.sum())
    for level, value in zip(LEVELS, quantiles, strict=True):
        below, up_to = (sample < value - 1e-3).mean(), (sample <= value + 1e-3).mean()
        # Between two points the quantiles are linear, where a sample jumps by the probability of one burst.
        assert below - burst_prob / 2 - 0.06 <= level <= up_to + burst_prob / 2 + 0.06


def test_high_quantile_is_the_burst_where_a_burst_is_likely_enough() -> None:
    rates, weights = point_masses(BASELINE, [1000.0], [0.2])
    by_level = dict(zip(LEVELS.tolist(), mixture_quantiles(rates, weights, LEVELS)[0].tolist(), strict=True))
    assert by_level[0.95] > 500
    assert by_level[0.5] < 60


def test_a_row_of_nan_does_not_change_other_rows() -> None:
    rates, weights = point_masses(BASELINE, [1000.0], [0.2])
    both = np.concatenate([np.full_like(rates, np.nan), rates])
    quantiles = mixture_quantiles(both, np.concatenate([np.full_like(weights, np.nan), weights]), LEVELS)
    assert np.isnan(quantiles[0]).all()
    np.testing.assert_array_equal(quantiles[1], mixture_quantiles(rates, weights, LEVELS)[0])
    assert mixture_quantiles(rates[:0], weights[:0], LEVELS).shape == (0, LEVELS.size)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=7, max_size=7),
    st.lists(st.floats(0, 1e6, width=32), min_size=3, max_size=3),
    st.floats(0, 1),
)
def test_quantiles_do_not_cross_and_lie_among_the_points(
    baseline: list[float], burst_rates: list[float], burst_prob: float
) -> None:
    rates, weights = point_masses(np.sort(baseline), burst_rates, [burst_prob / 3] * 3)
    quantiles = mixture_quantiles(rates, weights, LEVELS)[0]
    assert (np.diff(quantiles) >= 0).all()
    assert rates.min() <= quantiles.min()
    assert quantiles.max() <= rates.max()
