"""Newsvendor floors against a plain implementation of the same formula."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr

from scaler.plan.bounds import MAX_PODS
from scaler.plan.newsvendor import floors_over_time

DELAY_COSTS = np.array([0.1, 1.0, 3.0, 10.0, 30.0, 150.0, 1000.0])
Array = NDArray[np.float64]


def floors(
    rates: list[float] | Array,
    weights: list[float] | Array | None = None,
    *,
    delay_costs: Array = DELAY_COSTS,
    concurrency: float = 4.0,
    service_s: float = 1.0,
    dispersion: float = 1.0,
) -> NDArray[np.int32]:
    """Return the floors (c,) of one service at one moment."""
    point_rates = np.array(rates, np.float32)[np.newaxis, np.newaxis]
    point_weights = np.full_like(point_rates, 1 / point_rates.size)
    if weights is not None:
        point_weights[0, 0] = weights
    return np.asarray(
        floors_over_time(
            point_rates,
            point_weights,
            delay_costs,
            per_pod=np.array([concurrency / service_s]),
            counting_s=np.array([max(1.0, service_s)]),
            dispersion=np.array([dispersion]),
        )[0, 0]
    )


def shortages(
    pods: Array, rates: Array, weights: Array, *, pod: float, counting_s: float, dispersion: float
) -> Array:
    """Return the probability (n,) that one pod more than each of n pods would be busy."""
    shape = ((pods[:, np.newaxis] + 0.5) * pod + 1) / dispersion
    mean = rates * counting_s / dispersion
    z = 3 * np.sqrt(shape) * (np.cbrt(mean / shape) - 1 + 1 / (9 * shape))
    prob = np.where(z > 6, 1, np.where(z > -6, np.minimum(ndtr(z), mean / shape), 0))
    return np.asarray((weights * prob).sum(axis=1))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.floats(0, 300, width=32), min_size=1, max_size=5),
    st.integers(1, 10),
    st.floats(0.05, 20),
    st.floats(1, 50),
    st.integers(0, 2**32 - 1),
)
def test_floor_is_the_smallest_with_a_permitted_shortage_probability(
    rates: list[float], concurrency: int, service_s: float, dispersion: float, seed: int
) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(rates)))
    pods_by_cost = floors(rates, weights, concurrency=concurrency, service_s=service_s, dispersion=dispersion)
    counting_s, per_pod = max(1.0, service_s), concurrency / service_s
    pods = np.arange(-1.0, pods_by_cost[-1] + 2)
    shortage = shortages(
        pods[1:],
        np.array(rates),
        weights.astype(np.float32).astype(float),
        pod=per_pod * counting_s,
        counting_s=counting_s,
        dispersion=dispersion,
    )
    for floor, delay_cost in zip(pods_by_cost, DELAY_COSTS, strict=True):
        max_shortage_prob = 1 / (delay_cost * per_pod)
        assert shortage[floor] <= max_shortage_prob * (1 + 1e-6)
        assert (shortage[:floor] > max_shortage_prob * (1 - 1e-6)).all()


@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0, 40.0, 300.0])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_floors_are_near_those_of_exact_poisson_counts(rate: float, concurrency: int) -> None:
    pods = np.arange(1000)
    shortage = gammainc((pods + 0.5) * concurrency + 1, rate)
    exact = [int(np.argmax(shortage <= min(1.0, 1 / (cost * concurrency)))) for cost in DELAY_COSTS]
    assert np.abs(floors([rate], concurrency=concurrency) - np.array(exact)).max() <= 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 1e4, width=32), min_size=2, max_size=6),
    st.floats(1, 1000, width=32),
    st.floats(1, 20),
)
def test_floors_rise_with_delay_cost_and_rate(
    rates: list[float], added_rate: float, dispersion: float
) -> None:
    by_cost = floors(rates, dispersion=dispersion)
    assert (np.diff(by_cost) >= 0).all()
    assert (floors([rates[0] + added_rate, *rates[1:]], dispersion=dispersion) >= by_cost).all()


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 5.0, 10.0, 50.0, 1000.0])
def test_rates_near_zero_have_no_floor_at_any_dispersion(dispersion: float) -> None:
    assert floors([0.0, 1e-6, 1e-5], dispersion=dispersion).tolist() == [0] * len(DELAY_COSTS)


@pytest.mark.parametrize("absurd", [1e12, np.inf])
def test_absurd_rates_are_limited_to_max_pods(absurd: float) -> None:
    rates = np.full((1, 5, 3), absurd, np.float32)
    rates[0, -1] = 1.0
    pods = floors_over_time(
        rates,
        np.full_like(rates, 1 / 3),
        DELAY_COSTS,
        per_pod=np.array([4.0]),
        counting_s=np.array([1.0]),
        dispersion=np.array([1.0]),
    )[0]
    # A delay cost below the cost of a pod gives no pod.
    assert pods[:-1].max() == MAX_PODS
    assert set(pods[:-1].ravel().tolist()) == {0, MAX_PODS}
    assert pods[-1].tolist() == floors([1.0, 1.0, 1.0]).tolist()


def test_floors_of_services_and_steps_equal_those_computed_singly() -> None:
    rng = np.random.default_rng(1)
    rates = np.asarray(np.exp(rng.normal(2, 3, (3, 40, 4))), np.float32)
    rates[1, ::7] = np.nan
    weights = np.full_like(rates, 0.25)
    concurrency, service_s, dispersion = np.array([1.0, 4, 10]), np.array([0.2, 1, 7]), np.array([1.0, 2, 9])
    counting_s = np.maximum(1, service_s)
    pods = floors_over_time(
        rates,
        weights,
        DELAY_COSTS,
        per_pod=concurrency / service_s,
        counting_s=counting_s,
        dispersion=dispersion,
    )
    for i in range(3):
        for j in range(40):
            alone = floors(
                rates[i, j].astype(float),
                concurrency=float(concurrency[i]),
                service_s=float(service_s[i]),
                dispersion=float(dispersion[i]),
            )
            known = not math.isnan(rates[i, j, 0])
            assert pods[i, j].tolist() == (alone.tolist() if known else [0] * len(DELAY_COSTS))
