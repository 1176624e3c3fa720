"""Counts of steps, spread over their seconds: all of them, and as far together as they come."""

import numpy as np
import pytest

from scaler.shadow.disaggregate import by_second

STEP_S = 30


def source() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("dispersion", [1.0, 1.3, 2.0, 4.7, 50.0])
@pytest.mark.parametrize("mean", [0.4, 3.0, 40.0, 3e6])
def test_every_step_keeps_its_count(dispersion: float, mean: float) -> None:
    counts = source().poisson(mean, (3, 400)).astype(np.float32)
    got = by_second(source(), counts, STEP_S, np.array([dispersion, 1.0, 2 * dispersion]))
    assert got.shape == (3, 400 * STEP_S)
    assert (got >= 0).all()
    np.testing.assert_allclose(got.reshape(3, 400, STEP_S).sum(axis=2, dtype=np.float64), counts, rtol=1e-6)


@pytest.mark.parametrize("dispersion", [1.0, 1.3, 2.0, 4.7, 12.0])
def test_variance_over_mean_within_a_step_is_the_dispersion(dispersion: float) -> None:
    counts = source().poisson(300.0, (1, 4000)).astype(np.float32)
    steps = by_second(source(), counts, STEP_S, np.array([dispersion])).reshape(4000, STEP_S)
    assert steps.var(axis=1, ddof=1).sum() / steps.mean(axis=1).sum() == pytest.approx(dispersion, rel=0.05)


def test_requests_that_come_one_by_one_are_spread_as_a_multinomial() -> None:
    counts, rng = source().poisson(20.0, (5, 7)).astype(np.float32), source()
    rng.random(counts.shape)
    plain = rng.multinomial(counts.astype(np.int64), np.full(STEP_S, 1 / STEP_S)).reshape(5, -1)
    np.testing.assert_array_equal(by_second(source(), counts, STEP_S, np.ones(5)), plain)


def test_who_comes_one_by_one_does_so_beside_others_too() -> None:
    counts = np.full((2, 3000), 300.0, np.float32)
    steps = by_second(source(), counts, STEP_S, np.array([9.0, 1.0])).reshape(2, 3000, STEP_S)
    got = steps.var(axis=2, ddof=1).sum(axis=1) / steps.mean(axis=2).sum(axis=1)
    np.testing.assert_allclose(got, [9.0, 1.0], rtol=0.06)


def test_few_requests_come_all_at_once_where_batches_are_larger() -> None:
    got = by_second(source(), np.full((1, 50), 3.0, np.float32), STEP_S, np.array([20.0]))
    assert sorted(set(got.ravel().tolist())) == [0, 3]


def test_what_was_not_observed_had_none_and_parts_of_a_request_come_now_and_then() -> None:
    counts = np.array([[np.nan, 0.25] * 4000], np.float32)
    got = by_second(source(), counts, STEP_S, np.array([3.0])).reshape(-1, STEP_S).sum(axis=1)
    assert got[::2].sum() == 0
    assert got[1::2].mean() == pytest.approx(0.25, abs=0.03)


def test_a_step_of_one_second_is_its_count_and_no_revisions_are_none() -> None:
    counts = source().poisson(20.0, (2, 60)).astype(np.float32)
    np.testing.assert_array_equal(by_second(source(), counts, 1, np.array([5.0, 1.0])), counts)
    assert by_second(source(), np.zeros((0, 2), np.float32), STEP_S, np.ones(0)).shape == (0, 60)
