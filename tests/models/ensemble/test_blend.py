"""The blend: which members it weighs, what it knows at each origin, and its skill."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.ensemble import MEMBERS
from models.ensemble.blend import LEVELS, RollingForecasts, blend
from models.ensemble.rolling import actuals_after, evaluate_rolling, measure_skill

STEP_S, ORIGINS, HORIZON = 300, 300, 4
Floats = NDArray[np.float64]


def rolling(*log_errors: Floats, rate: float = 100.0) -> RollingForecasts:
    """Members with errors `log_errors` (k, h), of traffic that varies about `rate`."""
    rng = np.random.default_rng(1)
    actual = rate * rng.lognormal(0, 0.5, (ORIGINS, 1)) * np.ones(HORIZON)
    forecast = np.stack([actual * np.exp(errors) for errors in log_errors], axis=1)
    return RollingForecasts(np.arange(ORIGINS) * HORIZON, forecast, actual)


def normal_errors(sigma: float, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, sigma, (ORIGINS, HORIZON))


def test_the_more_accurate_member_gets_the_weight() -> None:
    blended = blend(rolling(normal_errors(0.05, 2), normal_errors(0.6, 3)), STEP_S)
    assert blended.weights[-1, 0] > 0.99
    assert blended.weights[-1].sum() == pytest.approx(1)


def test_blend_loses_little_against_the_best_in_hindsight_where_the_best_member_changes() -> None:
    late = np.arange(ORIGINS)[:, None] >= ORIGINS // 2
    improving, worsening = (
        np.where(late, normal_errors(b, seed), normal_errors(a, seed))
        for a, b, seed in ((0.1, 0.5, 2), (0.5, 0.2, 3))
    )
    blended = blend(rolling(improving, worsening, normal_errors(0.6, 5)), 4 * STEP_S)
    scored = ~np.isnan(blended.loss)
    assert blended.loss[scored].mean() < 1.03 * blended.losses[scored].mean(axis=0).min()


def test_blend_of_equally_accurate_members_loses_less_than_each() -> None:
    blended = blend(rolling(normal_errors(0.3, 2), normal_errors(0.3, 3)), STEP_S)
    scored = ~np.isnan(blended.loss)
    assert blended.loss[scored].mean() < 0.9 * blended.losses[scored].mean(axis=0).min()


def test_coverage_of_the_blend_equals_the_levels() -> None:
    forecasts = rolling(normal_errors(0.3, 2), normal_errors(0.4, 3))
    blended = blend(forecasts, STEP_S)
    scored = ~np.isnan(blended.loss)
    coverage = (forecasts.actual[scored, None, :] <= blended.quantiles[scored]).mean(axis=(0, 2))
    np.testing.assert_allclose(coverage, LEVELS, atol=0.05)
    assert (np.diff(blended.quantiles[scored], axis=1) >= 0).all()


def test_later_actual_rates_do_not_change_earlier_blends() -> None:
    forecasts = rolling(normal_errors(0.3, 2), normal_errors(0.4, 3))
    changed_from = 150
    changed = forecasts.actual.copy()
    changed[changed_from:] *= 50
    first = blend(forecasts, STEP_S)
    second = blend(RollingForecasts(forecasts.origins, forecasts.forecast, changed), STEP_S)
    np.testing.assert_array_equal(first.quantiles[: changed_from + 1], second.quantiles[: changed_from + 1])
    assert not np.array_equal(first.quantiles[-1], second.quantiles[-1])


def test_no_blend_before_errors_are_known() -> None:
    blended = blend(rolling(normal_errors(0.3, 2)), STEP_S)
    assert np.isnan(blended.quantiles[:12]).all()
    assert not np.isnan(blended.quantiles[20:]).any()


def test_a_member_without_a_forecast_at_an_origin_has_no_weight_there() -> None:
    forecasts = rolling(normal_errors(0.05, 2), normal_errors(0.4, 3))
    forecasts.forecast[-1, 0] = np.nan
    blended = blend(forecasts, STEP_S)
    np.testing.assert_allclose(blended.weights[-1], [0, 1])
    np.testing.assert_allclose(blended.mean[-1], forecasts.forecast[-1, 1])


def test_a_member_with_few_forecasts_has_little_weight() -> None:
    forecasts = rolling(normal_errors(0.01, 2), normal_errors(0.4, 3))
    forecasts.forecast[:-30, 0] = np.nan
    assert blend(forecasts, STEP_S).weights[-1, 1] > 0.9


def test_blend_without_any_forecast_is_nan() -> None:
    blended = blend(rolling(np.full((ORIGINS, HORIZON), np.nan)), STEP_S)
    assert np.isnan(blended.quantiles).all()
    assert np.isnan(blended.mean).all()


def test_blend_without_any_traffic_is_zero() -> None:
    zero = np.zeros((ORIGINS, HORIZON))
    forecasts = RollingForecasts(np.arange(ORIGINS), zero[:, None, :].repeat(2, axis=1), zero)
    np.testing.assert_array_equal(blend(forecasts, STEP_S).quantiles[-1], 0)


def office_rates(days: int, seed: int) -> Floats:
    hours = np.arange(days * 24)
    mean = np.where(hours % 24 < 10, 5.0, 40.0) * np.where(hours // 24 % 7 < 5, 1.0, 0.3)
    return np.asarray(mean * np.random.default_rng(seed).lognormal(0, 0.05, hours.size), np.float64)


def test_blend_adds_skill_where_weekdays_differ_and_the_daily_profile_does_not_know() -> None:
    y = office_rates(28, 1)
    forecasts = evaluate_rolling(y, 3600, np.arange(18 * 24, y.size - 1, 4), 2)
    skill = measure_skill(forecasts, blend(forecasts, 3600))
    assert skill.adds_skill
    assert skill.best in MEMBERS
    assert skill.regret < 0.5


def test_blend_adds_no_skill_to_random_counts() -> None:
    y = np.random.default_rng(4).poisson(20, 14 * 24).astype(np.float64)
    forecasts = evaluate_rolling(y, 3600, np.arange(8 * 24, y.size - 1, 4), 2)
    assert not measure_skill(forecasts, blend(forecasts, 3600)).adds_skill


def test_skill_without_a_known_loss_is_unknown() -> None:
    forecasts = evaluate_rolling(np.empty(0), 3600, np.array([0]), 4)
    skill = measure_skill(forecasts, blend(forecasts, 3600))
    assert np.isnan(skill.gain)
    assert not skill.adds_skill


def test_actual_rates_after_the_end_of_the_series_are_nan() -> None:
    actual = actuals_after(np.arange(3.0), np.array([2, 3]), 2)
    np.testing.assert_array_equal(actual[:, 0], [2, np.nan])
