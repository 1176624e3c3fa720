"""Rates in two bytes each: a decoded rate equals the encoded one up to the fourth digit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecaster.history.encoding import UNOBSERVED, pack, unpack

NAN, INF = float("nan"), float("inf")


def decoded(*rates: float) -> list[float]:
    rates_again: list[float] = unpack(pack(np.array(rates, np.float32))).tolist()
    return rates_again


@given(st.floats(2e-7, 1e12))
def test_decoded_rate_differs_by_less_than_one_part_in_2000(rate: float) -> None:
    (got,) = decoded(rate)
    assert abs(got - rate) <= rate / 2000


@given(st.integers(0, 2048), st.integers(0, 8))
def test_small_whole_numbers_and_their_halves_are_exact(whole: int, halvings: int) -> None:
    assert decoded(whole / 2**halvings) == [whole / 2**halvings]


def test_zero_unobserved_and_tiny_rates_stay_distinct() -> None:
    got = decoded(0.0, -0.0, NAN, 1e-30)
    assert got[:2] == [0, 0]
    assert np.isnan(got[2])
    assert 0 < got[3] < 2e-7


def test_invalid_rates_are_unobserved_and_huge_rate_is_maximum() -> None:
    assert np.isnan(decoded(-1.0, INF, -INF)).all()
    assert decoded(3e38)[0] > 1e12


def test_new_array_of_zeros_is_unobserved() -> None:
    assert UNOBSERVED == 0
    assert np.isnan(unpack(np.zeros((2, 3), np.uint16))).all()


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=20))
def test_decoded_rates_keep_their_order(rates: list[float]) -> None:
    got = decoded(*sorted(rates))
    assert got == sorted(got)
