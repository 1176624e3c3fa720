"""Wall clocks, compared with those of the standard library."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.zones import utc_offsets
from models.numeric.clock import Clock, build_clock, local_time_s, utc

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe",
    "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu",
]  # fmt: skip
DAY_0, EPOCH = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)


def clock_of(zones: list[str], holidays: list[date]) -> Clock:
    """The clocks of one service in each zone."""
    days = np.array(sorted({(day - DAY_0).days for day in holidays}), np.int64)
    changes = [np.array(utc_offsets(zone), np.int64).T for zone in zones]
    return build_clock(np.arange(len(zones)), [(since_s, offset_s) for since_s, offset_s in changes], days)


def library_time_s(instant: datetime, zone: str, holidays: list[date]) -> int:
    """Local seconds by the standard library; on a holiday, of the same time on the Sunday before."""
    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    if local.date() in holidays:
        local -= timedelta(days=(local.weekday() + 1) % 7)
    return round((local - EPOCH).total_seconds())


@given(
    st.sampled_from(range(len(ZONES))),
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)).map(
        lambda instant: instant.replace(microsecond=0, tzinfo=UTC)
    ),
    st.lists(st.integers(-10, 10), max_size=6),
)
def test_local_time_of_any_instant_equals_that_of_the_library(
    zone: int, instant: datetime, days_to_holidays: list[int]
) -> None:
    holidays = [instant.date() + timedelta(days=days) for days in days_to_holidays]
    local = local_time_s(clock_of(ZONES, holidays).zone_table(zone), int(instant.timestamp()))
    assert local == library_time_s(instant, ZONES[zone], holidays)


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_around_every_change_and_midnight_of_a_year_with_holidays_equals_that_of_the_library(
    zone: str,
) -> None:
    holidays = [date(2026, month, day) for month in range(1, 13) for day in (1, 25, 28, 29)
                if not (month == 2 and day == 29)]  # fmt: skip
    table = clock_of([zone], holidays).zone_table(0)
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    for time_s in range(first, first + 365 * 86400, 1800):
        for near_s in (time_s - 1, time_s):
            instant = datetime.fromtimestamp(near_s, UTC)
            assert local_time_s(table, near_s) == library_time_s(instant, zone, holidays), instant


def test_before_and_after_all_known_changes_the_nearest_offset_holds() -> None:
    table = clock_of(["Europe/Berlin"], []).zone_table(0)
    assert [local_time_s(table, time_s) - time_s for time_s in (-(10**10), 0, 10**10)] == [3600, 3600, 3600]


def test_a_holiday_on_a_sunday_keeps_the_date() -> None:
    sunday = date(2026, 3, 1)
    table = clock_of(["UTC"], [sunday]).zone_table(0)
    noon_s = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
    assert local_time_s(table, noon_s) == noon_s


def test_services_of_a_slice_keep_their_zones() -> None:
    whole = clock_of(["UTC", "Asia/Kolkata", "Europe/Berlin"], [])
    selected = whole.select(slice(1, 3))
    assert [local_time_s(selected.zone_table(i), 0) for i in (0, 1)] == [19800, 3600]
    assert local_time_s(utc(2).zone_table(1), 5) == 5
