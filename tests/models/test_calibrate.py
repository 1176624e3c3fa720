"""Levels hold what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import calibrate

LEVELS = np.array([0.1, 0.5, 0.9, 0.95, 0.99])
STEP_S = 30


def realised(errors: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, q) whether each error stayed at or below its quantile, with place 0 throughout."""
    state = calibrate.start(1, LEVELS)
    held = np.empty((errors.size, LEVELS.size), bool)
    place = np.zeros(1, np.float32)
    for j, error in enumerate(errors.astype(np.float32)):
        time_s = j * STEP_S
        spread = calibrate.sigma(state, time_s)
        said = calibrate.quantiles(state, place, spread)
        held[j] = error <= said[0]
        state = calibrate.learn(
            state,
            LEVELS,
            place=place,
            spread=spread,
            said=said,
            came=np.array([error], np.float32),
            time_s=time_s,
            step_s=STEP_S,
        )
        if j % 10 == 0:
            state = calibrate.reshape(state, LEVELS)
    return held


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng, n: rng.normal(size=n), id="Gaussian"),
        pytest.param(lambda rng, n: rng.laplace(size=n), id="heavier tails"),
        pytest.param(lambda rng, n: rng.exponential(size=n) ** 1.5, id="skewed"),
        pytest.param(lambda rng, n: (rng.random(n) < 0.03).astype(float), id="rarely anything"),
        pytest.param(lambda rng, n: rng.normal(size=n) + 3 * (np.arange(n) > n // 2), id="a shift"),
    ],
)
def test_coverage_is_within_two_points_of_the_level(draw: object) -> None:
    errors = draw(np.random.default_rng(0), 8000)  # type: ignore[operator]
    share = realised(errors)[1000:].mean(axis=0)
    discrete = np.unique(errors).size < 10
    off = np.maximum(LEVELS - share, 0) if discrete else np.abs(share - LEVELS)
    assert off.max() < 0.02


def test_quantiles_of_a_histogram() -> None:
    """All errors in one bin: the quantiles lie within it, in order."""
    shape = np.zeros((1, calibrate.EDGES.size - 1), np.float32)
    shape[0, 30] = 100
    got = calibrate.shape_quantiles(shape, LEVELS)[0]
    assert calibrate.EDGES[30] <= got[0] < got[1] < got[-1] <= calibrate.EDGES[31]
    assert got[1] == pytest.approx((calibrate.EDGES[30] + calibrate.EDGES[31]) / 2)


def test_nothing_is_learned_from_what_was_not_observed() -> None:
    state = calibrate.start(1, LEVELS)
    before = calibrate.sigma(state, 0).copy()
    nothing = np.full(1, np.nan, np.float32)
    said = np.zeros((1, LEVELS.size), np.float32)
    after = calibrate.learn(
        state,
        LEVELS,
        place=np.zeros(1, np.float32),
        spread=before,
        said=said,
        came=nothing,
        time_s=0,
        step_s=STEP_S,
    )
    assert calibrate.sigma(after, 0) == before
    assert (after.theta == 0).all()


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=60))
def test_quantiles_never_cross(errors: list[float]) -> None:
    state = calibrate.start(1, LEVELS)
    for j, error in enumerate(errors):
        spread = calibrate.sigma(state, j * STEP_S)
        said = calibrate.quantiles(state, np.zeros(1, np.float32), spread)
        assert np.isfinite(said).all()
        assert (np.diff(said) >= 0).all()
        state = calibrate.learn(
            state,
            LEVELS,
            place=np.zeros(1, np.float32),
            spread=spread,
            said=said,
            came=np.array([error], np.float32),
            time_s=j * STEP_S,
            step_s=STEP_S,
        )
        state = calibrate.reshape(state, LEVELS)
