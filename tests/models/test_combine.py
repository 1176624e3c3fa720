"""Members are weighted by what their quantiles lost."""

import numpy as np
import pytest

from models import combine
from models.score import coverage, pinball

STEP_S = 30


def test_the_better_member_gets_nearly_all_the_weight() -> None:
    rng = np.random.default_rng(0)
    standing = combine.start(1, 2)
    for _ in range(2000):
        came = np.array([1 + 0.1 * rng.normal()], np.float32)
        standing = combine.score(standing, np.array([[1.0, 0.0]], np.float32), came, STEP_S)
    weights = combine.weights(standing, np.array([[1.0, 0.0]], np.float32))
    assert weights[0, 0] > 0.95


def test_a_service_of_its_own_kind_is_weighed_by_itself() -> None:
    standing = combine.start(2, 2)
    places = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    for _ in range(500):
        standing = combine.score(standing, places, np.array([1.0, 0.0], np.float32), STEP_S)
    weights = combine.weights(standing, places)
    assert weights[0, 0] > 0.9
    assert weights[1, 1] > 0.9


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([[1.0, np.nan, 1.0]], [[0.5, 0.0, 0.5]]),
        ([[np.nan, np.nan, np.nan]], [[0.0, 0.0, 0.0]]),
    ],
)
def test_a_member_that_says_nothing_has_no_weight(
    places: list[list[float]], expected: list[list[float]]
) -> None:
    got = combine.weights(combine.start(1, 3), np.array(places, np.float32))
    np.testing.assert_allclose(got, expected)


def test_what_was_not_observed_costs_nobody() -> None:
    standing = combine.start(1, 2)
    after = combine.score(standing, np.zeros((1, 2), np.float32), np.full(1, np.nan, np.float32), STEP_S)
    np.testing.assert_array_equal(after.loss, standing.loss)


def test_pinball_by_hand() -> None:
    """y = 10: the 0.9 quantile at 8 loses 0.9 x 2, at 13 it loses 0.1 x 3."""
    got = pinball(
        np.array([10.0, 10.0], np.float32),
        np.array([[8.0], [13.0]], np.float32),
        np.array([0.9], np.float32),
    )
    np.testing.assert_allclose(got[:, 0], [1.8, 0.3], rtol=1e-6)


def test_coverage_counts_only_what_was_observed() -> None:
    came = np.array([1.0, 2.0, np.nan, 3.0], np.float32)
    said = np.full((4, 1), 2.0, np.float32)
    np.testing.assert_allclose(coverage(came, said), [2 / 3])
