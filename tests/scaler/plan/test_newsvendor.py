"""Floors, beside the same rule written out plainly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr

from scaler.plan.bounds import MAX_PODS
from scaler.plan.newsvendor import floors_over_time

WORTHS = np.array([0.1, 1.0, 3.0, 10.0, 30.0, 150.0, 1000.0])
Array = NDArray[np.float64]


def floors(
    rates: list[float] | Array,
    weights: list[float] | Array | None = None,
    *,
    worths: Array = WORTHS,
    concurrency: float = 4.0,
    service_s: float = 1.0,
    dispersion: float = 1.0,
) -> NDArray[np.int32]:
    """(c,) of one service at one time."""
    given = np.array(rates, np.float32)[np.newaxis, np.newaxis]
    shares = np.full_like(given, 1 / given.size)
    if weights is not None:
        shares[0, 0] = weights
    return np.asarray(
        floors_over_time(
            given,
            shares,
            worths,
            per_pod=np.array([concurrency / service_s]),
            counting_s=np.array([max(1.0, service_s)]),
            dispersion=np.array([dispersion]),
        )[0, 0]
    )


def shortages(pods: Array, rates: Array, weights: Array, *, pod: float, counting_s: float, d: float) -> Array:
    """(n,) the chance that one more than each of n pods would be at work."""
    shape = ((pods[:, np.newaxis] + 0.5) * pod + 1) / d
    mean = rates * counting_s / d
    z = 3 * np.sqrt(shape) * (np.cbrt(mean / shape) - 1 + 1 / (9 * shape))
    chance = np.where(z > 6, 1, np.where(z > -6, np.minimum(ndtr(z), mean / shape), 0))
    return np.asarray((weights * chance).sum(axis=1))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.floats(0, 300, width=32), min_size=1, max_size=5),
    st.integers(1, 10),
    st.floats(0.05, 20),
    st.floats(1, 50),
    st.integers(0, 2**32 - 1),
)
def test_a_floor_is_the_smallest_whose_shortage_is_worth_no_pod(
    rates: list[float], concurrency: int, service_s: float, dispersion: float, seed: int
) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(rates)))
    got = floors(rates, weights, concurrency=concurrency, service_s=service_s, dispersion=dispersion)
    counting_s, per_pod = max(1.0, service_s), concurrency / service_s
    pods = np.arange(-1.0, got[-1] + 2)
    short = shortages(
        pods[1:],
        np.array(rates),
        weights.astype(np.float32).astype(float),
        pod=per_pod * counting_s,
        counting_s=counting_s,
        d=dispersion,
    )
    for floor, worth in zip(got, WORTHS, strict=True):
        admissible = 1 / (worth * per_pod)
        assert short[floor] <= admissible * (1 + 1e-6)
        assert (short[:floor] > admissible * (1 - 1e-6)).all()


@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0, 40.0, 300.0])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_floors_are_those_of_poisson_counts(rate: float, concurrency: int) -> None:
    pods = np.arange(1000)
    short = gammainc((pods + 0.5) * concurrency + 1, rate)
    exact = [int(np.argmax(short <= min(1.0, 1 / (worth * concurrency)))) for worth in WORTHS]
    assert np.abs(floors([rate], concurrency=concurrency) - np.array(exact)).max() <= 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1e4, width=32), min_size=2, max_size=6),
    st.floats(1, 1000, width=32),
    st.floats(1, 20),
)
def test_floors_rise_with_what_a_request_is_worth_and_with_rates(
    rates: list[float], more: float, dispersion: float
) -> None:
    got = floors(rates, dispersion=dispersion)
    assert (np.diff(got) >= 0).all()
    assert (floors([rates[0] + more, *rates[1:]], dispersion=dispersion) >= got).all()


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 5.0, 10.0, 50.0, 1000.0])
def test_where_nothing_comes_no_pod_is_held_however_spread_out_counts_are(dispersion: float) -> None:
    assert floors([0.0, 1e-6, 1e-5], dispersion=dispersion).tolist() == [0] * len(WORTHS)


@pytest.mark.parametrize("absurd", [1e12, np.inf])
def test_no_forecast_asks_for_more_than_the_most(absurd: float) -> None:
    rates = np.full((1, 5, 3), absurd, np.float32)
    rates[0, -1] = 1.0
    got = floors_over_time(
        rates,
        np.full_like(rates, 1 / 3),
        WORTHS,
        per_pod=np.array([4.0]),
        counting_s=np.array([1.0]),
        dispersion=np.array([1.0]),
    )[0]
    # Skill less than the pod, no request has one.
    assert got[:-1].max() == MAX_PODS
    assert set(got[:-1].ravel().tolist()) == {0, MAX_PODS}
    assert got[-1].tolist() == floors([1.0, 1.0, 1.0]).tolist()


def test_each_step_and_service_has_the_floor_that_it_has_alone() -> None:
    rng = np.random.default_rng(1)
    rates = np.asarray(np.exp(rng.normal(2, 3, (3, 40, 4))), np.float32)
    rates[1, ::7] = np.nan
    weights = np.full_like(rates, 0.25)
    concurrency, service_s, spread = np.array([1.0, 4, 10]), np.array([0.2, 1, 7]), np.array([1.0, 2, 9])
    counting_s = np.maximum(1, service_s)
    got = floors_over_time(
        rates, weights, WORTHS, per_pod=concurrency / service_s, counting_s=counting_s, dispersion=spread
    )
    for i in range(3):
        for j in range(40):
            alone = floors(
                rates[i, j].astype(float),
                concurrency=float(concurrency[i]),
                service_s=float(service_s[i]),
                dispersion=float(spread[i]),
            )
            known = not math.isnan(rates[i, j, 0])
            assert got[i, j].tolist() == (alone.tolist() if known else [0] * len(WORTHS))
