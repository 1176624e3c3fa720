"""Crons in a time zone with summer time: when the next event is expected after the change of the clocks."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from config.zones import parse_day, utc_offsets
from models.numeric.clock import Clock, build_clock

EventProbs = Callable[..., NDArray[np.float32]]
BERLIN = ZoneInfo("Europe/Berlin")


def berlin_clock(*holidays: str) -> Clock:
    since_s, offset_s = np.array(utc_offsets(str(BERLIN)), np.int64).T
    days = np.array(sorted(parse_day(day) for day in holidays), np.int64)
    return build_clock(np.zeros(1, np.int64), [(since_s, offset_s)], days)


class Office:
    """A request at 09:00 in Berlin on `days` of the week (Monday: 0) that are no holiday, by the minute."""

    def __init__(self, first: datetime, last: datetime, days: tuple[int, ...], *holidays: str) -> None:
        self.from_s, self.until_s = int(first.timestamp()), int(last.timestamp())
        self.events = np.zeros((self.until_s - self.from_s) // 60)
        for minute in range(len(self.events)):
            local = datetime.fromtimestamp(self.from_s + 60 * minute, BERLIN)
            is_workday = local.weekday() in days and str(local.date()) not in holidays
            self.events[minute] = is_workday and (local.hour, local.minute) == (9, 0)

    def event_prob(self, event_probs: EventProbs, clock: Clock | None) -> Callable[[datetime], float]:
        """A function of a moment: the probability of a request within the ten minutes around it."""
        probs = event_probs(self.events, lead_s=600, origin_s=self.from_s, clock=clock)

        def around(moment: datetime) -> float:
            return float(probs[(int(moment.timestamp()) - self.from_s) // 60 - 6])

        return around


def utc_time(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type, misc]


def local_time(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("begin", "monday_before", "monday"),
    [
        pytest.param((2026, 2, 2), (2026, 3, 23), (2026, 3, 30), id="to summer time"),
        pytest.param((2026, 9, 7), (2026, 10, 19), (2026, 10, 26), id="to winter time"),
    ],
)
def test_a_cron_on_weekdays_keeps_the_local_hour_when_the_clocks_change(
    event_probs: EventProbs, begin: tuple[int, ...], monday_before: tuple[int, ...], monday: tuple[int, ...]
) -> None:
    office = Office(utc_time(*begin), utc_time(*monday, 12), (0, 1, 2, 3, 4))
    by_local, by_utc = office.event_prob(event_probs, berlin_clock()), office.event_prob(event_probs, None)
    nine_before, nine = local_time(*monday_before, 9), local_time(*monday, 9)
    old_hour = utc_time(*monday, nine_before.astimezone(UTC).hour)
    assert by_local(nine) > 0.1
    assert by_local(nine) == pytest.approx(by_local(nine_before), rel=0.2)
    assert by_local(old_hour) < 0.01
    # In UTC the request is expected an hour off.
    assert by_utc(nine) < 0.01
    assert by_utc(old_hour) > 5 * by_utc(nine)


def test_a_holiday_is_as_idle_as_a_sunday(event_probs: EventProbs) -> None:
    office = Office(utc_time(2026, 9, 7), utc_time(2027, 1, 2), (4,), "2026-12-25")
    with_holiday = office.event_prob(event_probs, berlin_clock("2026-12-25"))
    without = office.event_prob(event_probs, berlin_clock())
    friday = with_holiday(local_time(2026, 12, 18, 9))
    assert friday > 0.05
    assert with_holiday(local_time(2026, 12, 25, 9)) < 0.2 * friday
    assert without(local_time(2026, 12, 25, 9)) == pytest.approx(friday, rel=0.2)
