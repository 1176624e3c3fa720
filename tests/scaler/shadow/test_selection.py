"""Selection of a candidate, on cases with results computed by hand."""

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
"""Indices of three candidates."""
SCALE = 1e9
"""Factor of all sums, so large that the prior has no weight."""
PlanRows = Mapping[int, tuple[float, ...]]
NO_SPENDING = ((0.0,), (0.0,))
"""Spending of the active policy and of the KPA alone."""


def sums(rows: PlanRows) -> NDArray[np.float64]:
    """Return sums (e, N_METRICS) of pods, delayed, waited and starts, times SCALE; NaN = excluded."""
    scaled = np.full((len(CANDIDATES), N_METRICS), np.nan)
    for index, row in rows.items():
        scaled[index, : len(row)] = np.array(row) * SCALE
        scaled[index, REQUESTS] = SCALE
    return scaled


def selected_candidate(
    rows: PlanRows,
    *,
    delay_cost: float = 10.0,
    wait_cost: float = 0.0,
    max_starts_ratio: float = 1.0,
    max_delayed: float = math.nan,
    current: int = KPA_INDEX,
    spending: tuple[tuple[float, ...], tuple[float, ...]] = NO_SPENDING,
) -> int:
    objectives = Objectives(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.array([wait_cost]),
        max_starts_ratio=np.array([max_starts_ratio]),
        max_delayed=np.array([max_delayed]),
    )
    no_sums = np.zeros((len(CANDIDATES), N_METRICS))
    scaled = np.zeros((1, 2, N_METRICS))
    scaled[0, :, : len(spending[0])] = np.array(spending) * SCALE
    return int(select(sums(rows)[np.newaxis], no_sums, objectives, np.array([current]), scaled)[0])


BASELINE = (1.0, 0.1, 0.1, 0.01)


@pytest.mark.parametrize(
    ("rows", "delay_cost", "expected"),
    [
        pytest.param(
            {HOLD: (1.4, 0.09, 0.1, 0.009)}, 30, KPA_INDEX, id="saved delays cost less than the pods"
        ),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.009)}, 30, HOLD, id="saved delays cost more than the pods"),
        pytest.param({HOLD: (1.4, 0.02, 0.1, 0.02)}, 30, KPA_INDEX, id="more starts"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 10, KPA_INDEX, id="more delayed, at a cost of 10"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 300, KPA_INDEX, id="more delayed, at any higher cost"),
        pytest.param({SAVE: (0.1, 0.11, 0.1, 0.009)}, 9, SAVE, id="more delayed, at a cost of 9"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 10, KPA_INDEX, id="more pods, at a cost of 10"),
        pytest.param({HOLD: (1.01, 0.001, 0.1, 0.009)}, 11, HOLD, id="more pods, at a cost of 11"),
        pytest.param(
            {HOLD: (0.9, 0.01, 0, 0), SAVE: (0.8, 0.05, 0, 0)}, 10, HOLD, id="lowest cost of several"
        ),
        pytest.param({HOLD: (0.998, 0.0999, 0.1, 0.009)}, 10, KPA_INDEX, id="a gain too small for a change"),
    ],
)
def test_selected_candidate_has_the_lowest_cost_without_harm(
    rows: PlanRows, delay_cost: float, expected: int
) -> None:
    assert selected_candidate({KPA_INDEX: BASELINE, **rows}, delay_cost=delay_cost) == expected


def test_starts_are_permitted_up_to_max_starts_ratio() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    assert selected_candidate(rows, max_starts_ratio=1.0) == KPA_INDEX
    assert selected_candidate(rows, max_starts_ratio=1.6) == HOLD


def test_saved_starts_may_be_spent() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.015)}
    baseline = (10.0, 1.0, 1.0, 0.1)
    assert selected_candidate(rows, spending=((10.0, 1.0, 1.0, 0.1), baseline)) == KPA_INDEX
    assert selected_candidate(rows, spending=((10.0, 1.0, 1.0, 0.09), baseline)) == HOLD
    assert selected_candidate(rows, spending=((10.0, 1.0, 1.0, 0.096), baseline)) == KPA_INDEX


def test_overspent_starts_do_not_exclude_a_candidate_within_the_limit() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.009)}
    assert selected_candidate(rows, spending=((10.0, 1.0, 1.0, 0.5), (10.0, 1.0, 1.0, 0.1))) == HOLD


