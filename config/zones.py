"""Time zones and dates: how far a zone's clocks are from UTC, and what a written date or time means.

Zones are those of the IANA database, of the system or of the package `tzdata`.  No clock is read.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Changes of a zone are known between the two; before and after, its time is as at their border."""
_LOOK = timedelta(days=5)
"""No zone changes twice within so few days, and is then as before."""
_DAY_0 = date(1970, 1, 1)


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name; ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # a folder of the database is an OSError
        raise ValueError(name) from None


def day_of(text: str) -> int:
    """Days from 1 January 1970 to a date such as 2026-12-25; ValueError where it is none."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(text)
    return (date.fromisoformat(text) - _DAY_0).days


def moment_of(text: str, zone: str) -> int:
    """Unix seconds of a time such as 2026-11-27T08:00, of `zone` where it has no offset; ValueError: none."""
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text, re.ASCII):
        raise ValueError(text)
    read = datetime.fromisoformat(text)
    return int((read if read.tzinfo else read.replace(tzinfo=zone_of(zone))).timestamp())


def written_day(day: int) -> str:
    """The date that is so many days from 1 January 1970, as `day_of` reads it."""
    return (_DAY_0 + timedelta(days=day)).isoformat()


def written_moment(at_s: int) -> str:
    """The time of these Unix seconds in UTC, as `moment_of` reads it."""
    return datetime.fromtimestamp(at_s, UTC).isoformat()


@cache
def offsets(zone: str) -> tuple[tuple[int, int], ...]:
    """(Unix s, seconds ahead of UTC from then on) of each change of a zone, in their order."""
    place = zone_of(zone)

    def ahead_s(at: datetime) -> int:
        ahead = at.astimezone(place).utcoffset()
        return int(ahead.total_seconds()) if ahead is not None else 0

    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    found = [(int(at.timestamp()), ahead_s(at))]
    while at < end:
        low, high = at, min(at + _LOOK, end)
        at = high
        if ahead_s(low) == ahead_s(high):
            continue
        before = ahead_s(low)
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
            low, high = (middle, high) if ahead_s(middle) == before else (low, middle)
        found.append((int(high.timestamp()), ahead_s(high)))
    return tuple(found)
