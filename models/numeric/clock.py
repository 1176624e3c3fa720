"""Wall clocks: which day and time of day it is where a service lives, in a form that compiled code can read.

A place's calendar is Unix time plus a shift that changes at some instants: to summer time and back, and at
both ends of a holiday, which is read as the Sunday before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.numeric.compiled import compiled

DAY_S = 86400
SUNDAY = 3
"""1 January 1970, day 0, was a Thursday."""
ALWAYS_S = -(1 << 62)


@dataclass(frozen=True, eq=False)
class Clock:
    """The wall clocks of s services, which live at p places.

    place    (s,) of each service, 0..p - 1.
    first    (p + 1,) where the shifts of each place begin; the last entry is where all end.
    since_s  (k,) Unix s from which on a shift holds, rising within a place and first ALWAYS_S.
    shift_s  (k,) what is added to Unix time then.
    """

    place: NDArray[np.int64]
    first: NDArray[np.int64]
    since_s: NDArray[np.int64]
    shift_s: NDArray[np.int64]

    def of(self, services: slice) -> "Clock":
        """The clocks of some of the services."""
        return Clock(self.place[services], self.first, self.since_s, self.shift_s)

    def here(self, service: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """since_s and shift_s (k,) where that service lives."""
        at = slice(*self.first[self.place[service] : self.place[service] + 2])
        return self.since_s[at], self.shift_s[at]


def utc(services: int) -> Clock:
    """Everybody lives by Unix time."""
    return Clock(np.zeros(services, np.int64), np.array([0, 1]), np.array([ALWAYS_S]), np.zeros(1, np.int64))


def clock(
    place: NDArray[np.int64],
    offsets: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    holidays: NDArray[np.int64],
) -> Clock:
    """The clocks of services at `place` (s,).

    offsets   of each place: Unix s (c,), the first from ever, from which on its time is so many seconds (c,)
              ahead of UTC
    holidays  (d,) local days since 1 January 1970, rising: read as the Sunday before
    """
    read = [with_holidays(since_s, offset_s, holidays) for since_s, offset_s in offsets]
    first = np.cumsum([0, *(len(since_s) for since_s, _ in read)])
    since, shift = (np.concatenate([each[part] for each in read]).astype(np.int64) for part in (0, 1))
    return Clock(place.astype(np.int64), first.astype(np.int64), since, shift)


def with_holidays(
    since_s: NDArray[np.int64], offset_s: NDArray[np.int64], holidays: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Since when (k,) which shift (k,) holds at a place: its offset, less the days to Sunday on holidays."""
    since_s = np.concatenate([[ALWAYS_S], since_s[1:]])
    # A holiday may begin or end on either side of a change of the offset: any offset's midnight may be it.
    edges = np.unique(np.concatenate([holidays, holidays + 1])) * DAY_S
    midnights = (edges[:, np.newaxis] - np.unique(offset_s)).ravel()
    since = np.unique(np.concatenate([since_s, midnights]))
    offset = offset_s[np.searchsorted(since_s, since, side="right") - 1]
    day = (since + offset) // DAY_S
    back = np.where(np.isin(day, holidays), (day - SUNDAY) % 7, 0)
    shift = offset - back * DAY_S
    changes = np.concatenate([[True], np.diff(shift) != 0])
    return since[changes], shift[changes]


@compiled
def local_time_s(here: Any, time_s: int) -> int:
    """Seconds from 1 January 1970, 00:00, to what clock and calendar of a place show at Unix time `time_s`.

    here   since_s and shift_s (k,) of the place, as in Clock
    """
    since_s, shift_s = here
    low, high = 0, len(since_s)
    while high - low > 1:
        middle = (low + high) // 2
        if since_s[middle] <= time_s:
            low = middle
        else:
            high = middle
    return int(time_s + shift_s[low])
