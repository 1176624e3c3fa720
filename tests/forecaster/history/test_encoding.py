"""Rates in two bytes: what comes back is what was packed, but for the fourth digit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecaster.history.encoding import UNSEEN, pack, unpack

NAN, INF = float("nan"), float("inf")


def there_and_back(*rates: float) -> list[float]:
    back: list[float] = unpack(pack(np.array(rates, np.float32))).tolist()
    return back


@given(st.floats(2e-7, 1e12))
def test_a_rate_is_kept_to_a_part_in_two_thousand(rate: float) -> None:
    (back,) = there_and_back(rate)
    assert abs(back - rate) <= rate / 2000


@given(st.integers(0, 2048), st.integers(0, 8))
def test_small_whole_numbers_and_their_halves_are_exact(whole: int, halvings: int) -> None:
    assert there_and_back(whole / 2**halvings) == [whole / 2**halvings]


def test_no_traffic_is_never_not_observed_and_never_a_little() -> None:
    back = there_and_back(0.0, -0.0, NAN, 1e-30)
    assert back[:2] == [0, 0]
    assert np.isnan(back[2])
    assert 0 < back[3] < 2e-7


def test_what_cannot_be_a_rate_is_not_observed_and_what_is_too_high_is_the_highest() -> None:
    assert np.isnan(there_and_back(-1.0, INF, -INF)).all()
    assert there_and_back(3e38)[0] > 1e12


def test_what_was_never_written_is_not_observed() -> None:
    assert UNSEEN == 0
    assert np.isnan(unpack(np.zeros((2, 3), np.uint16))).all()


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=20))
def test_what_is_packed_keeps_its_order(rates: list[float]) -> None:
    back = there_and_back(*sorted(rates))
    assert back == sorted(back)
