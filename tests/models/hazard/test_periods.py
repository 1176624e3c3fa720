"""Periods that nobody asked for: found where they are, and not where they are not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.hazard import state as hazard
from models.hazard.state import PERIODS_MIN
from models.peak import state as peak
from models.peak.advance import advance

Chances = Callable[..., NDArray[np.float32]]
DAY = 1440
"""Minutes."""


def followed(events: NDArray[np.float64]) -> NDArray[np.void]:
    state = hazard.start(1)
    rates = np.asarray(events[np.newaxis] / 60, np.float32)
    advance(peak.start(1), state, rates, origin_s=0, step_s=60, first=0, lead_s=np.array([60.0]))
    return state


def cron(period: int, at: int, minutes: int) -> NDArray[np.float64]:
    return np.asarray(np.arange(minutes) % period == at, float)


@pytest.mark.parametrize("period", [11, 17, 37, 77, 100, 427])
def test_a_period_that_nobody_asked_for_is_found(chances: Chances, period: int) -> None:
    assert period not in PERIODS_MIN
    events = cron(period, period // 3, max(2 * DAY, 30 * period))
    assert period in followed(events)["found_min"][0]
    said, half = chances(events)[:-1], len(events) // 2
    comes = events[1:] > 0
    assert said[half:][comes[half:]].mean() > 0.75
    assert said[half:][~comes[half:]].mean() < 0.005


def test_one_that_is_missed_at_times_and_late_at_times_is_found() -> None:
    rng, period = np.random.default_rng(2), 43
    events = np.zeros(4 * DAY)
    turns = np.arange(5, len(events) - 2, period)
    kept = turns[rng.random(turns.size) < 0.85]
    events[kept + (rng.random(kept.size) < 0.3)] = 1
    events[rng.random(len(events)) < 1 / 500] = 1
    assert period in followed(events)["found_min"][0]


def test_two_at_once_are_found() -> None:
    events = np.maximum(cron(37, 4, 3 * DAY), cron(101, 50, 3 * DAY))
    assert set(followed(events)["found_min"][0]) == {37, 101}


def test_one_that_changes_is_found_again(chances: Chances) -> None:
    events = np.concatenate([cron(37, 4, 3 * DAY), cron(53, 9, 3 * DAY)])
    said, comes = chances(events)[:-1], events[1:] > 0
    late = slice(5 * DAY, None)
    assert said[late][comes[late]].mean() > 0.7


@pytest.mark.parametrize("often", [1 / 15, 1 / 60, 1 / 400])
@pytest.mark.parametrize("kind", ["at random", "on and off"])
def test_in_noise_hardly_any_is_found(often: float, kind: str) -> None:
    """Of 100 services, at any time of two weeks' events, at most one."""
    found = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, int(1 / often)])
        minutes = int(min(14 * DAY, 400 / often))
        if kind == "at random":
            events = (rng.random(minutes) < often).astype(float)
        else:
            turns = rng.geometric(often, 2000).cumsum()
            events = (np.searchsorted(turns, np.arange(minutes)) % 2).astype(float)
        found += bool(followed(events)["found_min"][0].any())
    assert found <= 1


WEEK = 7 * DAY


@pytest.mark.parametrize(
    ("period", "turns"), [pytest.param(WEEK, 7, id="weekly"), pytest.param(36 * 60, 6, id="every-36-hours")]
)
def test_what_comes_seldom_is_found_after_a_few(chances: Chances, period: int, turns: int) -> None:
    events = cron(period, 540, (turns + 2) * period)
    said = chances(events)[:-1]
    comes = np.flatnonzero(events[1:])[turns:]
    assert said[comes].min() > 0.75


def test_who_comes_twice_a_week_is_not_refuted_by_its_other_day(chances: Chances) -> None:
    events = np.maximum(cron(WEEK, DAY + 540, 9 * WEEK), cron(WEEK, 4 * DAY + 615, 9 * WEEK))
    said = chances(events)[:-1]
    assert said[np.flatnonzero(events[1:])[-2:]].min() > 0.7


def test_of_lone_events_at_random_no_period_is_found() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        events = (rng.random(4 * WEEK) < 10 ** rng.uniform(-3.5, -1.5)).astype(float)
        assert not followed(events)["found_min"].any()
