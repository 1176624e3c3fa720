"""Profiles of day and week in local time, around a change of the clocks."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from config.zones import parse_day, utc_offsets
from models.numeric.clock import Clock, build_clock, utc
from models.peak.baseline import baseline
from models.peak.state import LEVELS
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
BERLIN, COARSE_S, DAY_S = ZoneInfo("Europe/Berlin"), 300, 86400
HIGH = int(np.argmin(np.abs(LEVELS - 0.95)))


def berlin_clock(*holidays: str) -> Clock:
    since_s, offset_s = np.array(utc_offsets(str(BERLIN)), np.int64).T
    days = np.array(sorted(parse_day(day) for day in holidays), np.int64)
    return build_clock(np.zeros(1, np.int64), [(since_s, offset_s)], days)


def local_s(*when: int) -> int:
    return int(datetime(*when, tzinfo=BERLIN).timestamp())  # type: ignore[arg-type, misc]


def office(start_s: int, end_s: int, step_s: int) -> NDArray[np.float32]:
    """(n,) 5 requests/s, and 50 from 09:00 to 17:00 in Berlin from Monday to Friday."""
    times = [datetime.fromtimestamp(time_s, BERLIN) for time_s in range(start_s, end_s, step_s)]
    mean = np.array([50.0 if time.weekday() < 5 and 9 <= time.hour < 17 else 5.0 for time in times])
    return (np.random.default_rng(start_s).poisson(mean * step_s) / step_s).astype(np.float32)


def high_quantile(fleet: Make, now_s: int, clock: Clock) -> float:
    """The quantile at 0.95 of the quarter of an hour after `now_s`, after six weeks of history."""
    service = fleet(1, lead_s=900.0)
    begin_s = now_s - 3 * 3600
    warm_start(
        service.peak,
        service.hazard,
        office(begin_s - 42 * DAY_S, begin_s, COARSE_S)[np.newaxis],
        origin_s=begin_s - 42 * DAY_S,
        step_s=COARSE_S,
        delay_s=30.0,
        lead_s=np.full(1, 900.0),
        clock=clock,
    )
    service.now_s = begin_s
    return float(service.advance(office(begin_s, now_s, 30), clock=clock).point_rates[0, -1, HIGH])


def test_the_daily_rise_is_forecast_in_local_time_after_a_change_of_the_clocks(fleet: Make) -> None:
    # In the night to Sunday, 29 March, the clocks were set an hour forward.
    before_nine_s = local_s(2026, 3, 30, 8, 50)
    assert high_quantile(fleet, before_nine_s, berlin_clock()) > 25
    assert high_quantile(fleet, before_nine_s, utc(1)) < 15


def test_the_rise_of_a_weekday_is_not_forecast_on_a_holiday(fleet: Make) -> None:
    before_nine_s = local_s(2026, 3, 24, 8, 50)
    assert high_quantile(fleet, before_nine_s, berlin_clock()) > 25
    assert high_quantile(fleet, before_nine_s, berlin_clock("2026-03-24")) < 0.7 * high_quantile(
        fleet, before_nine_s, berlin_clock()
    )


def test_baseline_is_read_in_local_time(fleet: Make) -> None:
    service, clock = fleet(1), berlin_clock("2026-03-27")
    end_s = int(datetime(2026, 3, 23, tzinfo=UTC).timestamp())
    warm_start(
        service.peak, service.hazard, office(end_s - 28 * DAY_S, end_s, COARSE_S)[np.newaxis],
        origin_s=end_s - 28 * DAY_S, step_s=COARSE_S, delay_s=30.0, lead_s=np.full(1, 75.0), clock=clock,
    )  # fmt: skip
    times = [
        local_s(2026, 3, 26, 11),
        local_s(2026, 3, 26, 6),
        local_s(2026, 3, 27, 11),
        local_s(2026, 3, 30, 9, 30),
    ]
    from_s = np.array(times)
    rates = baseline(service.peak, np.zeros(4, np.intp), from_s, from_s + 60, step_s=30, clock=clock)
    np.testing.assert_allclose(rates, [50, 5, 5, 50], rtol=0.1)


def test_baseline_of_a_service_never_observed_is_zero(fleet: Make) -> None:
    services = fleet(2)
    rates = baseline(services.peak, np.array([1]), np.array([0]), np.array([600]), step_s=30)
    assert rates.tolist() == [0]
