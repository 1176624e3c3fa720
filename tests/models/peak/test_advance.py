"""Peak forecasts, compared with the actual peaks; and that no input makes them invalid."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.hazard import state as hazard
from models.peak import state as peak
from models.peak.advance import GROWTH, OVER_NOW, PeakForecasts, advance
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


def coverage(forecasts: PeakForecasts, actual: NDArray[np.float32], part: slice) -> dict[float, float]:
    """Level -> the share of windows whose peak was at most its quantile."""
    covered = actual[part, np.newaxis] <= forecasts.point_rates[0, : len(actual)][part, : LEVELS.size]
    return dict(zip(LEVELS.tolist(), covered.mean(axis=0).tolist(), strict=True))


def is_valid(forecasts: PeakForecasts) -> bool:
    rates, weights, event_prob = forecasts.point_rates, forecasts.point_weights, forecasts.event_prob
    known = ~np.isnan(rates).any(axis=2)
    return bool(
        np.isfinite(rates[known]).all()
        and (rates[known] >= 0).all()
        and (np.diff(rates[known][:, : LEVELS.size], axis=1) >= 0).all()
        and np.allclose(weights[known].sum(axis=1), 1, atol=1e-5)
        and (weights >= 0).all()
        and ((event_prob >= 0) & (event_prob <= 1)).all()
        and np.isnan(rates[~known]).all()
    )


def test_the_regression_learns_the_window_that_was_forecast(fleet: Make) -> None:
    service, decay = fleet(1, first=2, lead_s=100.0), 0.5 ** (30 / FORGET_S)
    rates = waves(200)
    z = np.log(rates + 0.5 / 30)
    for n, rate in enumerate(rates):
        previous = service.peak["cross"][0].copy()
        x = service.peak["x"][0, (n + 1 - 6) % PENDING].copy()
        service.advance([rate])
        learned = service.peak["cross"][0] - decay * previous
        if n >= 6:
            # Forecast after n - 5 steps: four steps, from the third after those on.
            assert learned[0] == pytest.approx(z[n - 3 : n + 1].max(), abs=1e-4)
            np.testing.assert_allclose(learned, x * learned[0], atol=1e-4)


def test_coverage_of_noisy_waves_equals_the_levels(fleet: Make, actual_peaks: Make) -> None:
    service, rates = fleet(1), waves(3 * DAY)
    forecasts, actual = service.advance(rates), actual_peaks(rates, service.steps_ahead)
    shares = coverage(forecasts, actual, slice(DAY, None))
    for level in (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99):
        assert shares[level] == pytest.approx(level, abs=0.02)
    median = forecasts.point_rates[0, : len(actual), list(LEVELS).index(0.5)]
    error = np.abs(median - actual)[DAY:] / actual[DAY:]
    assert np.median(error) < 0.05


def test_coverage_after_a_fivefold_increase_of_traffic_equals_the_levels(
    fleet: Make, actual_peaks: Make
) -> None:
    service, rates = fleet(1), waves(4 * DAY)
    rates[2 * DAY :] *= 5
    forecasts, actual = service.advance(rates), actual_peaks(rates, service.steps_ahead)
    for begin in range(DAY, len(actual) - DAY // 2, DAY // 2):
        shares = coverage(forecasts, actual, slice(begin, begin + DAY // 2))
        for level in (0.5, 0.9, 0.95, 0.99):
            assert shares[level] == pytest.approx(level, abs=0.05)


def test_bursts_at_minutes_of_some_hours_are_expected_at_these_times(fleet: Make) -> None:
    service, days = fleet(1), 6
    rates = np.asarray(np.random.default_rng(2).poisson(20 * 30, days * DAY) / 30, np.float32)
    minute = np.arange(days * DAY) // 2
    hour = minute // 60 % 24
    onset = np.isin(minute % 60, (2, 32)) & (hour >= 8) & (hour < 20)
    rates[onset | np.roll(onset, 2)] *= 4
    burst_prob = service.advance(rates).point_weights[0, :, LEVELS.size :].sum(axis=1)
    onset_steps = np.flatnonzero(onset & ~np.roll(onset, 1))
    late = onset_steps[onset_steps > (days - 1) * DAY]
    # After `step` steps the window has the steps step + 1 to step + 3.
    ahead = {int(step) - back for step in late for back in (2, 3, 4)}
    others = set(range((days - 1) * DAY, days * DAY)) - {
        int(step) - back for step in late for back in range(-2, 8)
    }
    assert burst_prob[sorted(ahead)].mean() > 0.5
    assert burst_prob[sorted(others)].mean() < 0.05
    sizes = service.peak["burst_sizes"][0]
    assert 2.5 < np.exp(np.median(sizes)) < 4.5


@pytest.mark.parametrize("first", [0, 1, 3])
def test_windows_after_an_onset_in_the_data_delay_belong_to_the_burst(fleet: Make, first: int) -> None:
    """The quantiles contain no burst; every window with one that they leave out has burst weights."""
    service = fleet(1, first=first)
    rates = np.asarray(np.random.default_rng(2).poisson(20 * 30, 4 * DAY) / 30, np.float32)
    onset = np.arange(4 * DAY) % 120 == 10
    rates[onset | np.roll(onset, 1)] *= 4
    forecasts = service.advance(rates)
    burst_prob = forecasts.point_weights[0, :, LEVELS.size :].sum(axis=1)
    onset_steps = np.flatnonzero(onset)[-20:]
    for back in range(1, service.steps_ahead[-1] + 2):
        assert burst_prob[onset_steps - back].mean() > 0.4
    assert burst_prob[onset_steps].mean() < 0.1
    assert forecasts.point_rates[0, -1, LEVELS.size - 3] < 30


def test_steps_in_several_calls_equal_steps_in_a_single_call(fleet: Make) -> None:
    rates = np.stack([waves(500), waves(500, mean=0.01, seed=4), np.full(500, np.nan, np.float32)])
    rates[0, 100:130] = np.nan
    whole, parted = fleet(3), fleet(3)
    forecasts = whole.advance(rates)
    parts = [parted.advance(rates[:, begin : begin + 7]) for begin in range(0, 500, 7)]
    assert whole.peak.tobytes() == parted.peak.tobytes()
    assert whole.hazard.tobytes() == parted.hazard.tobytes()
    for name in PeakForecasts._fields:
        joined = np.concatenate([getattr(part, name) for part in parts], axis=1)
        assert joined.tobytes() == getattr(forecasts, name).tobytes()


@pytest.mark.parametrize("absurd", [np.inf, -np.inf, -1.0, 3e38])
def test_a_service_with_absurd_rates_does_not_change_other_services(fleet: Make, absurd: float) -> None:
    good = np.stack([waves(300), waves(300, mean=0.05, seed=3)])
    two, three = fleet(2), fleet(3)
    forecasts = two.advance(good)
    bad = np.where(np.arange(300) % 7 == 0, absurd, 5.0)
    with_bad = three.advance(np.stack([good[0], bad, good[1]]))
    for name in PeakForecasts._fields:
        assert getattr(with_bad, name)[[0, 2]].tobytes() == getattr(forecasts, name).tobytes()
    assert two.peak.tobytes() == three.peak[[0, 2]].tobytes()


@pytest.mark.parametrize("absurd", [np.inf, -np.inf, -1e-3, -1e12])
def test_a_value_that_cannot_be_a_rate_counts_as_not_observed(fleet: Make, absurd: float) -> None:
    rates = waves(400)
    rates[[50, 200, 201]] = np.nan
    clean, dirty = fleet(1), fleet(1)
    from_clean = clean.advance(rates)
    from_dirty = dirty.advance(np.where(np.isnan(rates), absurd, rates))
    assert from_dirty.point_rates.tobytes() == from_clean.point_rates.tobytes()
    assert dirty.peak.tobytes() == clean.peak.tobytes()


@pytest.mark.parametrize("step_s", [15, 30, 45, 60, 300, 600, 1800])
@pytest.mark.parametrize(
    "rates",
    [
        pytest.param(np.full(400, 3.0), id="constant"),
        pytest.param(np.zeros(400), id="all zero"),
        pytest.param(np.full(400, np.nan), id="never observed"),
        pytest.param(np.where(np.arange(400) == 17, 2.0, np.nan), id="observed once"),
        pytest.param(np.where(np.arange(400) % 3 == 0, np.nan, 2.0), id="holes"),
        pytest.param(np.where(np.arange(400) < 300, 2.0, 2000.0), id="a jump by a thousand"),
        pytest.param(np.where(np.arange(400) % 50 == 9, 1e12, 1.0), id="absurd now and then"),
        pytest.param(np.array([5.0]), id="one step"),
    ],
)
def test_forecasts_are_valid_for_unusual_rates(fleet: Make, rates: NDArray[Any], step_s: int) -> None:
    for first, lead_s in ((0, 30.0), (1, 75.0), (2, 20000.0), (200, 75.0)):
        assert is_valid(fleet(1, step_s=step_s, first=first, lead_s=lead_s).advance(rates))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from([0.0, 1 / 30, 1.0, 7.5, 1e3, 1e12, -1.0, np.nan, np.inf]), min_size=1, max_size=120
    ),
    st.sampled_from([15, 30, 60, 300, 600]),
    st.integers(0, 40),
    st.sampled_from([0.0, 30.0, 75.0, 3630.0, np.nan, np.inf]),
)
def test_forecasts_are_valid_for_any_rates(
    rates: list[float], step_s: int, first: int, lead_s: float
) -> None:
    forecasts = advance(
        peak.start(1),
        hazard.start(1),
        np.array([rates], np.float32),
        origin_s=600,
        step_s=step_s,
        first=first,
        lead_s=np.array([lead_s]),
    )
    assert is_valid(forecasts)


def test_no_quantile_after_a_jump_exceeds_the_cap(fleet: Make) -> None:
    rates = waves(DAY)
    rates[-50:] *= 1000
    forecasts = fleet(1).advance(rates)
    max_rate = np.maximum.accumulate(rates)
    cap = np.maximum(GROWTH * (max_rate + 1 / 60), OVER_NOW * (rates + 1 / 60))
    assert (forecasts.point_rates[0] <= 1.001 * cap[:, np.newaxis]).all()


def test_data_older_than_all_pending_forecasts_are_learned(fleet: Make) -> None:
    service, rates = fleet(1, first=120, lead_s=75.0), waves(2 * DAY)
    forecasts = service.advance(rates)
    assert np.abs(service.peak["cross"]).sum() > 0
    newest = forecasts.point_rates[0, -1, : LEVELS.size]
    assert newest[0] < 25 < newest[-1]


def test_a_service_observed_late_is_frequent_within_minutes(fleet: Make) -> None:
    rates = np.concatenate([np.full(2 * DAY, np.nan), waves(20)])
    assert fleet(1).advance(rates).intermittent[0, [2 * DAY, -1]].tolist() == [True, False]


def test_learned_errors_remain_after_weeks_without_data(fleet: Make) -> None:
    service = fleet(1)
    newest = service.advance(waves(DAY)).point_rates[0, -1]
    service.advance(np.full(40 * DAY, np.nan))
    kept = service.peak["histogram"].sum()
    after_gap = service.advance(waves(2)).point_rates[0, -1]
    assert kept > 100
    assert after_gap[0] < newest[3] < after_gap[10]


def test_an_onset_leaves_the_ring_although_later_steps_are_not_observed(fleet: Make) -> None:
    service = fleet(1)
    service.advance(np.concatenate([np.full(60, 5.0), [50.0]]))
    assert service.peak["onset"].sum() == 1
    service.advance(np.full(peak.RING, np.nan))
    assert service.peak["onset"].sum() == 0


def test_an_upstream_row_beyond_the_fleet_equals_an_upstream_service_of_the_fleet(fleet: Make) -> None:
    rates = (np.random.default_rng(4).random((2, 900)) < 0.05).astype(np.float32)
    forecasts = []
    for upstream in (np.array([1]), np.array([1, -1])):
        services = fleet(len(upstream))
        hazard.set_upstream(services.hazard, upstream > 0, np.ones(len(upstream), np.bool_))
        forecasts.append(services.advance(rates, upstream=upstream))
    for name in PeakForecasts._fields:
        beyond, of_fleet = (getattr(forecast, name)[0] for forecast in forecasts)
        assert beyond.tobytes() == of_fleet.tobytes()
