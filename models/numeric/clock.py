"""Wall clocks: the local day and time of day of each service, in a form that compiled code can read.

Local time is Unix time plus a shift.  The shift of a time zone changes at some instants: when summer time
begins and ends, and at both ends of a holiday, because a holiday is read as the Sunday before it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled

DAY_S = 86400
SUNDAY = 3
"""Day number of the first Sunday, counted from 0 = 1 January 1970, which was a Thursday."""
ALWAYS_S = -(1 << 62)
"""Unix seconds before every instant: the first shift of a zone holds from here on."""


class ZoneTable(NamedTuple):
    """The shifts of one time zone.

    since_s  (k,) Unix seconds from which each shift holds, rising; the first is ALWAYS_S.
    shift_s  (k,) seconds added to Unix time from then on.
    """

    since_s: NDArray[np.int64]
    shift_s: NDArray[np.int64]


class Clock(NamedTuple):
    """The wall clocks of s services in z time zones.  Compiled code takes it as it is.

    zone     (s,) index of each service's time zone, 0..z - 1.
    first    (z + 1,) row of `since_s` where the shifts of each zone begin; the last entry is their number.
    since_s  (k,) Unix seconds from which each shift holds, rising within a zone; the first is ALWAYS_S.
    shift_s  (k,) seconds added to Unix time from then on.
    """

    zone: NDArray[np.int64]
    first: NDArray[np.int64]
    since_s: NDArray[np.int64]
    shift_s: NDArray[np.int64]

    def select(self, services: slice) -> "Clock":
        """The clocks of a slice of the services."""
        return self._replace(zone=self.zone[services])

    def zone_table(self, service: int) -> ZoneTable:
        """The shifts of the time zone of one service."""
        rows = slice(*self.first[self.zone[service] : self.zone[service] + 2])
        return ZoneTable(self.since_s[rows], self.shift_s[rows])


def utc(services: int) -> Clock:
    """The clocks of services that all use UTC."""
    return Clock(np.zeros(services, np.int64), np.array([0, 1]), np.array([ALWAYS_S]), np.zeros(1, np.int64))


def build_clock(
    zone: NDArray[np.int64],
    offsets: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    holidays: NDArray[np.int64],
) -> Clock:
    """The clocks of services in the time zones `zone` (s,).

    offsets   per zone two arrays (c,): Unix seconds from which an offset holds, and the offset, which is
              local time less UTC in seconds; the first offset also holds before its instant
    holidays  (d,) local days since 1 January 1970, rising; each is read as the Sunday before it
    """
    tables = [with_holidays(since_s, offset_s, holidays) for since_s, offset_s in offsets]
    first = np.cumsum([0, *(len(since_s) for since_s, _ in tables)])
    since, shift = (np.concatenate([table[column] for table in tables]).astype(np.int64) for column in (0, 1))
    return Clock(zone.astype(np.int64), first.astype(np.int64), since, shift)


def with_holidays(
    since_s: NDArray[np.int64], offset_s: NDArray[np.int64], holidays: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The instants (k,) and shifts (k,) of a zone: its offset, less the days back to Sunday on a holiday.

    since_s, offset_s   (c,) the offsets of the zone, as in `build_clock`
    holidays            (d,) local days since 1 January 1970
    """
    since_s = np.concatenate([[ALWAYS_S], since_s[1:]])
    # A holiday may begin or end on either side of a change of the offset, so the midnight of each offset is
    # a candidate.
    edges = np.unique(np.concatenate([holidays, holidays + 1])) * DAY_S
    midnights = (edges[:, np.newaxis] - np.unique(offset_s)).ravel()
    since = np.unique(np.concatenate([since_s, midnights]))
    offset = offset_s[np.searchsorted(since_s, since, side="right") - 1]
    day = (since + offset) // DAY_S
    days_back = np.where(np.isin(day, holidays), (day - SUNDAY) % 7, 0)
    shift = offset - days_back * DAY_S
    changes = np.concatenate([[True], np.diff(shift) != 0])
    return since[changes], shift[changes]


@compiled
def local_time_s(zone: Any, time_s: int) -> int:
    """Seconds from 1 January 1970, 00:00, to the local time that a wall clock shows at Unix time `time_s`.

    zone   ZoneTable of the time zone
    """
    since_s, shift_s = zone
    low, high = 0, len(since_s)
    while high - low > 1:
        middle = (low + high) // 2
        if since_s[middle] <= time_s:
            low = middle
        else:
            high = middle
    return int(time_s + shift_s[low])
