"""Warm start: weeks in long steps, before the first short step."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.peak.state import LEVELS, PENDING_FIELDS
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
COARSE_S, DAY_S = 300, 86400


def daily(start_s: int, end_s: int, step_s: int, *, seed: int = 1) -> NDArray[np.float32]:
    """(n,) 5 requests/s, and 50 from 09:00 to 17:00."""
    hour = np.arange(start_s, end_s, step_s) % DAY_S // 3600
    mean = np.where((hour >= 9) & (hour < 17), 50.0, 5.0)
    return (np.random.default_rng(seed).poisson(mean * step_s) / step_s).astype(np.float32)


def warm_start_fleet(services: Any, rates: NDArray[np.float32], *, end_s: int) -> None:
    """Warm-start a fleet with rates (s, n) that end at `end_s`, where its first short step begins."""
    warm_start(
        services.peak,
        services.hazard,
        rates,
        origin_s=end_s - rates.shape[1] * COARSE_S,
        step_s=COARSE_S,
        delay_s=30.0,
        lead_s=np.full(services.services, 75.0),
    )
    services.now_s = end_s


def test_the_daily_rise_is_forecast_on_the_first_day_after_a_warm_start(fleet: Make) -> None:
    warm, cold = fleet(1, lead_s=900.0), fleet(1, lead_s=900.0)
    begin_s, rise_s = 14 * DAY_S, 14 * DAY_S + 9 * 3600
    warm_start_fleet(warm, daily(0, begin_s, COARSE_S)[np.newaxis], end_s=begin_s)
    cold.now_s = begin_s
    today = daily(begin_s, rise_s - 300, 30, seed=2)
    high = int(np.argmin(np.abs(LEVELS - 0.95)))
    quantiles = [service.advance(today).point_rates[0, -1, high] for service in (warm, cold)]
    assert quantiles[0] > 25
    assert quantiles[1] < 0.5 * quantiles[0]


def test_a_warm_start_without_history_changes_nothing(fleet: Make) -> None:
    warm, cold = fleet(2), fleet(2)
    warm_start_fleet(warm, np.empty((2, 0), np.float32), end_s=0)
    assert warm.peak.tobytes() == cold.peak.tobytes()
    assert warm.hazard.tobytes() == cold.hazard.tobytes()


def test_long_steps_are_not_read_as_short_ones_after_a_warm_start(fleet: Make) -> None:
    service = fleet(1)
    warm_start_fleet(service, daily(0, 2 * DAY_S, COARSE_S)[np.newaxis], end_s=2 * DAY_S)
    for name in ("rate", "z", *PENDING_FIELDS):
        assert np.isnan(service.peak[name]).all()
    assert not service.peak["steps"].any()
    # The first short steps have little traffic, and the last long one had not.
    rates = service.advance(np.full(20, 0.5, np.float32)).point_rates[0, -1]
    assert np.isfinite(rates).all()
    assert rates[: LEVELS.size].max() < 50


def test_a_history_with_unobserved_services_keeps_states_finite(fleet: Make) -> None:
    services = fleet(2)
    weeks = np.full((2, 7 * 288), np.nan, np.float32)
    weeks[1] = daily(0, 7 * DAY_S, COARSE_S)
    weeks[1, 500:900] = np.nan
    warm_start_fleet(services, weeks, end_s=7 * DAY_S)
    assert np.isfinite(services.peak["beta"]).all()
    forecasts = services.advance(np.full((2, 40), 3.0, np.float32))
    assert np.isfinite(forecasts.point_rates[:, -1]).all()
