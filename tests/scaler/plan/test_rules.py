"""Floors of many Revisions at one moment: the same as one by one in a trial, and what is in force where."""

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
STEERED = next(e for e, one in enumerate(CANDIDATES) if one.settings.window_s and one.rule.sizing_delay_cost)
HELD = next(e for e, one in enumerate(CANDIDATES) if one.rule.hold_s)
ALWAYS = next(e for e, one in enumerate(CANDIDATES) if one.rule.min_pods)


def expected(rates: NDArray[np.float64], event_prob: NDArray[np.float64], *, known: bool = True) -> RuleInputs:
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


def chosen(place: int, r: int = 1, **what: bool) -> ActivePolicy:
    flags = {"has_evidence": True, "fallback_active": False, **what}
    return active_policy(
        np.full(r, place),
        writable=np.ones((r, 4), np.bool_),
        has_evidence=np.full(r, flags["has_evidence"]),
        fallback_active=np.full(r, flags["fallback_active"]),
        hold_s=120.0,
        default_sizing_delay_cost=np.full(r, 9.0),
    )


def test_every_rule_asks_at_once_for_what_it_asks_for_in_a_trial() -> None:
    rates = np.array([0.0, 0.01, 1.0, 30.0, 4000.0])
    event_prob = np.array([0.01, 0.2, np.nan, np.nan, np.nan])
    seen = expected(rates, event_prob)
    said = Hindcast(
        at_s=30 * np.arange(1, 6),
        point_rates=seen.point_rates,
        point_weights=seen.point_weights,
        event_prob=np.nan_to_num(event_prob).astype(np.float32),
        intermittent=~np.isnan(event_prob),
    )
    held_not = [rule for rule in RULES if not rule.hold_s]
    np.testing.assert_array_equal(rule_floors(seen, held_not), floors(said, held_not, WEB, np.ones(5)).T)


def test_each_candidate_asks_for_what_its_rule_does() -> None:
    seen = expected(np.full(len(CANDIDATES), 30.0), np.full(len(CANDIDATES), 0.1))
    by_rule = rule_floors(seen, RULES)
    force = active_policy(
        np.arange(len(CANDIDATES)),
        writable=np.ones((len(CANDIDATES), 4), np.bool_),
        has_evidence=np.ones(len(CANDIDATES), np.bool_),
        fallback_active=np.zeros(len(CANDIDATES), np.bool_),
        hold_s=120.0,
        default_sizing_delay_cost=np.ones(len(CANDIDATES)),
    )
    asked = active_floors(seen, force, np.ones(len(CANDIDATES)))
    wanted = [by_rule[e, RULES.index(one.rule)] for e, one in enumerate(CANDIDATES)]
    assert asked.tolist() == wanted
    assert (active_floors(seen, force, np.full(len(CANDIDATES), 50.0)) <= asked).all()


def test_nothing_is_asked_for_where_nothing_is_known() -> None:
    seen = expected(np.array([50.0]), np.array([np.nan]), known=False)
    assert not rule_floors(seen, RULES).any()
    assert rule_floors(expected(np.empty(0), np.empty(0)), RULES).shape == (0, len(RULES))


def test_settings_are_asked_for_once_they_are_proven_and_floors_at_once() -> None:
    has_evidence, prior_evidence = chosen(STEERED), chosen(STEERED, has_evidence=False)
    assert not np.isnan(has_evidence.settings).all()
    assert np.isnan(prior_evidence.settings).all()
    assert prior_evidence.sizing_delay_cost == has_evidence.sizing_delay_cost > 0
    assert (prior_evidence.hold_s.tolist(), has_evidence.hold_s.tolist()) == ([120.0], [0.0])
    assert chosen(HELD, has_evidence=False).hold_s >= 120


def test_settings_that_are_not_ours_are_left_alone() -> None:
    writable = np.array([[False, True, True, False]])
    got = active_policy(
        np.array([STEERED]),
        writable=writable,
        has_evidence=np.ones(1, np.bool_),
        fallback_active=np.zeros(1, np.bool_),
        hold_s=0.0,
        default_sizing_delay_cost=np.ones(1),
    )
    assert np.isnan(got.settings[0, [0, 3]]).all()


def test_where_no_candidate_is_in_force_a_floor_at_what_a_delay_costs() -> None:
    got = chosen(DEFAULT, has_evidence=False)
    assert (got.sizing_delay_cost.tolist(), got.min_pods.tolist(), got.hold_s.tolist()) == ([9.0], [0], [120.0])
    assert np.isnan(got.settings).all()
    assert policy_name(DEFAULT) != policy_name(len(CANDIDATES) - 1) == str(CANDIDATES[-1])


@pytest.mark.parametrize("place", [DEFAULT, ALWAYS, STEERED, HELD])
@pytest.mark.parametrize("has_evidence", [True, False])
def test_guarded_is_the_kpa_alone_whatever_was_chosen(place: int, *, has_evidence: bool) -> None:
    got = chosen(place, has_evidence=has_evidence, fallback_active=True)
    assert got.candidate.tolist() == [KPA_INDEX]
    assert np.isnan(got.settings).all()
    assert got.hold_s.tolist() == [0.0]
    assert active_floors(expected(np.array([500.0]), np.array([1.0])), got, np.ones(1)).tolist() == [0]
