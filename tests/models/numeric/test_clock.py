"""Wall clocks beside those of the standard library."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.zones import offsets
from models.numeric.clock import Clock, clock, local_time_s, utc

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe",
    "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu",
]  # fmt: skip
DAY_0, EPOCH = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)


def made(zones: list[str], holidays: list[date]) -> Clock:
    """The clocks of one service in each zone."""
    days = np.array(sorted({(day - DAY_0).days for day in holidays}), np.int64)
    changes = [np.array(offsets(zone), np.int64).T for zone in zones]
    return clock(np.arange(len(zones)), [(since_s, offset_s) for since_s, offset_s in changes], days)


def by_library(at: datetime, zone: str, holidays: list[date]) -> int:
    """Seconds to what the wall clock shows; on a holiday, to the same time of the Sunday before."""
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    if local.date() in holidays:
        local -= timedelta(days=(local.weekday() + 1) % 7)
    return round((local - EPOCH).total_seconds())


@given(
    st.sampled_from(range(len(ZONES))),
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)).map(
        lambda at: at.replace(microsecond=0, tzinfo=UTC)
    ),
    st.lists(st.integers(-10, 10), max_size=6),
)
def test_any_instant_is_shown_as_the_library_shows_it(place: int, at: datetime, away: list[int]) -> None:
    holidays = [at.date() + timedelta(days=days) for days in away]
    shown = local_time_s(made(ZONES, holidays).here(place), int(at.timestamp()))
    assert shown == by_library(at, ZONES[place], holidays)


@pytest.mark.parametrize("zone", ZONES)
def test_seconds_around_every_change_and_midnight_of_a_year_with_holidays(zone: str) -> None:
    holidays = [date(2026, month, day) for month in range(1, 13) for day in (1, 25, 28, 29)
                if not (month == 2 and day == 29)]  # fmt: skip
    here = made([zone], holidays).here(0)
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    for time_s in range(first, first + 365 * 86400, 1800):
        for near_s in (time_s - 1, time_s):
            at = datetime.fromtimestamp(near_s, UTC)
            assert local_time_s(here, near_s) == by_library(at, zone, holidays), at


def test_before_and_after_all_that_is_known_the_last_offset_stands() -> None:
    here = made(["Europe/Berlin"], []).here(0)
    assert [local_time_s(here, time_s) - time_s for time_s in (-(10**10), 0, 10**10)] == [3600, 3600, 3600]


def test_a_sunday_that_is_a_holiday_stays_as_it_is() -> None:
    sunday = date(2026, 3, 1)
    here = made(["UTC"], [sunday]).here(0)
    noon_s = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
    assert local_time_s(here, noon_s) == noon_s


def test_services_keep_their_places_when_some_are_taken() -> None:
    whole = made(["UTC", "Asia/Kolkata", "Europe/Berlin"], [])
    some = whole.of(slice(1, 3))
    assert [local_time_s(some.here(i), 0) for i in (0, 1)] == [19800, 3600]
    assert local_time_s(utc(2).here(1), 5) == 5
