"""Periods that are not given: detected where events have one, and not where they have none."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.hazard import state as hazard
from models.hazard.state import PERIODS_MIN
from models.peak import state as peak
from models.peak.advance import advance

EventProbs = Callable[..., NDArray[np.float32]]
DAY = 1440
WEEK = 7 * DAY
"""Minutes."""


def state_after(events: NDArray[np.float64]) -> NDArray[np.void]:
    state = hazard.start(1)
    rates = np.asarray(events[np.newaxis] / 60, np.float32)
    advance(peak.start(1), state, rates, origin_s=0, step_s=60, first=0, lead_s=np.array([60.0]))
    return state


def cron(period: int, phase: int, minutes: int) -> NDArray[np.float64]:
    return np.asarray(np.arange(minutes) % period == phase, float)


@pytest.mark.parametrize("period", [11, 17, 37, 77, 100, 427])
def test_a_period_that_is_not_given_is_detected(event_probs: EventProbs, period: int) -> None:
    assert period not in PERIODS_MIN
    events = cron(period, period // 3, max(2 * DAY, 30 * period))
    assert period in state_after(events)["detected_min"][0]
    probs, half = event_probs(events)[:-1], len(events) // 2
    has_event = events[1:] > 0
    assert probs[half:][has_event[half:]].mean() > 0.75
    assert probs[half:][~has_event[half:]].mean() < 0.005


def test_a_period_with_missed_and_late_events_is_detected() -> None:
    rng, period = np.random.default_rng(2), 43
    events = np.zeros(4 * DAY)
    cycles = np.arange(5, len(events) - 2, period)
    kept = cycles[rng.random(cycles.size) < 0.85]
    events[kept + (rng.random(kept.size) < 0.3)] = 1
    events[rng.random(len(events)) < 1 / 500] = 1
    assert period in state_after(events)["detected_min"][0]


def test_two_simultaneous_periods_are_detected() -> None:
    events = np.maximum(cron(37, 4, 3 * DAY), cron(101, 50, 3 * DAY))
    assert set(state_after(events)["detected_min"][0]) == {37, 101}


def test_a_period_that_changes_is_detected_again(event_probs: EventProbs) -> None:
    events = np.concatenate([cron(37, 4, 3 * DAY), cron(53, 9, 3 * DAY)])
    probs, has_event = event_probs(events)[:-1], events[1:] > 0
    late = slice(5 * DAY, None)
    assert probs[late][has_event[late]].mean() > 0.7


@pytest.mark.parametrize("rate", [1 / 15, 1 / 60, 1 / 400])
@pytest.mark.parametrize("kind", ["at random", "on and off"])
def test_a_period_is_detected_in_no_more_than_one_percent_of_noise(rate: float, kind: str) -> None:
    """Of 100 services with two weeks of events, at most one has a detected period at the end."""
    detected = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, int(1 / rate)])
        minutes = int(min(14 * DAY, 400 / rate))
        if kind == "at random":
            events = (rng.random(minutes) < rate).astype(float)
        else:
            switches = rng.geometric(rate, 2000).cumsum()
            events = (np.searchsorted(switches, np.arange(minutes)) % 2).astype(float)
        detected += bool(state_after(events)["detected_min"][0].any())
    assert detected <= 1


@pytest.mark.parametrize(
    ("period", "cycles"),
    [pytest.param(WEEK, 7, id="weekly"), pytest.param(36 * 60, 6, id="every-36-hours")],
)
def test_a_long_period_is_detected_after_a_few_events(
    event_probs: EventProbs, period: int, cycles: int
) -> None:
    events = cron(period, 540, (cycles + 2) * period)
    probs = event_probs(events)[:-1]
    late = np.flatnonzero(events[1:])[cycles:]
    assert probs[late].min() > 0.75


def test_two_weekly_crons_on_other_days_do_not_refute_each_other(event_probs: EventProbs) -> None:
    events = np.maximum(cron(WEEK, DAY + 540, 9 * WEEK), cron(WEEK, 4 * DAY + 615, 9 * WEEK))
    probs = event_probs(events)[:-1]
    assert probs[np.flatnonzero(events[1:])[-2:]].min() > 0.7


def test_no_period_is_detected_in_rare_random_events() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        events = (rng.random(4 * WEEK) < 10 ** rng.uniform(-3.5, -1.5)).astype(float)
        assert not state_after(events)["detected_min"].any()
