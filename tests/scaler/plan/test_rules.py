"""Floors of many Revisions at one moment, and the parts of the active policy of each."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from models.peak.state import POINTS
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.plan.rules import (
    DEFAULT,
    RULES,
    ActivePolicy,
    RuleInputs,
    active_floors,
    active_policy,
    policy_name,
    rule_floors,
)
from scaler.shadow.evaluate import floors
from scaler.shadow.hindcast import Hindcast
from scaler.simulation.pod_model import pod_model_of

WEB = pod_model_of(SCENARIOS["web"])
PER_POD = WEB.concurrency / WEB.service_time_s
WITH_WINDOW = next(
    i
    for i, candidate in enumerate(CANDIDATES)
    if candidate.settings.window_s and candidate.rule.sizing_delay_cost
)
WITH_HOLD = next(i for i, candidate in enumerate(CANDIDATES) if candidate.rule.hold_s)
WITH_MIN_PODS = next(i for i, candidate in enumerate(CANDIDATES) if candidate.rule.min_pods)


def rule_inputs(
    rates: NDArray[np.float64], event_prob: NDArray[np.float64], *, known: bool = True
) -> RuleInputs:
    r = len(rates)
    points = rates[:, np.newaxis] * np.linspace(0.5, 2, POINTS)
    return RuleInputs(
        point_rates=(points if known else np.full_like(points, np.nan)).astype(np.float32),
        point_weights=np.full(points.shape, 1 / POINTS, np.float32),
        event_prob=event_prob,
        per_pod=np.full(r, PER_POD if known else np.nan),
        counting_s=np.full(r, max(1.0, WEB.service_time_s)),
        dispersion=np.ones(r),
    )


def policy_of(candidate: int, *, has_evidence: bool = True, fallback_active: bool = False) -> ActivePolicy:
    """Return the active policy of one Revision."""
    return active_policy(
        np.full(1, candidate),
        writable=np.ones((1, 4), np.bool_),
        has_evidence=np.full(1, has_evidence),
        fallback_active=np.full(1, fallback_active),
        hold_s=120.0,
        default_sizing_delay_cost=np.full(1, 9.0),
    )


def test_rule_floors_of_a_fleet_equal_those_of_a_hindcast() -> None:
    rates = np.array([0.0, 0.01, 1.0, 30.0, 4000.0])
    event_prob = np.array([0.01, 0.2, np.nan, np.nan, np.nan])
    inputs = rule_inputs(rates, event_prob)
    hindcast = Hindcast(
        at_s=30 * np.arange(1, 6),
        point_rates=inputs.point_rates,
        point_weights=inputs.point_weights,
        event_prob=np.nan_to_num(event_prob).astype(np.float32),
        intermittent=~np.isnan(event_prob),
    )
    without_hold = [rule for rule in RULES if not rule.hold_s]
    np.testing.assert_array_equal(
        rule_floors(inputs, without_hold), floors(hindcast, without_hold, WEB, np.ones(5)).T
    )


def test_active_floor_of_a_candidate_is_that_of_the_rule() -> None:
    inputs = rule_inputs(np.full(len(CANDIDATES), 30.0), np.full(len(CANDIDATES), 0.1))
    by_rule = rule_floors(inputs, RULES)
    policy = active_policy(
        np.arange(len(CANDIDATES)),
        writable=np.ones((len(CANDIDATES), 4), np.bool_),
        has_evidence=np.ones(len(CANDIDATES), np.bool_),
        fallback_active=np.zeros(len(CANDIDATES), np.bool_),
        hold_s=120.0,
        default_sizing_delay_cost=np.ones(len(CANDIDATES)),
    )
    pods = active_floors(inputs, policy, np.ones(len(CANDIDATES)))
    expected = [by_rule[i, RULES.index(candidate.rule)] for i, candidate in enumerate(CANDIDATES)]
    assert pods.tolist() == expected
    assert (active_floors(inputs, policy, np.full(len(CANDIDATES), 50.0)) <= pods).all()


def test_floors_are_zero_without_a_forecast() -> None:
    inputs = rule_inputs(np.array([50.0]), np.array([np.nan]), known=False)
    assert not rule_floors(inputs, RULES).any()
    assert rule_floors(rule_inputs(np.empty(0), np.empty(0)), RULES).shape == (0, len(RULES))


def test_settings_need_evidence_and_floors_do_not() -> None:
    own_evidence, prior_evidence = policy_of(WITH_WINDOW), policy_of(WITH_WINDOW, has_evidence=False)
    assert not np.isnan(own_evidence.settings).all()
    assert np.isnan(prior_evidence.settings).all()
    assert prior_evidence.sizing_delay_cost == own_evidence.sizing_delay_cost > 0
    assert (prior_evidence.hold_s.tolist(), own_evidence.hold_s.tolist()) == ([120.0], [0.0])
    assert policy_of(WITH_HOLD, has_evidence=False).hold_s >= 120


def test_settings_that_are_not_writable_are_not_set() -> None:
    writable = np.array([[False, True, True, False]])
    policy = active_policy(
        np.array([WITH_WINDOW]),
        writable=writable,
        has_evidence=np.ones(1, np.bool_),
        fallback_active=np.zeros(1, np.bool_),
        hold_s=0.0,
        default_sizing_delay_cost=np.ones(1),
    )
    assert np.isnan(policy.settings[0, [0, 3]]).all()


def test_default_policy_sizes_a_floor_at_the_default_delay_cost() -> None:
    policy = policy_of(DEFAULT, has_evidence=False)
    assert (policy.sizing_delay_cost.tolist(), policy.min_pods.tolist(), policy.hold_s.tolist()) == (
        [9.0],
        [0],
        [120.0],
    )
    assert np.isnan(policy.settings).all()
    assert policy_name(DEFAULT) != policy_name(len(CANDIDATES) - 1) == str(CANDIDATES[-1])


@pytest.mark.parametrize("candidate", [DEFAULT, WITH_MIN_PODS, WITH_WINDOW, WITH_HOLD])
@pytest.mark.parametrize("has_evidence", [True, False])
def test_fallback_is_kpa_alone_for_every_selection(candidate: int, *, has_evidence: bool) -> None:
    policy = policy_of(candidate, has_evidence=has_evidence, fallback_active=True)
    assert policy.candidate.tolist() == [KPA_INDEX]
    assert np.isnan(policy.settings).all()
    assert policy.hold_s.tolist() == [0.0]
    assert active_floors(rule_inputs(np.array([500.0]), np.array([1.0])), policy, np.ones(1)).tolist() == [0]
