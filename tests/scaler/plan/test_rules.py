"""Floors of many Revisions at one moment: the same as one by one in a trial, and what is in force where."""

import numpy as np
import pytest
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from models.peak.layout import POINTS
from scaler.plan.candidates import CANDIDATES, KPA
from scaler.plan.rules import PLAIN, RULES, Expected, InForce, asked_at, asked_by, in_force, name_of
from scaler.shadow.evaluate import floors
from scaler.shadow.hindcast import Forecasts
from scaler.simulation.pod_model import world_of

WEB = world_of(SCENARIOS["web"])
PER_POD = WEB.at_once / WEB.service_s
STEERED = next(e for e, one in enumerate(CANDIDATES) if one.setting.window_s and one.rule.worth)
HELD = next(e for e, one in enumerate(CANDIDATES) if one.rule.hold_s)
ALWAYS = next(e for e, one in enumerate(CANDIDATES) if one.rule.always)


def expected(rates: NDArray[np.float64], chances: NDArray[np.float64], *, known: bool = True) -> Expected:
    r = len(rates)
    points = rates[:, np.newaxis] * np.linspace(0.5, 2, POINTS)
    return Expected(
        rates=(points if known else np.full_like(points, np.nan)).astype(np.float32),
        weights=np.full(points.shape, 1 / POINTS, np.float32),
        chances=chances,
        per_pod=np.full(r, PER_POD if known else np.nan),
        counting_s=np.full(r, max(1.0, WEB.service_s)),
        dispersion=np.ones(r),
    )


def chosen(place: int, r: int = 1, **what: bool) -> InForce:
    flags = {"proven": True, "guarded": False, **what}
    return in_force(
        np.full(r, place),
        settable=np.ones((r, 4), np.bool_),
        proven=np.full(r, flags["proven"]),
        guarded=np.full(r, flags["guarded"]),
        hold_s=120.0,
        plain_worth=np.full(r, 9.0),
    )


def test_every_rule_asks_at_once_for_what_it_asks_for_in_a_trial() -> None:
    rates = np.array([0.0, 0.01, 1.0, 30.0, 4000.0])
    chances = np.array([0.01, 0.2, np.nan, np.nan, np.nan])
    seen = expected(rates, chances)
    said = Forecasts(
        at_s=30 * np.arange(1, 6),
        rates=seen.rates,
        weights=seen.weights,
        chances=np.nan_to_num(chances).astype(np.float32),
        sparse=~np.isnan(chances),
    )
    held_not = [rule for rule in RULES if not rule.hold_s]
    np.testing.assert_array_equal(asked_by(seen, held_not), floors(said, held_not, WEB, np.ones(5)).T)


def test_each_candidate_asks_for_what_its_rule_does() -> None:
    seen = expected(np.full(len(CANDIDATES), 30.0), np.full(len(CANDIDATES), 0.1))
    by_rule = asked_by(seen, RULES)
    force = in_force(
        np.arange(len(CANDIDATES)),
        settable=np.ones((len(CANDIDATES), 4), np.bool_),
        proven=np.ones(len(CANDIDATES), np.bool_),
        guarded=np.zeros(len(CANDIDATES), np.bool_),
        hold_s=120.0,
        plain_worth=np.ones(len(CANDIDATES)),
    )
    asked = asked_at(seen, force, np.ones(len(CANDIDATES)))
    wanted = [by_rule[e, RULES.index(one.rule)] for e, one in enumerate(CANDIDATES)]
    assert asked.tolist() == wanted
    assert (asked_at(seen, force, np.full(len(CANDIDATES), 50.0)) <= asked).all()


def test_nothing_is_asked_for_where_nothing_is_known() -> None:
    seen = expected(np.array([50.0]), np.array([np.nan]), known=False)
    assert not asked_by(seen, RULES).any()
    assert asked_by(expected(np.empty(0), np.empty(0)), RULES).shape == (0, len(RULES))


def test_settings_are_asked_for_once_they_are_proven_and_floors_at_once() -> None:
    proven, borrowed = chosen(STEERED), chosen(STEERED, proven=False)
    assert not np.isnan(proven.settings).all()
    assert np.isnan(borrowed.settings).all()
    assert borrowed.worth == proven.worth > 0
    assert (borrowed.hold_s.tolist(), proven.hold_s.tolist()) == ([120.0], [0.0])
    assert chosen(HELD, proven=False).hold_s >= 120


def test_settings_that_are_not_ours_are_left_alone() -> None:
    settable = np.array([[False, True, True, False]])
    got = in_force(
        np.array([STEERED]),
        settable=settable,
        proven=np.ones(1, np.bool_),
        guarded=np.zeros(1, np.bool_),
        hold_s=0.0,
        plain_worth=np.ones(1),
    )
    assert np.isnan(got.settings[0, [0, 3]]).all()


def test_where_no_candidate_is_in_force_a_floor_at_what_a_delay_costs() -> None:
    got = chosen(PLAIN, proven=False)
    assert (got.worth.tolist(), got.always.tolist(), got.hold_s.tolist()) == ([9.0], [0], [120.0])
    assert np.isnan(got.settings).all()
    assert name_of(PLAIN) != name_of(len(CANDIDATES) - 1) == str(CANDIDATES[-1])


@pytest.mark.parametrize("place", [PLAIN, ALWAYS, STEERED, HELD])
@pytest.mark.parametrize("proven", [True, False])
def test_guarded_is_the_kpa_alone_whatever_was_chosen(place: int, *, proven: bool) -> None:
    got = chosen(place, proven=proven, guarded=True)
    assert got.place.tolist() == [KPA]
    assert np.isnan(got.settings).all()
    assert got.hold_s.tolist() == [0.0]
    assert asked_at(expected(np.array([500.0]), np.array([1.0])), got, np.ones(1)).tolist() == [0]
