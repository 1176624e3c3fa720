"""The calendar in the ConfigMap: values it sets, and problems of a calendar that is not valid."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from config.calendar import Calendar, Event
from config.configmap import parse
from config.overrides import resolve
from config.policy import RevisionPolicy
from config.problems import ConfigError

FULL = """
time-zone: Europe/Berlin
holidays: [2026-12-26, 2026-12-25, "2026-12-25"]
events:
  - name: sale
    services: [shop/*, "*/cart"]
    from: 2026-11-27T08:00
    until: 2026-11-27T20:00Z
    requests-per-second: 500
  - name: campaign
    from: 2026-07-01 08:00:30
    until: 2026-07-02T00:00+05:30
    times: 3
"""
ZONE = "a time zone of the IANA database, such as UTC or Europe/Berlin"
EVENT = "{name: e, from: 2026-11-27T08:00, until: 2026-11-27T20:00, times: 2}"


def unix_s(time: datetime) -> int:
    return int(time.timestamp())


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse({"calendar": text})
    return caught.value.problems


def test_calendar_with_every_key_is_read() -> None:
    berlin, india = ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=5, minutes=30))
    calendar = parse({"calendar": FULL}).announcements.calendar
    assert calendar.time_zone == "Europe/Berlin"
    assert calendar.holidays == tuple((date(2026, 12, day) - date(1970, 1, 1)).days for day in (25, 26))
    assert calendar.events == (
        Event(
            name="sale",
            services=("shop/*", "*/cart"),
            from_s=unix_s(datetime(2026, 11, 27, 8, tzinfo=berlin)),
            until_s=unix_s(datetime(2026, 11, 27, 20, tzinfo=UTC)),
            requests_per_second=500.0,
        ),
        Event(
            name="campaign",
            from_s=unix_s(datetime(2026, 7, 1, 8, 0, 30, tzinfo=berlin)),
            until_s=unix_s(datetime(2026, 7, 2, tzinfo=india)),
            times=3.0,
        ),
    )
    sale, campaign = calendar.events
    assert [sale.applies_to(name) for name in ("shop/a", "team/cart", "team/a")] == [True, True, False]
    assert campaign.applies_to("team/a")


@pytest.mark.parametrize("text", ["", "  ", "holidays:", "holidays: []\nevents:\n", "time-zone: UTC"])
def test_empty_calendar_is_utc_without_holidays_and_events(text: str) -> None:
    assert parse({"calendar": text}).announcements.calendar == Calendar()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("time-zone: Europe/Berln", f"calendar.time-zone: Europe/Berln: {ZONE}"),
        ("time-zone: Europe", f"calendar.time-zone: Europe: {ZONE}"),
        ("holidays: [2026-13-25]", "calendar.holidays: 2026-13-25: a date such as 2026-12-25"),
        ("holidays: [25.12.2026]", "calendar.holidays: 25.12.2026: a date such as 2026-12-25"),
        ("holidays: 2026-12-25", "calendar.holidays: 2026-12-25: a list of dates"),
        ("holydays: []", "calendar.holydays: a list: unknown key; did you mean calendar.holidays?"),
        ("time-zone: UTC\ntime-zone: UTC",
         "calendar.time-zone: UTC: each key once; line 1 already has this key"),
        ("[UTC]", "calendar: a list: YAML with time-zone, holidays and events"),
        ("UTC", "calendar: UTC: YAML with time-zone, holidays and events"),
        ("events: sale", "calendar.events: sale: a list of events"),
        ("events: [sale]", "calendar.events: sale: a mapping with name, services, from, until, "
         "requests-per-second, times"),
        (f"events: [{EVENT.replace('name: e, ', '')}]", 'calendar.events.1.name: "": a name'),
        (f"events: [{EVENT.replace('times: 2', 'times: 0')}]", "calendar.events.e.times: 0: a number > 0"),
        (f"events: [{EVENT.replace('times: 2', 'requests-per-second: -5')}]",
         "calendar.events.e.requests-per-second: -5: a number > 0"),
        (f"events: [{EVENT.replace(', times: 2', '')}]",
         "calendar.events.e: neither: exactly one of requests-per-second and times"),
        (f"events: [{EVENT.replace('times: 2', 'times: 2, requests-per-second: 5')}]",
         "calendar.events.e: both: exactly one of requests-per-second and times"),
        (f"events: [{EVENT.replace('T20:00', 'T08:00')}]",
         "calendar.events.e.until: 2026-11-27T08:00: later than from (2026-11-27T08:00)"),
        (f"events: [{EVENT.replace('T08:00', '')}]", "calendar.events.e.from: 2026-11-27: a time such as "
         "2026-11-27T08:00, or with Z or an offset at its end"),
        (f"events: [{EVENT.replace('name', 'service: [a], name')}]",
         "calendar.events.e.service: a list: unknown key; did you mean calendar.events.e.services?"),
        (f"events: [{EVENT.replace('name', 'services: [a b], name')}]",
         "calendar.events.e.services: a b: a glob on namespace/name such as shop/*"),
    ],
)  # fmt: skip
def test_problem_names_key_value_and_allowed_values(text: str, problem: str) -> None:
    assert problems_of(text) == (problem,)


def test_broken_yaml_is_one_problem() -> None:
    (line,) = problems_of("holidays: [")
    assert line.startswith("calendar: ")
    assert line.endswith(": YAML with time-zone, holidays and events")


def test_problems_of_calendar_are_reported_with_all_others() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"hold": "3", "calendar": "time-zone: Moon\nholidays: [x]", "time-zone": "UTC"})
    assert [line.partition(": ")[0] for line in caught.value.problems] == [
        "hold", "calendar.time-zone", "calendar.holidays", "time-zone",
    ]  # fmt: skip
    assert caught.value.problems[-1].endswith("set it in the calendar, or as an annotation")


@pytest.mark.parametrize("text", ["2026-02-30", "2026-2-3", "20260203", "2026-W01-1"])
def test_invalid_date_is_reported(text: str) -> None:
    assert problems_of(f"holidays: ['{text}']") == (f"calendar.holidays: {text}: a date such as 2026-12-25",)


@pytest.mark.parametrize("text", ["2026-02-03", "2026-02-03T25:00", "noon", "2026-11-27T08:00Q"])
def test_invalid_time_is_reported(text: str) -> None:
    (line,) = problems_of(f"events: [{EVENT.replace('2026-11-27T20:00', repr(text))}]")
    assert line.startswith(f"calendar.events.e.until: {text}: ")


def test_annotation_sets_time_zone_of_service() -> None:
    base, key = RevisionPolicy(), "tidecast.dev/time-zone"
    assert base.time_zone is None
    policy, problems = resolve(base, {key: "Asia/Tokyo"}, {key: "America/New_York"}, {})
    assert (policy.time_zone, problems) == ("America/New_York", ())
    policy, problems = resolve(base, {key: "Asia/Tokyo"}, {}, {key: "Tokyo"})
    assert policy.time_zone == "Asia/Tokyo"
    assert problems == (f"Revision tidecast.dev/time-zone: Tokyo: {ZONE}; or empty",)
