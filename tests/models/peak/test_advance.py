"""What is forecast of the peak, beside what came; and what no input may do to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.hazard import state as hazard
from models.peak import state as peak
from models.peak.advance import GROWTH, OVER_NOW, Said, advance
from models.peak.regress import FORGET_S
from models.peak.state import LEVELS, PENDING

Make = Callable[..., Any]
DAY = 2880
"""Steps of 30 s."""


def waves(steps: int, *, mean: float = 20.0, seed: int = 1) -> NDArray[np.float32]:
    """Poisson arrivals around a sine of two hours, requests/s in steps of 30 s."""
    rng = np.random.default_rng(seed)
    rate = mean * (1 + 0.5 * np.sin(2 * np.pi * np.arange(steps) / 240))
    return np.asarray(rng.poisson(rate * 30) / 30, np.float32)


def within(said: Said, came: NDArray[np.float32], part: slice) -> dict[float, float]:
    """Level -> the share of windows whose peak was at most its quantile."""
    held = came[part, np.newaxis] <= said.rates[0, : len(came)][part, : LEVELS.size]
    return dict(zip(LEVELS.tolist(), held.mean(axis=0).tolist(), strict=True))


def is_sound(said: Said) -> bool:
    known = ~np.isnan(said.rates).any(axis=2)
    return bool(
        np.isfinite(said.rates[known]).all()
        and (said.rates[known] >= 0).all()
        and (np.diff(said.rates[known][:, : LEVELS.size], axis=1) >= 0).all()
        and np.allclose(said.weights[known].sum(axis=1), 1, atol=1e-5)
        and (said.weights >= 0).all()
        and ((said.chances >= 0) & (said.chances <= 1)).all()
        and np.isnan(said.rates[~known]).all()
    )


def test_the_window_that_is_learned_is_the_one_that_was_forecast(fleet: Make) -> None:
    one, keep = fleet(1, first=2, lead_s=100.0), 0.5 ** (30 / FORGET_S)
    rates = waves(200)
    z = np.log(rates + 0.5 / 30)
    for n, rate in enumerate(rates):
        before = one.peak["cross"][0].copy()
        x = one.peak["x"][0, (n + 1 - 6) % PENDING].copy()
        one.take([rate])
        learned = one.peak["cross"][0] - keep * before
        if n >= 6:
            # Said after n - 5 steps: four steps, from the third after those on.
            assert learned[0] == pytest.approx(z[n - 3 : n + 1].max(), abs=1e-4)
            np.testing.assert_allclose(learned, x * learned[0], atol=1e-4)


def test_levels_hold_what_they_say_of_waves_with_noise(fleet: Make, peaks: Make) -> None:
    one, rates = fleet(1), waves(3 * DAY)
    said, came = one.take(rates), peaks(rates, one.steps_ahead)
    got = within(said, came, slice(DAY, None))
    for level in (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99):
        assert got[level] == pytest.approx(level, abs=0.02)
    median = said.rates[0, : len(came), list(LEVELS).index(0.5)]
    off = np.abs(median - came)[DAY:] / came[DAY:]
    assert np.median(off) < 0.05


def test_levels_hold_after_traffic_has_become_five_times_as_much(fleet: Make, peaks: Make) -> None:
    one, rates = fleet(1), waves(4 * DAY)
    rates[2 * DAY :] *= 5
    said, came = one.take(rates), peaks(rates, one.steps_ahead)
    for begins in range(DAY, len(came) - DAY // 2, DAY // 2):
        got = within(said, came, slice(begins, begins + DAY // 2))
        for level in (0.5, 0.9, 0.95, 0.99):
            assert got[level] == pytest.approx(level, abs=0.05)


def test_bursts_at_minutes_of_some_hours_are_reckoned_with_there(fleet: Make) -> None:
    one, days = fleet(1), 6
    rates = np.asarray(np.random.default_rng(2).poisson(20 * 30, days * DAY) / 30, np.float32)
    minute = np.arange(days * DAY) // 2
    hour = minute // 60 % 24
    onset = np.isin(minute % 60, (2, 32)) & (hour >= 8) & (hour < 20)
    rates[onset | np.roll(onset, 2)] *= 4
    burst = one.take(rates).weights[0, :, LEVELS.size :].sum(axis=1)
    begins = np.flatnonzero(onset & ~np.roll(onset, 1))
    late = begins[begins > (days - 1) * DAY]
    # After `step` steps the window has the steps step + 1 to step + 3.
    ahead = {int(at) - back for at in late for back in (2, 3, 4)}
    others = set(range((days - 1) * DAY, days * DAY)) - {
        int(at) - back for at in late for back in range(-2, 8)
    }
    assert burst[sorted(ahead)].mean() > 0.5
    assert burst[sorted(others)].mean() < 0.05
    sizes = one.peak["sizes"][0]
    assert 2.5 < np.exp(np.median(sizes)) < 4.5


@pytest.mark.parametrize("first", [0, 1, 3])
def test_windows_after_an_onset_that_was_not_known_yet_are_the_bursts(fleet: Make, first: int) -> None:
    """Of what is said without a burst nothing has one, and a burst is expected wherever it was left out."""
    one = fleet(1, first=first)
    rates = np.asarray(np.random.default_rng(2).poisson(20 * 30, 4 * DAY) / 30, np.float32)
    onset = np.arange(4 * DAY) % 120 == 10
    rates[onset | np.roll(onset, 1)] *= 4
    said = one.take(rates)
    weight = said.weights[0, :, LEVELS.size :].sum(axis=1)
    at = np.flatnonzero(onset)[-20:]
    for back in range(1, one.steps_ahead[-1] + 2):
        assert weight[at - back].mean() > 0.4
    assert weight[at].mean() < 0.1
    assert said.rates[0, -1, LEVELS.size - 3] < 30


def test_what_is_taken_in_parts_is_as_taken_at_once(fleet: Make) -> None:
    rates = np.stack([waves(500), waves(500, mean=0.01, seed=4), np.full(500, np.nan, np.float32)])
    rates[0, 100:130] = np.nan
    at_once, in_parts = fleet(3), fleet(3)
    said = at_once.take(rates)
    parts = [in_parts.take(rates[:, begins : begins + 7]) for begins in range(0, 500, 7)]
    assert at_once.peak.tobytes() == in_parts.peak.tobytes()
    assert at_once.hazard.tobytes() == in_parts.hazard.tobytes()
    for name in ("rates", "weights", "chances", "sparse"):
        joined = np.concatenate([getattr(part, name) for part in parts], axis=1)
        assert joined.tobytes() == getattr(said, name).tobytes()


@pytest.mark.parametrize("bad", [np.inf, -np.inf, -1.0, 3e38])
def test_a_bad_service_changes_nothing_for_the_others(fleet: Make, bad: float) -> None:
    good = np.stack([waves(300), waves(300, mean=0.05, seed=3)])
    alone, beside = fleet(2), fleet(3)
    said = alone.take(good)
    with_bad = beside.take(np.stack([good[0], np.where(np.arange(300) % 7 == 0, bad, 5.0), good[1]]))
    for name in ("rates", "weights", "chances", "sparse"):
        assert getattr(with_bad, name)[[0, 2]].tobytes() == getattr(said, name).tobytes()
    assert alone.peak.tobytes() == beside.peak[[0, 2]].tobytes()


@pytest.mark.parametrize("absurd", [np.inf, -np.inf, -1e-3, -1e12])
def test_what_cannot_be_a_rate_is_as_not_observed(fleet: Make, absurd: float) -> None:
    rates = waves(400)
    rates[[50, 200, 201]] = np.nan
    clean, other = fleet(1), fleet(1)
    said = clean.take(rates)
    assert other.take(np.where(np.isnan(rates), absurd, rates)).rates.tobytes() == said.rates.tobytes()
    assert other.peak.tobytes() == clean.peak.tobytes()


@pytest.mark.parametrize("step_s", [15, 30, 45, 60, 300, 600, 1800])
@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(np.full(400, 3.0), id="constant"),
        pytest.param(np.zeros(400), id="all zero"),
        pytest.param(np.full(400, np.nan), id="never observed"),
        pytest.param(np.where(np.arange(400) == 17, 2.0, np.nan), id="observed once"),
        pytest.param(np.where(np.arange(400) % 3 == 0, np.nan, 2.0), id="holes"),
        pytest.param(np.where(np.arange(400) < 300, 2.0, 2000.0), id="a thousand times its usual"),
        pytest.param(np.where(np.arange(400) % 50 == 9, 1e12, 1.0), id="absurd now and then"),
        pytest.param(np.array([5.0]), id="one step"),
    ],
)
def test_whatever_comes_the_forecast_is_sound(fleet: Make, rates: NDArray[Any], step_s: int) -> None:
    for first, lead_s in ((0, 30.0), (1, 75.0), (2, 20000.0), (200, 75.0)):
        assert is_sound(fleet(1, step_s=step_s, first=first, lead_s=lead_s).take(rates))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from([0.0, 1 / 30, 1.0, 7.5, 1e3, 1e12, -1.0, np.nan, np.inf]), min_size=1, max_size=120
    ),
    st.sampled_from([15, 30, 60, 300, 600]),
    st.integers(0, 40),
    st.sampled_from([0.0, 30.0, 75.0, 3630.0, np.nan, np.inf]),
)
def test_no_traffic_makes_a_forecast_unsound(
    rates: list[float], step_s: int, first: int, lead_s: float
) -> None:
    said = advance(
        peak.start(1),
        hazard.start(1),
        np.array([rates], np.float32),
        origin_s=600,
        step_s=step_s,
        first=first,
        lead_s=np.array([lead_s]),
    )
    assert is_sound(said)


def test_after_a_leap_no_quantile_goes_beyond_what_was_and_what_is(fleet: Make) -> None:
    rates = waves(DAY)
    rates[-50:] *= 1000
    said = fleet(1).take(rates)
    highest = np.maximum.accumulate(rates)
    cap = np.maximum(GROWTH * (highest + 1 / 60), OVER_NOW * (rates + 1 / 60))
    assert (said.rates[0] <= 1.001 * cap[:, np.newaxis]).all()


def test_data_older_than_all_pending_forecasts_are_learned_from_too(fleet: Make) -> None:
    one, rates = fleet(1, first=120, lead_s=75.0), waves(2 * DAY)
    said = one.take(rates)
    assert np.abs(one.peak["cross"]).sum() > 0
    last = said.rates[0, -1, : LEVELS.size]
    assert last[0] < 25 < last[-1]


def test_a_service_that_begins_late_is_busy_at_once_and_not_after_a_day(fleet: Make) -> None:
    rates = np.concatenate([np.full(2 * DAY, np.nan), waves(20)])
    assert fleet(1).take(rates).sparse[0, [2 * DAY, -1]].tolist() == [True, False]


def test_what_was_learned_outlives_weeks_without_data(fleet: Make) -> None:
    one = fleet(1)
    before = one.take(waves(DAY)).rates[0, -1]
    one.take(np.full(40 * DAY, np.nan))
    kept = one.peak["shape"].sum()
    after = one.take(waves(2)).rates[0, -1]
    assert kept > 100
    assert after[0] < before[3] < after[10]


def test_an_onset_is_forgotten_with_its_step_also_where_nothing_is_observed(fleet: Make) -> None:
    one = fleet(1)
    one.take(np.concatenate([np.full(60, 5.0), [50.0]]))
    assert one.peak["onset"].sum() == 1
    one.take(np.full(peak.RING, np.nan))
    assert one.peak["onset"].sum() == 0


def test_a_caller_may_be_told_of_without_anything_being_said_of_it(fleet: Make) -> None:
    rates = (np.random.default_rng(4).random((2, 900)) < 0.05).astype(np.float32)
    said = []
    for callers in (np.array([1]), np.array([1, -1])):
        one = fleet(len(callers))
        hazard.with_callers(one.hazard, callers > 0, np.ones(len(callers), np.bool_))
        said.append(one.take(rates, callers=callers))
    for name in ("rates", "weights", "chances", "sparse"):
        alone, beside = (getattr(each, name)[0] for each in said)
        assert alone.tobytes() == beside.tobytes()
