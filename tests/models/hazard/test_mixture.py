"""Event probabilities of processes whose next event is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.hazard import mixture
from models.hazard import state as hazard
from models.hazard.state import MIN_AGE
from models.numeric.clock import utc

EventProbs = Callable[..., NDArray[np.float32]]
HOUR, DAY = 60, 1440
"""Minutes."""
ZONE = utc(1).zone_table(0)


def update(state: Any, event: float, time_s: int, step_s: int) -> None:
    mixture.update_mixture(state, event, time_s, step_s, ZONE)


def window_prob(state: Any, from_s: int, until_s: int, step_s: int) -> float:
    return mixture.window_event_prob(state, from_s, until_s, step_s, ZONE)


def mean_probs(probs: NDArray[np.float32], events: NDArray[np.float64], part: slice) -> tuple[float, float]:
    """The mean probability that was forecast for minutes with an event, and for the others."""
    forecast, has_event = probs[:-1][part], events[1:][part] > 0
    return float(forecast[has_event].mean()), float(forecast[~has_event].mean())


def cron(period: int, phase: int, minutes: int) -> NDArray[np.float64]:
    return np.asarray(np.arange(minutes) % period == phase, float)


@pytest.mark.parametrize(
    ("period", "phase", "days", "min_prob"),
    [
        pytest.param(7, 3, 2, 0.95, id="every seven minutes"),
        pytest.param(HOUR, 5, 4, 0.85, id="hourly at five past"),
        pytest.param(DAY, 390, 40, 0.15, id="daily at half past six"),
    ],
)
def test_events_of_a_cron_are_expected(
    event_probs: EventProbs, period: int, phase: int, days: int, min_prob: float
) -> None:
    events = cron(period, phase, days * DAY)
    with_event, without = mean_probs(event_probs(events), events, slice(days * DAY * 3 // 4, None))
    assert with_event > min_prob
    assert without < 0.005


@pytest.mark.parametrize("weekday_only", [False, True])
def test_a_cron_that_moves_is_expected_again_at_the_new_phase(
    event_probs: EventProbs, weekday_only: bool
) -> None:
    events = np.concatenate([cron(HOUR, 5, 8 * DAY), cron(HOUR, 20, 8 * DAY)])
    if weekday_only:
        events[np.arange(len(events)) // DAY % 7 >= 5] = 0
    probs = event_probs(events)
    for begin in (7 * DAY, 9 * DAY):
        with_event, without = mean_probs(probs, events, slice(begin, begin + DAY))
        assert with_event > (0.75 if weekday_only else 0.85)
        assert without < 0.02


def test_a_second_request_ten_minutes_after_a_first_is_expected_at_that_age(event_probs: EventProbs) -> None:
    events = np.zeros(30 * DAY)
    first = np.flatnonzero(np.random.default_rng(3).random(len(events) - 20) < 1 / 240)
    events[first] = events[first + 10] = 1
    probs, late = event_probs(events), first[first > 15 * DAY]
    others = np.delete(probs[15 * DAY :], np.setdiff1d(late + 9, late) - 15 * DAY)
    # Every second request is a second one, which none follows.
    assert probs[late + 9].mean() > 0.3
    assert np.median(others) < 0.01


@pytest.mark.parametrize(
    ("requests", "min_prob", "max_prob"),
    [pytest.param(1, 0.45, 0.65, id="one"), pytest.param(9, 0.9, 1, id="many")],
)
def test_probability_of_half_a_minute_depends_on_requests_per_minute(
    event_probs: EventProbs, requests: int, min_prob: float, max_prob: float
) -> None:
    """Every fourth minute has requests, in any of its seconds; the window is half a minute of it."""
    rng, minutes = np.random.default_rng(4), 2 * DAY
    events = np.zeros(2 * minutes)
    for minute in range(3, minutes, 4):
        events[2 * minute + (rng.random(requests) < 0.5)] = 1
    probs = event_probs(events, step_s=30, first=0, lead_s=30)[minutes:]
    # After the step before the minute, and after its first half where that had no request.
    assert min_prob < probs[5::8].mean() < max_prob


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
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
def test_mean_probability_of_random_events_is_their_share_of_windows(
    event_probs: EventProbs, rate: float, step_s: int, first: int, lead_s: int
) -> None:
    n = 20_000
    rng = np.random.default_rng(step_s)
    events = (rng.random(n) < rate).astype(float)
    probs = event_probs(events, step_s=step_s, first=first, lead_s=lead_s)[n // 4 :].astype(float)
    true = 1 - (1 - rate) ** (lead_s // step_s) if lead_s >= step_s else rate * lead_s / step_s
    assert probs.mean() == pytest.approx(true, rel=0.15)
    assert np.abs(probs - true).mean() < 0.35 * true + 0.01


def test_probabilities_of_random_events_with_a_daily_season_are_calibrated_in_each_tenth(
    event_probs: EventProbs,
) -> None:
    n = 60 * DAY
    rng = np.random.default_rng(5)
    true = 0.15 * (1 + np.sin(2 * np.pi * np.arange(n) / DAY))
    events = (rng.random(n) < true).astype(float)
    probs, actual = event_probs(events)[:-1][n // 3 :], events[1:][n // 3 :]
    for tenth in np.array_split(np.argsort(probs), 10):
        assert actual[tenth].mean() == pytest.approx(probs[tenth].mean(), abs=0.05)
    assert probs[np.argsort(probs)[-n // 10 :]].mean() > 1.5 * probs.mean()


def test_minutes_not_observed_change_no_weight_but_the_age_grows() -> None:
    state = hazard.start(1)
    for minute in range(100):
        update(state[0], float(minute % 10 == 0), minute * 60, 60)
    weights, age = state["weight"][0].copy(), int(state["age"][0])
    for minute in range(100, 120):
        update(state[0], np.nan, minute * 60, 60)
    assert state["weight"][0].tolist() == weights.tolist()
    assert (int(state["age"][0]), int(state["minute"][0])) == (age + 20, 120)


def test_a_partly_observed_minute_before_a_gap_counts_if_an_event_was_observed() -> None:
    for event, age in ((1.0, 8), (0.0, MIN_AGE + 10)):
        state = hazard.start(1)
        update(state[0], 0.0, 0, 60)
        update(state[0], event, 60, 30)
        # A gap of several minutes: the next step is in the tenth.
        update(state[0], 0.0, 600, 30)
        assert int(state["age"][0]) == age


def test_a_clock_set_back_keeps_probabilities_valid() -> None:
    state = hazard.start(1)
    for time_s in (600, 660, 0, 60, 6000):
        update(state[0], 1.0, time_s, 60)
        assert 0 <= window_prob(state[0], time_s + 60, time_s + 95, 60) <= 1


def test_probability_grows_with_the_window_across_minute_borders() -> None:
    state = hazard.start(1)
    for minute in range(400):
        update(state[0], float(minute % 7 == 0), minute * 60, 60)
    now_s = 400 * 60
    probs = [window_prob(state[0], now_s + 30, now_s + 30 + seconds, 60) for seconds in range(500)]
    assert probs[0] == 0
    assert (np.diff(probs) >= 0).all()
    # The next event is in minute 406: improbable before it, nearly certain after it.
    assert probs[329] < 0.15
    assert probs[390] > 0.9


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=1, max_size=200),
    st.sampled_from([15, 20, 30, 45, 60, 90, 120, 300, 3600]),
    st.integers(0, 10**6),
    st.integers(0, 4000),
)
def test_weights_are_a_distribution_after_any_events(
    events: list[float], step_s: int, origin: int, lead_s: int
) -> None:
    state = hazard.start(1)
    for j, event in enumerate(events):
        update(state[0], event, (origin + j) * step_s, step_s)
    end_s = (origin + len(events)) * step_s
    # The current minute is the one that the newest step ends in.
    assert state["minute"][0] == end_s // 60
    assert state["weight"][0].sum() == pytest.approx(1)
    assert (state["weight"][0][hazard.PRIOR_WEIGHTS > 0] > 0).all()
    probs = [window_prob(state[0], end_s, end_s + seconds, step_s) for seconds in (0, lead_s // 2, lead_s)]
    assert 0 == probs[0] <= probs[1] <= probs[2] <= 1


def test_no_second_event_is_expected_in_a_slot_after_the_first(event_probs: EventProbs) -> None:
    """Requests at the same minute each day, and at last a late one after them: in slots of ten minutes of the
    week, more requests would be no surprise.
    """
    events = cron(DAY, 390, 8 * DAY)
    events[-DAY + 392] = 1
    probs = event_probs(events)
    assert probs[-DAY + 389] > 0.1
    assert probs[-DAY + 393 : -DAY + 410].max() < 0.02


def test_a_cron_of_weekdays_is_not_expected_on_a_weekend(event_probs: EventProbs) -> None:
    weekday = np.arange(42 * DAY) // DAY % 7 < 5
    events = cron(DAY, 540, 42 * DAY) * weekday
    probs = np.array([event_probs(events)[day * DAY + 539] for day in range(35, 42)])
    assert probs[:5].min() > 0.85
    assert probs[5:].max() < 0.11


@pytest.mark.parametrize(
    ("period", "after_days", "min_prob"),
    [
        pytest.param(DAY, 3, 0.7, id="each-day"),
        pytest.param(DAY, 8, 0.9, id="each-day-for-a-week"),
        pytest.param(DAY // 2, 3, 0.7, id="twice-a-day"),
        pytest.param(DAY // 4, 3, 0.7, id="four-times-a-day"),
    ],
)
def test_events_at_a_minute_of_the_day_are_expected_after_days(
    event_probs: EventProbs, period: int, after_days: int, min_prob: float
) -> None:
    events = cron(period, 130, 12 * DAY)
    with_event, without = mean_probs(event_probs(events), events, slice(after_days * DAY, 12 * DAY))
    assert with_event > min_prob
    assert without < 0.005


def test_random_events_in_some_hours_of_the_day_are_expected_in_these_hours(event_probs: EventProbs) -> None:
    """Single requests at random, all between nine and eleven."""
    rng, minute = np.random.default_rng(6), np.arange(28 * DAY) % DAY
    in_hours = (minute >= 540) & (minute < 660)
    events = ((rng.random(len(in_hours)) < 0.03) & in_hours).astype(float)
    probs = event_probs(events)[14 * DAY : -1]
    forecast_hours = in_hours[14 * DAY + 1 :]
    assert probs[forecast_hours].mean() == pytest.approx(0.03, rel=0.25)
    assert probs[~forecast_hours].mean() < 0.001
