"""Which candidate is chosen, where it can be reckoned by hand."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, REQUESTS, STARTS
from scaler.shadow.prior import prior
from scaler.shadow.selection import POOLED_EVIDENCE_POD_S, Objectives, decay, prior_evidence, select

HOLD, SAVE, OTHER = 5, 9, 20
"""Places of some candidates."""
MANY = 1e9
"""So much of everything that what public traces taught counts for nothing."""
PlanRows = Mapping[int, tuple[float, ...]]
NOTHING_SPENT = ((0.0,), (0.0,))
"""Of what was in force, and of the KPA alone."""


def sums(rows: PlanRows) -> NDArray[np.float64]:
    """(e, N_METRICS) of pods, delayed, waited and starts, times MANY; no other candidate is allowed."""
    told = np.full((len(CANDIDATES), N_METRICS), np.nan)
    for place, row in rows.items():
        told[place, : len(row)] = np.array(row) * MANY
        told[place, REQUESTS] = MANY
    return told


def chosen(
    rows: PlanRows,
    *,
    delay_cost: float = 10.0,
    wait_cost: float = 0.0,
    max_starts_ratio: float = 1.0,
    max_delayed: float = math.nan,
    current: int = KPA_INDEX,
    spent: tuple[tuple[float, ...], tuple[float, ...]] = NOTHING_SPENT,
) -> int:
    wishes = Objectives(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.array([wait_cost]),
        max_starts_ratio=np.array([max_starts_ratio]),
        max_delayed=np.array([max_delayed]),
    )
    nothing = np.zeros((len(CANDIDATES), N_METRICS))
    before = np.zeros((1, 2, N_METRICS))
    before[0, :, : len(spent[0])] = np.array(spent) * MANY
    return int(select(sums(rows)[np.newaxis], nothing, wishes, np.array([current]), before)[0])


BASELINE = (1.0, 0.1, 0.1, 0.01)


@pytest.mark.parametrize(
    ("rows", "delay_cost", "wanted"),
    [
        pytest.param(
            {HOLD: (1.4, 0.09, 0.1, 0.009)}, 30, KPA_INDEX, id="what is saved is less than it costs"
        ),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.009)}, 30, HOLD, id="what is saved is more than it costs"),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.02)}, 30, KPA_INDEX, id="bought with starts"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 10, KPA_INDEX, id="more delayed, at a cost of 10"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 300, KPA_INDEX, id="more delayed, at any higher cost"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 9, SAVE, id="more delayed, and not minded"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 10, KPA_INDEX, id="more pods, at a cost of 10"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 11, HOLD, id="more pods, and not minded"),
        pytest.param({HOLD: (0.9, 0.01, 0, 0), SAVE: (0.8, 0.05, 0, 0)}, 10, HOLD, id="the least of several"),
        pytest.param({HOLD: (0.998, 0.0999, 0.1, 0.009)}, 10, KPA_INDEX, id="a gain too small for a change"),
    ],
)
def test_what_is_chosen(rows: PlanRows, delay_cost: float, wanted: int) -> None:
    assert chosen({KPA_INDEX: BASELINE, **rows}, delay_cost=delay_cost) == wanted


def test_starts_are_borne_where_they_are_little() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    assert chosen(rows, max_starts_ratio=1.0) == KPA_INDEX
    assert chosen(rows, max_starts_ratio=1.6) == HOLD


def test_who_spent_fewer_starts_may_spend_more_of_them_until_it_is_the_same_in_all() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    alone = (10.0, 1.0, 1.0, 0.1)
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.1), alone)) == KPA_INDEX
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.09), alone)) == HOLD
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.096), alone)) == KPA_INDEX


def test_what_was_overspent_is_not_made_good_by_who_is_within_the_limit_now() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.009)}
    assert chosen(rows, spent=((10.0, 1.0, 1.0, 0.5), (10.0, 1.0, 1.0, 0.1))) == HOLD


def test_pods_that_were_saved_may_be_held_later_and_requests_that_were_not_delayed_may_not_be() -> None:
    more_pods = {KPA_INDEX: BASELINE, HOLD: (1.2, 0.001, 0.1, 0.009)}
    assert chosen(more_pods, spent=((9.0, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == HOLD
    assert chosen(more_pods, spent=((9.9, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA_INDEX
    more_delayed = {KPA_INDEX: BASELINE, SAVE: (0.1, 0.11, 0.1, 0.009)}
    assert chosen(more_delayed, spent=((10.0, 0.1, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA_INDEX


def test_waiting_counts_where_it_has_a_cost() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.3, 0.009)}
    assert chosen(rows, wait_cost=0.0) == HOLD
    assert chosen(rows, wait_cost=10.0) == KPA_INDEX


def test_the_one_in_force_stays_until_another_is_worth_a_change() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.009), OTHER: (0.8965, 0.05, 0.1, 0.009)}
    assert chosen(rows) == OTHER
    assert chosen(rows, current=HOLD) == HOLD
    assert chosen({**rows, OTHER: (0.89, 0.05, 0.1, 0.009)}, current=HOLD) == OTHER


def test_one_that_does_harm_or_is_not_allowed_any_more_is_left_at_once() -> None:
    assert chosen({KPA_INDEX: BASELINE, HOLD: (0.999, 0.2, 0.1, 0.009)}, current=HOLD) == KPA_INDEX
    assert chosen({KPA_INDEX: BASELINE}, current=HOLD) == KPA_INDEX


def test_where_a_share_of_delayed_requests_is_given_the_fewest_pods_that_keep_to_it() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (1.5, 0.001, 0.1, 0.009), OTHER: (1.2, 0.03, 0.1, 0.009)}
    for most, wanted in ((0.05, OTHER), (0.01, HOLD), (0.0001, HOLD)):
        assert chosen(rows, delay_cost=30.0, max_delayed=most) == wanted


def test_services_are_chosen_for_one_by_one() -> None:
    tables = [
        {KPA_INDEX: BASELINE, HOLD: (0.5, 0.05, 0, 0)},
        {KPA_INDEX: BASELINE},
        {KPA_INDEX: BASELINE, SAVE: (0.5, 0.05, 0, 0)},
    ]
    every = np.full(3, 10.0)
    wishes = Objectives(
        delay_cost=every, wait_cost=np.zeros(3), max_starts_ratio=np.ones(3), max_delayed=np.full(3, np.nan)
    )
    got = select(
        np.stack([sums(rows) for rows in tables]),
        np.zeros((len(CANDIDATES), N_METRICS)),
        wishes,
        np.array([KPA_INDEX, OTHER, KPA_INDEX]),
        np.zeros((3, 2, N_METRICS)),
    )
    assert got.tolist() == [HOLD, KPA_INDEX, SAVE]


def test_little_is_known_of_a_service_so_it_borrows_and_with_a_past_it_does_not() -> None:
    pooled = np.repeat(sums({KPA_INDEX: BASELINE})[[KPA_INDEX]], len(CANDIDATES), axis=0)
    pooled[HOLD, [PODS, DELAYED, STARTS]] = np.array([0.5, 0.01, 0.001]) * MANY
    wishes = Objectives(
        delay_cost=np.array([10.0]),
        wait_cost=np.zeros(1),
        max_starts_ratio=np.ones(1),
        max_delayed=np.array([np.nan]),
    )
    own = np.full((len(CANDIDATES), N_METRICS), np.nan)
    own[[KPA_INDEX, HOLD]] = 0.0
    spent = np.zeros((1, 2, N_METRICS))
    assert select(own[np.newaxis], pooled, wishes, np.array([KPA_INDEX]), spent).tolist() == [HOLD]
    own[KPA_INDEX, PODS], own[HOLD, PODS] = 100 * POOLED_EVIDENCE_POD_S, 110 * POOLED_EVIDENCE_POD_S
    assert select(own[np.newaxis], pooled, wishes, np.array([KPA_INDEX]), spent).tolist() == [KPA_INDEX]


def test_what_is_borrowed_has_the_pods_that_were_asked_for() -> None:
    pooled = sums({KPA_INDEX: BASELINE, HOLD: (2.0, 0.01, 0.1, 0.009)})
    got = prior_evidence(pooled, 100.0)
    assert got[[KPA_INDEX, HOLD], PODS].tolist() == [100.0, 200.0]
    assert not np.isnan(got).any()
    assert not prior_evidence(np.zeros_like(pooled), 100.0).any()


def test_a_sum_counts_half_after_three_days() -> None:
    assert decay(3 * 86400) == pytest.approx(0.5)
    assert decay(3600) ** 72 == pytest.approx(0.5)


def test_a_service_without_any_past_is_given_nothing_that_did_harm_on_public_traces() -> None:
    known = prior()
    for delay_cost in (1.0, 10.0, 30.0, 300.0):
        wishes = Objectives(
            delay_cost=np.array([delay_cost]),
            wait_cost=np.zeros(1),
            max_starts_ratio=np.ones(1),
            max_delayed=np.array([np.nan]),
        )
        nothing = np.zeros((len(CANDIDATES), N_METRICS))
        got = int(
            select(nothing[np.newaxis], nothing, wishes, np.array([KPA_INDEX]), np.zeros((1, 2, N_METRICS)))[
                0
            ]
        )
        assert known[got, STARTS] <= known[KPA_INDEX, STARTS]
        if delay_cost >= 10:
            assert known[got, DELAYED] <= known[KPA_INDEX, DELAYED]
        if delay_cost <= 10:
            assert known[got, PODS] <= known[KPA_INDEX, PODS]
