"""Parse and format dates and times, and list the UTC offsets of time zones.

Time zones are those of the IANA database, of the system or of the package `tzdata`.  No clock is read.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years between which the changes of an offset are listed; outside, the offset is that at the nearer end."""
_SEARCH_STEP = timedelta(days=5)
"""Step of the search for changes.  No zone changes its offset and changes it back within so few days."""
_EPOCH = date(1970, 1, 1)


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises:
        ValueError: there is no time zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # the name of a folder of the database is an OSError
        raise ValueError(name) from None


def parse_day(text: str) -> int:
    """Return the days from 1 January 1970 to a date such as 2026-12-25.

    Raises:
        ValueError: the text is not a date in that form.
    """
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(text)
    return (date.fromisoformat(text) - _EPOCH).days


def parse_time(text: str, zone: str) -> int:
    """Return the Unix seconds of a time such as 2026-11-27T08:00; without an offset it is a time in `zone`.

    Raises:
        ValueError: the text is not a time in that form, or the zone does not exist.
    """
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text, re.ASCII):
        raise ValueError(text)
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=find_zone(zone))).timestamp())


def format_day(day: int) -> str:
    """Return the date that is `day` days after 1 January 1970, in the form that `parse_day` reads."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def format_time(time_s: int) -> str:
    """Return the time at `time_s` Unix seconds in UTC, in the form that `parse_time` reads."""
    return datetime.fromtimestamp(time_s, UTC).isoformat()


@cache
def utc_offsets(zone: str) -> tuple[tuple[int, int], ...]:
    """Return the offsets of a time zone in order of time: (Unix s from which it holds, seconds ahead of UTC).

    Raises:
        ValueError: there is no time zone of that name.
    """
    info = find_zone(zone)

    def offset_s(moment: datetime) -> int:
        offset = moment.astimezone(info).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    moment, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    offsets = [(int(moment.timestamp()), offset_s(moment))]
    while moment < end:
        low, high = moment, min(moment + _SEARCH_STEP, end)
        moment = high
        if offset_s(low) == offset_s(high):
            continue
        old_s = offset_s(low)
        # Bisection: the offset changes in (low, high].
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
            low, high = (middle, high) if offset_s(middle) == old_s else (low, middle)
        offsets.append((int(high.timestamp()), offset_s(high)))
    return tuple(offsets)
