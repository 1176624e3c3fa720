"""Processes whose next event is known: what is said of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.hazard import mixture
from models.hazard import state as layout
from models.hazard.state import MIN_AGE
from models.numeric.clock import utc

Chances = Callable[..., NDArray[np.float32]]
HOUR, DAY = 60, 1440
"""Minutes."""
HERE = utc(1).here(0)


def follow(state: Any, event: float, time_s: int, step_s: int) -> None:
    mixture.follow(state, event, time_s, step_s, HERE)


def chance(state: Any, from_s: int, until_s: int, step_s: int) -> float:
    return mixture.chance(state, from_s, until_s, step_s, HERE)


def split(said: NDArray[np.float32], events: NDArray[np.float64], part: slice) -> tuple[float, float]:
    """The mean chance that was said of minutes with an event, and of others."""
    ahead, comes = said[:-1][part], events[1:][part] > 0
    return float(ahead[comes].mean()), float(ahead[~comes].mean())


def every(period: int, at: int, minutes: int) -> NDArray[np.float64]:
    return np.asarray(np.arange(minutes) % period == at, float)


@pytest.mark.parametrize(
    ("period", "at", "days", "least"),
    [
        pytest.param(7, 3, 2, 0.95, id="every seven minutes"),
        pytest.param(HOUR, 5, 4, 0.85, id="hourly at five past"),
        pytest.param(DAY, 390, 40, 0.15, id="daily at half past six"),
    ],
)
def test_a_cron_is_found(chances: Chances, period: int, at: int, days: int, least: float) -> None:
    events = every(period, at, days * DAY)
    comes, others = split(chances(events), events, slice(days * DAY * 3 // 4, None))
    assert comes > least
    assert others < 0.005


@pytest.mark.parametrize("weekday_only", [False, True])
def test_a_cron_that_moves_is_found_again(chances: Chances, weekday_only: bool) -> None:
    events = np.concatenate([every(HOUR, 5, 8 * DAY), every(HOUR, 20, 8 * DAY)])
    if weekday_only:
        events[np.arange(len(events)) // DAY % 7 >= 5] = 0
    said = chances(events)
    for begins in (7 * DAY, 9 * DAY):
        comes, others = split(said, events, slice(begins, begins + DAY))
        assert comes > (0.75 if weekday_only else 0.85)
        assert others < 0.02


def test_a_request_that_follows_another_after_ten_minutes_is_expected_then(chances: Chances) -> None:
    events = np.zeros(30 * DAY)
    first = np.flatnonzero(np.random.default_rng(3).random(len(events) - 20) < 1 / 240)
    events[first] = events[first + 10] = 1
    said, late = chances(events), first[first > 15 * DAY]
    others = np.delete(said[15 * DAY :], np.setdiff1d(late + 9, late) - 15 * DAY)
    # Every other request is a second one, which none follows.
    assert said[late + 9].mean() > 0.3
    assert np.median(others) < 0.01


@pytest.mark.parametrize(
    ("requests", "least", "most"), [pytest.param(1, 0.45, 0.65, id="one"), pytest.param(9, 0.9, 1, id="many")]
)
def test_part_of_a_minute_is_as_likely_as_its_minutes_are_filled(
    chances: Chances, requests: int, least: float, most: float
) -> None:
    """Every fourth minute has requests, at any of its seconds; the window is half a minute of it."""
    rng, minutes = np.random.default_rng(4), 2 * DAY
    events = np.zeros(2 * minutes)
    for minute in range(3, minutes, 4):
        events[2 * minute + (rng.random(requests) < 0.5)] = 1
    said = chances(events, step_s=30, first=0, lead_s=30)[minutes:]
    # After the step before the minute, and after its first half where that had nothing.
    assert least < said[5::8].mean() < most


@pytest.mark.parametrize("often", [0.02, 0.1, 0.3])
@pytest.mark.parametrize(
    ("step_s", "first", "lead_s"),
    [
        (30, 1, 60),
        (45, 1, 90),
        (60, 0, 60),
        (60, 1, 180),
        (90, 1, 180),
        (120, 1, 240),
        (300, 1, 600),
        (300, 0, 60),
    ],
)
def test_of_noise_as_many_windows_are_said_to_have_a_request_as_have_one(
    chances: Chances, often: float, step_s: int, first: int, lead_s: int
) -> None:
    n = 20_000
    rng = np.random.default_rng(step_s)
    events = (rng.random(n) < often).astype(float)
    said = chances(events, step_s=step_s, first=first, lead_s=lead_s)[n // 4 :].astype(float)
    true = 1 - (1 - often) ** (lead_s // step_s) if lead_s >= step_s else often * lead_s / step_s
    assert said.mean() == pytest.approx(true, rel=0.15)
    assert np.abs(said - true).mean() < 0.35 * true + 0.01


def test_of_noise_that_follows_the_day_chances_are_true_in_each_tenth(chances: Chances) -> None:
    n = 60 * DAY
    rng = np.random.default_rng(5)
    true = 0.15 * (1 + np.sin(2 * np.pi * np.arange(n) / DAY))
    events = (rng.random(n) < true).astype(float)
    said, came = chances(events)[:-1][n // 3 :], events[1:][n // 3 :]
    for tenth in np.array_split(np.argsort(said), 10):
        assert came[tenth].mean() == pytest.approx(said[tenth].mean(), abs=0.05)
    assert said[np.argsort(said)[-n // 10 :]].mean() > 1.5 * said.mean()


def test_minutes_that_were_not_observed_are_no_evidence_but_time_goes_on() -> None:
    state = layout.start(1)
    for minute in range(100):
        follow(state[0], float(minute % 10 == 0), minute * 60, 60)
    weights, since = state["weight"][0].copy(), int(state["since"][0])
    for minute in range(100, 120):
        follow(state[0], np.nan, minute * 60, 60)
    assert state["weight"][0].tolist() == weights.tolist()
    assert (int(state["since"][0]), int(state["minute"][0])) == (since + 20, 120)


def test_a_minute_that_was_half_seen_counts_where_it_had_an_event_before_a_gap() -> None:
    for event, since in ((1.0, 8), (0.0, MIN_AGE + 10)):
        state = layout.start(1)
        follow(state[0], 0.0, 0, 60)
        follow(state[0], event, 60, 30)
        # The clock has moved on by minutes: the next step is in the tenth.
        follow(state[0], 0.0, 600, 30)
        assert int(state["since"][0]) == since


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    state = layout.start(1)
    for time_s in (600, 660, 0, 60, 6000):
        follow(state[0], 1.0, time_s, 60)
        assert 0 <= chance(state[0], time_s + 60, time_s + 95, 60) <= 1


def test_the_chance_grows_with_the_window_across_minute_borders() -> None:
    state = layout.start(1)
    for minute in range(400):
        follow(state[0], float(minute % 7 == 0), minute * 60, 60)
    now_s = 400 * 60
    said = [chance(state[0], now_s + 30, now_s + 30 + seconds, 60) for seconds in range(500)]
    assert said[0] == 0
    assert (np.diff(said) >= 0).all()
    # The next is in minute 406: hardly anything before, nearly certain after it.
    assert said[329] < 0.15
    assert said[390] > 0.9


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=1, max_size=200),
    st.sampled_from([15, 20, 30, 45, 60, 90, 120, 300, 3600]),
    st.integers(0, 10**6),
    st.integers(0, 4000),
)
def test_whatever_was_seen_weights_are_a_distribution(
    events: list[float], step_s: int, origin: int, lead_s: int
) -> None:
    state = layout.start(1)
    for j, event in enumerate(events):
        follow(state[0], event, (origin + j) * step_s, step_s)
    end_s = (origin + len(events)) * step_s
    # Of the minute that is not over yet nothing is lost, and no later one has begun.
    assert state["minute"][0] == end_s // 60
    assert state["weight"][0].sum() == pytest.approx(1)
    assert (state["weight"][0][layout.PRIOR > 0] > 0).all()
    said = [chance(state[0], end_s, end_s + each, step_s) for each in (0, lead_s // 2, lead_s)]
    assert 0 == said[0] <= said[1] <= said[2] <= 1


def test_a_slot_that_had_its_event_expects_no_other(chances: Chances) -> None:
    """Requests at the same minute each day, and at last a straggler behind them: others would be no surprise
    to a week that is counted in slots of ten minutes.
    """
    events = every(DAY, 390, 8 * DAY)
    events[-DAY + 392] = 1
    said = chances(events)
    assert said[-DAY + 389] > 0.1
    assert said[-DAY + 393 : -DAY + 410].max() < 0.02


def test_a_cron_of_weekdays_is_not_expected_on_saturday(chances: Chances) -> None:
    weekday = np.arange(42 * DAY) // DAY % 7 < 5
    events = every(DAY, 540, 42 * DAY) * weekday
    said = np.array([chances(events)[day * DAY + 539] for day in range(35, 42)])
    assert said[:5].min() > 0.85
    assert said[5:].max() < 0.11


@pytest.mark.parametrize(
    ("period", "after_days", "least"),
    [
        pytest.param(DAY, 3, 0.7, id="each-day"),
        pytest.param(DAY, 8, 0.9, id="each-day-for-a-week"),
        pytest.param(DAY // 2, 3, 0.7, id="twice-a-day"),
        pytest.param(DAY // 4, 3, 0.7, id="four-times-a-day"),
    ],
)
def test_what_comes_at_a_minute_of_the_day_is_expected_soon(
    chances: Chances, period: int, after_days: int, least: float
) -> None:
    events = every(period, 130, 12 * DAY)
    comes, others = split(chances(events), events, slice(after_days * DAY, 12 * DAY))
    assert comes > least
    assert others < 0.005


def test_what_comes_about_an_hour_of_the_day_is_expected_then(chances: Chances) -> None:
    """Lone requests at random, all between nine and eleven."""
    rng, minute = np.random.default_rng(6), np.arange(28 * DAY) % DAY
    then = (minute >= 540) & (minute < 660)
    events = ((rng.random(len(then)) < 0.03) & then).astype(float)
    said = chances(events)[14 * DAY : -1]
    at = then[14 * DAY + 1 :]
    assert said[at].mean() == pytest.approx(0.03, rel=0.25)
    assert said[~at].mean() < 0.001
