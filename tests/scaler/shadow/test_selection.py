"""Which candidate is chosen, where it can be reckoned by hand."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, STARTS, TOLD
from scaler.shadow.prior import prior
from scaler.shadow.selection import EVIDENCE_S, Wishes, borrowed, choose, keep

HOLD, SAVE, OTHER = 5, 9, 20
"""Places of some candidates."""
MANY = 1e9
"""So much of everything that what public traces taught counts for nothing."""
Rows = Mapping[int, tuple[float, ...]]
NOTHING_SPENT = ((0.0,), (0.0,))
"""Of what was in force, and of the KPA alone."""


def sums(rows: Rows) -> NDArray[np.float64]:
    """(e, TOLD) of pods, delayed, waited and starts, times MANY; no other candidate is allowed."""
    told = np.full((len(CANDIDATES), TOLD), np.nan)
    for place, row in rows.items():
        told[place, : len(row)] = np.array(row) * MANY
        told[place, REQUESTS] = MANY
    return told


def chosen(
    rows: Rows,
    *,
    delay_cost: float = 10.0,
    wait_cost: float = 0.0,
    most_starts: float = 1.0,
    max_delayed: float = math.nan,
    current: int = KPA,
    spent: tuple[tuple[float, ...], tuple[float, ...]] = NOTHING_SPENT,
) -> int:
    wishes = Wishes(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.array([wait_cost]),
        most_starts=np.array([most_starts]),
        max_delayed=np.array([max_delayed]),
    )
    nothing = np.zeros((len(CANDIDATES), TOLD))
    before = np.zeros((1, 2, TOLD))
    before[0, :, : len(spent[0])] = np.array(spent) * MANY
    return int(choose(sums(rows)[np.newaxis], nothing, wishes, np.array([current]), before)[0])


ALONE = (1.0, 0.1, 0.1, 0.01)


@pytest.mark.parametrize(
    ("rows", "delay_cost", "wanted"),
    [
        pytest.param({HOLD: (1.4, 0.09, 0.1, 0.009)}, 30, KPA, id="what is saved is less than it costs"),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.009)}, 30, HOLD, id="what is saved is more than it costs"),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.02)}, 30, KPA, id="bought with starts"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 10, KPA, id="more delayed, at a cost of 10"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 300, KPA, id="more delayed, at any higher cost"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 9, SAVE, id="more delayed, and not minded"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 10, KPA, id="more pods, at a cost of 10"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 11, HOLD, id="more pods, and not minded"),
        pytest.param({HOLD: (0.9, 0.01, 0, 0), SAVE: (0.8, 0.05, 0, 0)}, 10, HOLD, id="the least of several"),
        pytest.param({HOLD: (0.998, 0.0999, 0.1, 0.009)}, 10, KPA, id="a gain too small for a change"),
    ],
)
def test_what_is_chosen(rows: Rows, delay_cost: float, wanted: int) -> None:
    assert chosen({KPA: ALONE, **rows}, delay_cost=delay_cost) == wanted


def test_starts_are_borne_where_they_are_little() -> None:
    rows = {KPA: ALONE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    assert chosen(rows, most_starts=1.0) == KPA
    assert chosen(rows, most_starts=1.6) == HOLD


def test_who_spent_fewer_starts_may_spend_more_of_them_until_it_is_the_same_in_all() -> None:
    rows = {KPA: ALONE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    alone = (10.0, 1.0, 1.0, 0.1)
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.1), alone)) == KPA
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.09), alone)) == HOLD
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.096), alone)) == KPA


def test_what_was_overspent_is_not_made_good_by_who_is_within_the_limit_now() -> None:
    rows = {KPA: ALONE, HOLD: (0.9, 0.05, 0.1, 0.009)}
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.5), (10.0, 1.0, 1.0, 0.1))) == HOLD


def test_pods_that_were_saved_may_be_held_later_and_requests_that_were_not_delayed_may_not_be() -> None:
    more_pods = {KPA: ALONE, HOLD: (1.2, 0.001, 0.1, 0.009)}
    assert chosen(more_pods, spent=((9.0, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == HOLD
    assert chosen(more_pods, spent=((9.9, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA
    more_delayed = {KPA: ALONE, SAVE: (0.1, 0.11, 0.1, 0.009)}
    assert chosen(more_delayed, spent=((10.0, 0.1, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA


def test_waiting_counts_where_it_has_a_cost() -> None:
    rows = {KPA: ALONE, HOLD: (0.9, 0.05, 0.3, 0.009)}
    assert chosen(rows, wait_cost=0.0) == HOLD
    assert chosen(rows, wait_cost=10.0) == KPA


def test_the_one_in_force_stays_until_another_is_worth_a_change() -> None:
    rows = {KPA: ALONE, HOLD: (0.9, 0.05, 0.1, 0.009), OTHER: (0.8965, 0.05, 0.1, 0.009)}
    assert chosen(rows) == OTHER
    assert chosen(rows, current=HOLD) == HOLD
    assert chosen({**rows, OTHER: (0.89, 0.05, 0.1, 0.009)}, current=HOLD) == OTHER


def test_one_that_does_harm_or_is_not_allowed_any_more_is_left_at_once() -> None:
    assert chosen({KPA: ALONE, HOLD: (0.999, 0.2, 0.1, 0.009)}, current=HOLD) == KPA
    assert chosen({KPA: ALONE}, current=HOLD) == KPA


def test_where_a_share_of_delayed_requests_is_given_the_fewest_pods_that_keep_to_it() -> None:
    rows = {KPA: ALONE, HOLD: (1.5, 0.001, 0.1, 0.009), OTHER: (1.2, 0.03, 0.1, 0.009)}
    for most, wanted in ((0.05, OTHER), (0.01, HOLD), (0.0001, HOLD)):
        assert chosen(rows, delay_cost=30.0, max_delayed=most) == wanted


def test_services_are_chosen_for_one_by_one() -> None:
    tables = [{KPA: ALONE, HOLD: (0.5, 0.05, 0, 0)}, {KPA: ALONE}, {KPA: ALONE, SAVE: (0.5, 0.05, 0, 0)}]
    every = np.full(3, 10.0)
    wishes = Wishes(
        delay_cost=every, wait_cost=np.zeros(3), most_starts=np.ones(3), max_delayed=np.full(3, np.nan)
    )
    got = choose(
        np.stack([sums(rows) for rows in tables]),
        np.zeros((len(CANDIDATES), TOLD)),
        wishes,
        np.array([KPA, OTHER, KPA]),
        np.zeros((3, 2, TOLD)),
    )
    assert got.tolist() == [HOLD, KPA, SAVE]


def test_little_is_known_of_a_service_so_it_borrows_and_with_a_past_it_does_not() -> None:
    pooled = np.repeat(sums({KPA: ALONE})[[KPA]], len(CANDIDATES), axis=0)
    pooled[HOLD, [PODS, DELAYED, STARTS]] = np.array([0.5, 0.01, 0.001]) * MANY
    wishes = Wishes(
        delay_cost=np.array([10.0]),
        wait_cost=np.zeros(1),
        most_starts=np.ones(1),
        max_delayed=np.array([np.nan]),
    )
    own = np.full((len(CANDIDATES), TOLD), np.nan)
    own[[KPA, HOLD]] = 0.0
    spent = np.zeros((1, 2, TOLD))
    assert choose(own[np.newaxis], pooled, wishes, np.array([KPA]), spent).tolist() == [HOLD]
    own[KPA, PODS], own[HOLD, PODS] = 100 * EVIDENCE_S, 110 * EVIDENCE_S
    assert choose(own[np.newaxis], pooled, wishes, np.array([KPA]), spent).tolist() == [KPA]


def test_what_is_borrowed_has_the_pods_that_were_asked_for() -> None:
    pooled = sums({KPA: ALONE, HOLD: (2.0, 0.01, 0.1, 0.009)})
    got = borrowed(pooled, 100.0)
    assert got[[KPA, HOLD], PODS].tolist() == [100.0, 200.0]
    assert not np.isnan(got).any()
    assert not borrowed(np.zeros_like(pooled), 100.0).any()


def test_a_sum_counts_half_after_three_days() -> None:
    assert keep(3 * 86400) == pytest.approx(0.5)
    assert keep(3600) ** 72 == pytest.approx(0.5)


def test_a_service_without_any_past_is_given_nothing_that_did_harm_on_public_traces() -> None:
    known = prior()
    for delay_cost in (1.0, 10.0, 30.0, 300.0):
        wishes = Wishes(
            delay_cost=np.array([delay_cost]),
            wait_cost=np.zeros(1),
            most_starts=np.ones(1),
            max_delayed=np.array([np.nan]),
        )
        nothing = np.zeros((len(CANDIDATES), TOLD))
        got = int(choose(nothing[np.newaxis], nothing, wishes, np.array([KPA]), np.zeros((1, 2, TOLD)))[0])
        assert known[got, STARTS] <= known[KPA, STARTS]
        if delay_cost >= 10:
            assert known[got, DELAYED] <= known[KPA, DELAYED]
        if delay_cost <= 10:
            assert known[got, PODS] <= known[KPA, PODS]
