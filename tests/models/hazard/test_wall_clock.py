"""Crons of a place with summer time: when the next comes after its clocks were changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from config.zones import day_of, offsets
from models.numeric.clock import Clock, clock

Chances = Callable[..., NDArray[np.float32]]
BERLIN = ZoneInfo("Europe/Berlin")


def clock_of(*holidays: str) -> Clock:
    since_s, offset_s = np.array(offsets(str(BERLIN)), np.int64).T
    days = np.array(sorted(day_of(day) for day in holidays), np.int64)
    return clock(np.zeros(1, np.int64), [(since_s, offset_s)], days)


class Office:
    """A request at 09:00 in Berlin on `days` of the week (Monday: 0) that are no holiday, by the minute."""

    def __init__(self, first: datetime, last: datetime, days: tuple[int, ...], *holidays: str) -> None:
        self.from_s, self.until_s = int(first.timestamp()), int(last.timestamp())
        self.events = np.zeros((self.until_s - self.from_s) // 60)
        for minute in range(len(self.events)):
            local = datetime.fromtimestamp(self.from_s + 60 * minute, BERLIN)
            works = local.weekday() in days and str(local.date()) not in holidays
            self.events[minute] = works and (local.hour, local.minute) == (9, 0)

    def said(self, chances: Chances, clock: Clock | None) -> Callable[[datetime], float]:
        """Who asks at a moment is told the chance of a request within the ten minutes around it."""
        all_said = chances(self.events, lead_s=600, origin_s=self.from_s, clock=clock)

        def at(moment: datetime) -> float:
            return float(all_said[(int(moment.timestamp()) - self.from_s) // 60 - 6])

        return at


def utc_at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]


def local(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("begins", "monday_before", "monday"),
    [
        pytest.param((2026, 2, 2), (2026, 3, 23), (2026, 3, 30), id="to summer time"),
        pytest.param((2026, 9, 7), (2026, 10, 19), (2026, 10, 26), id="to winter time"),
    ],
)
def test_a_cron_on_weekdays_stays_at_its_hour_when_the_clocks_change(
    chances: Chances, begins: tuple[int, ...], monday_before: tuple[int, ...], monday: tuple[int, ...]
) -> None:
    office = Office(utc_at(*begins), utc_at(*monday, 12), (0, 1, 2, 3, 4))
    at, by_utc = office.said(chances, clock_of()), office.said(chances, None)
    before, nine = local(*monday_before, 9), local(*monday, 9)
    old = utc_at(*monday, before.astimezone(UTC).hour)
    assert at(nine) > 0.1
    assert at(nine) == pytest.approx(at(before), rel=0.2)
    assert at(old) < 0.01
    # Without the calendar it is looked for an hour off.
    assert by_utc(nine) < 0.01
    assert by_utc(old) > 5 * by_utc(nine)


def test_a_holiday_is_as_still_as_a_sunday(chances: Chances) -> None:
    office = Office(utc_at(2026, 9, 7), utc_at(2027, 1, 2), (4,), "2026-12-25")
    known, unknown = office.said(chances, clock_of("2026-12-25")), office.said(chances, clock_of())
    usual = known(local(2026, 12, 18, 9))
    assert usual > 0.05
    assert known(local(2026, 12, 25, 9)) < 0.2 * usual
    assert unknown(local(2026, 12, 25, 9)) == pytest.approx(usual, rel=0.2)