def test_saved_pods_may_be_spent_and_saved_delays_may_not() -> None:
    more_pods = {KPA_INDEX: BASELINE, HOLD: (1.2, 0.001, 0.1, 0.009)}
    assert selected_candidate(more_pods, spending=((9.0, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == HOLD
    assert selected_candidate(more_pods, spending=((9.9, 1.0, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA_INDEX
    more_delayed = {KPA_INDEX: BASELINE, SAVE: (0.1, 0.11, 0.1, 0.009)}
    assert (
        selected_candidate(more_delayed, spending=((10.0, 0.1, 1.0, 0.1), (10.0, 1.0, 1.0, 0.1))) == KPA_INDEX
    )


def test_wait_cost_counts_seconds_of_waiting() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.3, 0.009)}
    assert selected_candidate(rows, wait_cost=0.0) == HOLD
    assert selected_candidate(rows, wait_cost=10.0) == KPA_INDEX


def test_current_candidate_stays_below_min_gain() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (0.9, 0.05, 0.1, 0.009), OTHER: (0.8965, 0.05, 0.1, 0.009)}
    assert selected_candidate(rows) == OTHER
    assert selected_candidate(rows, current=HOLD) == HOLD
    assert selected_candidate({**rows, OTHER: (0.89, 0.05, 0.1, 0.009)}, current=HOLD) == OTHER


def test_harmful_or_excluded_current_candidate_is_replaced() -> None:
    assert (
        selected_candidate({KPA_INDEX: BASELINE, HOLD: (0.999, 0.2, 0.1, 0.009)}, current=HOLD) == KPA_INDEX
    )
    assert selected_candidate({KPA_INDEX: BASELINE}, current=HOLD) == KPA_INDEX


def test_max_delayed_selects_the_fewest_pods_within_the_target() -> None:
    rows = {KPA_INDEX: BASELINE, HOLD: (1.5, 0.001, 0.1, 0.009), OTHER: (1.2, 0.03, 0.1, 0.009)}
    for max_delayed, expected in ((0.05, OTHER), (0.01, HOLD), (0.0001, HOLD)):
        assert selected_candidate(rows, delay_cost=30.0, max_delayed=max_delayed) == expected


def test_services_are_selected_independently() -> None:
    tables = [
        {KPA_INDEX: BASELINE, HOLD: (0.5, 0.05, 0, 0)},
        {KPA_INDEX: BASELINE},
        {KPA_INDEX: BASELINE, SAVE: (0.5, 0.05, 0, 0)},
    ]
    objectives = Objectives(
        delay_cost=np.full(3, 10.0),
        wait_cost=np.zeros(3),
        max_starts_ratio=np.ones(3),
        max_delayed=np.full(3, np.nan),
    )
    selected = select(
        np.stack([sums(rows) for rows in tables]),
        np.zeros((len(CANDIDATES), N_METRICS)),
        objectives,
        np.array([KPA_INDEX, OTHER, KPA_INDEX]),
        np.zeros((3, 2, N_METRICS)),
    )
    assert selected.tolist() == [HOLD, KPA_INDEX, SAVE]


def test_pooled_evidence_decides_until_there_is_own_evidence() -> None:
    pooled = np.repeat(sums({KPA_INDEX: BASELINE})[[KPA_INDEX]], len(CANDIDATES), axis=0)
    pooled[HOLD, [PODS, DELAYED, STARTS]] = np.array([0.5, 0.01, 0.001]) * SCALE
    objectives = Objectives(
        delay_cost=np.array([10.0]),
        wait_cost=np.zeros(1),
        max_starts_ratio=np.ones(1),
        max_delayed=np.array([np.nan]),
    )
    own = np.full((len(CANDIDATES), N_METRICS), np.nan)
    own[[KPA_INDEX, HOLD]] = 0.0
    spending = np.zeros((1, 2, N_METRICS))
    assert select(own[np.newaxis], pooled, objectives, np.array([KPA_INDEX]), spending).tolist() == [HOLD]
    own[KPA_INDEX, PODS], own[HOLD, PODS] = 100 * POOLED_EVIDENCE_POD_S, 110 * POOLED_EVIDENCE_POD_S
    assert select(own[np.newaxis], pooled, objectives, np.array([KPA_INDEX]), spending).tolist() == [
        KPA_INDEX
    ]


def test_prior_evidence_is_scaled_to_pod_seconds() -> None:
    pooled = sums({KPA_INDEX: BASELINE, HOLD: (2.0, 0.01, 0.1, 0.009)})
    evidence = prior_evidence(pooled, 100.0)
    assert evidence[[KPA_INDEX, HOLD], PODS].tolist() == [100.0, 200.0]
    assert not np.isnan(evidence).any()
    assert not prior_evidence(np.zeros_like(pooled), 100.0).any()


def test_sums_halve_in_three_days() -> None:
    assert decay(3 * 86400) == pytest.approx(0.5)
    assert decay(3600) ** 72 == pytest.approx(0.5)


def test_service_without_evidence_selects_a_candidate_without_harm_on_public_traces() -> None:
    public = prior()
    for delay_cost in (1.0, 10.0, 30.0, 300.0):
        objectives = Objectives(
            delay_cost=np.array([delay_cost]),
            wait_cost=np.zeros(1),
            max_starts_ratio=np.ones(1),
            max_delayed=np.array([np.nan]),
        )
        no_sums = np.zeros((len(CANDIDATES), N_METRICS))
        selected = int(
            select(
                no_sums[np.newaxis], no_sums, objectives, np.array([KPA_INDEX]), np.zeros((1, 2, N_METRICS))
            )[0]
        )
        assert public[selected, STARTS] <= public[KPA_INDEX, STARTS]
        if delay_cost >= 10:
            assert public[selected, DELAYED] <= public[KPA_INDEX, DELAYED]
        if delay_cost <= 10:
            assert public[selected, PODS] <= public[KPA_INDEX, PODS]
