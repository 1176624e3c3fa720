"""The blend: whom it follows, what it knows when, and what it was worth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.blend import LEVELS, Told, blend
from models.ensemble.rehearse import came_after, rehearsed, worth

STEP_S, ORIGINS, HORIZON = 300, 300, 4
Floats = NDArray[np.float64]


def told(*errors: Floats, rate: float = 100.0) -> Told:
    """Members off by `errors` (k, h), of traffic that goes up and down about `rate`."""
    rng = np.random.default_rng(1)
    came = rate * rng.lognormal(0, 0.5, (ORIGINS, 1)) * np.ones(HORIZON)
    said = np.stack([came * np.exp(each) for each in errors], axis=1)
    return Told(np.arange(ORIGINS) * HORIZON, said, came)


def off(by: float, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, by, (ORIGINS, HORIZON))


def test_the_better_member_is_followed() -> None:
    found = blend(told(off(0.05, 2), off(0.6, 3)), STEP_S)
    assert found.weights[-1, 0] > 0.99
    assert found.weights[-1].sum() == pytest.approx(1)


def test_where_the_best_member_changes_little_is_lost_beside_the_best_in_hindsight() -> None:
    late = np.arange(ORIGINS)[:, None] >= ORIGINS // 2
    one, other = (np.where(late, off(b, seed), off(a, seed)) for a, b, seed in ((0.1, 0.5, 2), (0.5, 0.2, 3)))
    found = blend(told(one, other, off(0.6, 5)), 4 * STEP_S)
    scored = ~np.isnan(found.loss)
    assert found.loss[scored].mean() < 1.03 * found.losses[scored].mean(axis=0).min()


def test_members_alike_are_better_together() -> None:
    found = blend(told(off(0.3, 2), off(0.3, 3)), STEP_S)
    scored = ~np.isnan(found.loss)
    assert found.loss[scored].mean() < 0.9 * found.losses[scored].mean(axis=0).min()


def test_levels_hold_what_they_say() -> None:
    heard = told(off(0.3, 2), off(0.4, 3))
    found = blend(heard, STEP_S)
    scored = ~np.isnan(found.loss)
    share = (heard.came[scored, None, :] <= found.quantiles[scored]).mean(axis=(0, 2))
    np.testing.assert_allclose(share, LEVELS, atol=0.05)
    assert (np.diff(found.quantiles[scored], axis=1) >= 0).all()


def test_what_comes_later_changes_nothing_before() -> None:
    heard = told(off(0.3, 2), off(0.4, 3))
    at = 150
    changed = heard.came.copy()
    changed[at:] *= 50
    before, after = blend(heard, STEP_S), blend(Told(heard.at, heard.said, changed), STEP_S)
    np.testing.assert_array_equal(before.quantiles[: at + 1], after.quantiles[: at + 1])
    assert not np.array_equal(before.quantiles[-1], after.quantiles[-1])


def test_nothing_is_said_before_errors_are_known() -> None:
    found = blend(told(off(0.3, 2)), STEP_S)
    assert np.isnan(found.quantiles[:12]).all()
    assert not np.isnan(found.quantiles[20:]).any()


def test_a_member_that_says_nothing_now_is_left_out() -> None:
    heard = told(off(0.05, 2), off(0.4, 3))
    heard.said[-1, 0] = np.nan
    found = blend(heard, STEP_S)
    np.testing.assert_allclose(found.weights[-1], [0, 1])
    np.testing.assert_allclose(found.mean[-1], heard.said[-1, 1])


def test_a_member_that_spoke_seldom_is_not_followed_for_its_luck() -> None:
    heard = told(off(0.01, 2), off(0.4, 3))
    heard.said[:-30, 0] = np.nan
    assert blend(heard, STEP_S).weights[-1, 1] > 0.9


def test_nobody_says_anything() -> None:
    heard = told(np.full((ORIGINS, HORIZON), np.nan))
    found = blend(heard, STEP_S)
    assert np.isnan(found.quantiles).all()
    assert np.isnan(found.mean).all()


def test_no_traffic_at_all() -> None:
    zero = np.zeros((ORIGINS, HORIZON))
    found = blend(Told(np.arange(ORIGINS), zero[:, None, :].repeat(2, axis=1), zero), STEP_S)
    np.testing.assert_array_equal(found.quantiles[-1], 0)


def rates(days: int, seed: int) -> Floats:
    at = np.arange(days * 24)
    steps = np.where(at % 24 < 10, 5.0, 40.0) * np.where(at // 24 % 7 < 5, 1.0, 0.3)
    return np.asarray(steps * np.random.default_rng(seed).lognormal(0, 0.05, at.size), np.float64)


def test_it_pays_where_weekdays_differ_and_a_plain_profile_does_not_know() -> None:
    y = rates(28, 1)
    heard = rehearsed(y, 3600, np.arange(18 * 24, y.size - 1, 4), 2)
    value = worth(heard, blend(heard, 3600))
    assert value.adds_skill
    assert value.best in MEMBERS
    assert value.regret < 0.5


def test_it_does_not_pay_where_nothing_can_be_known() -> None:
    y = np.random.default_rng(4).poisson(20, 14 * 24).astype(np.float64)
    heard = rehearsed(y, 3600, np.arange(8 * 24, y.size - 1, 4), 2)
    assert not worth(heard, blend(heard, 3600)).adds_skill


def test_worth_of_what_was_never_scored_is_not_known() -> None:
    heard = rehearsed(np.empty(0), 3600, np.array([0]), 4)
    value = worth(heard, blend(heard, 3600))
    assert np.isnan(value.gain)
    assert not value.adds_skill


def test_what_is_yet_to_come_is_not_observed() -> None:
    np.testing.assert_array_equal(came_after(np.arange(3.0), np.array([2, 3]), 2)[:, 0], [2, np.nan])
