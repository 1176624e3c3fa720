"""Profiles of day and week by the wall clock, beside a change of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from config.zones import day_of, offsets
from models.numeric.clock import Clock, clock, utc
from models.peak.state import LEVELS
from models.peak.usual import usual
from models.peak.warm_start import warm_start

Make = Callable[..., Any]
BERLIN, COARSE_S, DAY_S = ZoneInfo("Europe/Berlin"), 300, 86400
HIGH = int(np.argmin(np.abs(LEVELS - 0.95)))


def berlin(*holidays: str) -> Clock:
    since_s, offset_s = np.array(offsets(str(BERLIN)), np.int64).T
    days = np.array(sorted(day_of(day) for day in holidays), np.int64)
    return clock(np.zeros(1, np.int64), [(since_s, offset_s)], days)


def local_s(*when: int) -> int:
    return int(datetime(*when, tzinfo=BERLIN).timestamp())  # type: ignore[arg-type, misc]


def office(start_s: int, end_s: int, step_s: int) -> NDArray[np.float32]:
    """(n,) 5 requests/s, and 50 from 09:00 to 17:00 in Berlin from Monday to Friday."""
    times = [datetime.fromtimestamp(time_s, BERLIN) for time_s in range(start_s, end_s, step_s)]
    mean = np.array([50.0 if at.weekday() < 5 and 9 <= at.hour < 17 else 5.0 for at in times])
    return (np.random.default_rng(start_s).poisson(mean * step_s) / step_s).astype(np.float32)


def active_floors(fleet: Make, now_s: int, by: Clock) -> float:
    """The level 0.95 of the quarter of an hour after `now_s`, when six weeks are known."""
    one = fleet(1, lead_s=900.0)
    begin_s = now_s - 3 * 3600
    warm_start(
        one.peak,
        one.hazard,
        office(begin_s - 42 * DAY_S, begin_s, COARSE_S)[np.newaxis],
        origin_s=begin_s - 42 * DAY_S,
        step_s=COARSE_S,
        delay_s=30.0,
        lead_s=np.full(1, 900.0),
        clock=by,
    )
    one.now_s = begin_s
    return float(one.take(office(begin_s, now_s, 30), clock=by).rates[0, -1, HIGH])


def test_the_rise_of_the_day_is_foreseen_by_the_wall_clock_when_it_was_changed(fleet: Make) -> None:
    # In the night to Sunday, 29 March, the clocks went an hour forward.
    before_nine_s = local_s(2026, 3, 30, 8, 50)
    assert active_floors(fleet, before_nine_s, berlin()) > 25
    assert active_floors(fleet, before_nine_s, utc(1)) < 15


def test_on_a_holiday_the_rise_of_a_weekday_is_not_waited_for(fleet: Make) -> None:
    before_nine_s = local_s(2026, 3, 24, 8, 50)
    assert active_floors(fleet, before_nine_s, berlin()) > 25
    assert active_floors(fleet, before_nine_s, berlin("2026-03-24")) < 0.7 * active_floors(
        fleet, before_nine_s, berlin()
    )


def test_what_is_usual_is_that_of_the_wall_clock(fleet: Make) -> None:
    one, by = fleet(1), berlin("2026-03-27")
    end_s = int(datetime(2026, 3, 23, tzinfo=UTC).timestamp())
    warm_start(
        one.peak, one.hazard, office(end_s - 28 * DAY_S, end_s, COARSE_S)[np.newaxis],
        origin_s=end_s - 28 * DAY_S, step_s=COARSE_S, delay_s=30.0, lead_s=np.full(1, 75.0), clock=by,
    )  # fmt: skip
    hours = [
        local_s(2026, 3, 26, 11),
        local_s(2026, 3, 26, 6),
        local_s(2026, 3, 27, 11),
        local_s(2026, 3, 30, 9, 30),
    ]
    from_s = np.array(hours)
    said = usual(one.peak, np.zeros(4, np.intp), from_s, from_s + 60, step_s=30, clock=by)
    np.testing.assert_allclose(said, [50, 5, 5, 50], rtol=0.1)


def test_of_what_was_never_seen_nothing_is_usual(fleet: Make) -> None:
    one = fleet(2)
    assert usual(one.peak, np.array([1]), np.array([0]), np.array([600]), step_s=30).tolist() == [0]
