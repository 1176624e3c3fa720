"""Scenarios for backtests: by name, from a file, and per series."""

from pathlib import Path
from textwrap import dedent

import pytest

from config.configmap import parse
from config.policy import Lever
from config.problems import ConfigError
from config.scenario import SCENARIOS, load_scenario


@pytest.mark.parametrize(
    ("name", "pods"),
    [("heavy", (45.0, 1.0, 4)), ("web", (10.0, 0.25, 10)), ("sparse", (5.0, 0.5, 1))],
)
def test_scenario_is_loaded_by_name(name: str, pods: tuple[float, float, int]) -> None:
    got = load_scenario(name)
    assert (got.startup_seconds, got.service_seconds, got.container_concurrency) == pods
    assert (got.target, got.target_utilization_percentage, got.stable_window_seconds) == (None, 70.0, 60)


def test_file_overrides_scenario_web(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "startup-seconds: 20\nlevers: [floor, window]\ntarget-burst-capacity: -1\n"
        "series:\n  'batch-*': {service-seconds: 4}\n  batch-7: {container-concurrency: 1}\n"
    )
    scenario = load_scenario(file)
    assert (scenario.startup_seconds, scenario.container_concurrency, scenario.target_burst_capacity) == (
        20,
        10,
        -1,
    )
    assert scenario.levers == {Lever.FLOOR, Lever.WINDOW}
    assert scenario.for_series("shop").service_seconds == 0.25
    assert scenario.for_series("batch-1").service_seconds == 4.0
    seven = scenario.for_series("batch-7")
    assert (seven.service_seconds, seven.container_concurrency, seven.series) == (4.0, 1, {})


def test_json_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text('{"container-concurrency": 0, "target": 50, "dispersion": 1.5}')
    scenario = load_scenario(str(file))
    assert (scenario.container_concurrency, scenario.target, scenario.dispersion) == (0, 50.0, 1.5)


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "startup-second: 20\nservice-seconds: 0\nstable-window-seconds: 5\nmemory-mb: 1\nmemory-mb: 2\n"
        "target-burst-capacity: -0.5\nseries:\n  a: 3\n  b: {series: {}, dispersion: x}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_scenario(file)
    assert caught.value.problems == (
        "memory-mb: 2: each key once; line 4 already has this key",
        "startup-second: 20: unknown key; did you mean startup-seconds?",
        "service-seconds: 0: a number > 0 and <= 3600",
        "stable-window-seconds: 5: a whole number >= 6 and <= 3600",
        "target-burst-capacity: -0.5: a number >= 0, or -1",
        "series.a: 3: a mapping of keys",
        "series.b.series: a mapping: unknown key",
        "series.b.dispersion: x: a number >= 1 and <= 1000",
    )


CALENDAR = """
  time-zone: Europe/Berlin
  holidays: [2026-12-25]
  events:
    - {name: sale, services: [shop/*], from: 2026-11-27T08:00, until: 2026-11-27T20:00, times: 3}
"""


@pytest.mark.parametrize("sign", ["", " |"])
def test_calendar_is_written_as_in_configmap(sign: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(f"calendar:{sign}{CALENDAR}series:\n  shop/a: {{time-zone: Asia/Tokyo}}\n")
    scenario = load_scenario(file)
    assert scenario.calendar == parse({"calendar": dedent(CALENDAR)}).announcements.calendar
    assert scenario.for_series("shop/b").calendar == scenario.calendar
    assert (scenario.time_zone, scenario.for_series("shop/b").time_zone) == (None, None)
    assert (scenario.for_series("shop/a").time_zone, scenario.for_series("shop/a").calendar) == (
        "Asia/Tokyo",
        scenario.calendar,
    )


@pytest.mark.parametrize("line", ["", "calendar:", "calendar: {}", "calendar: ''"])
def test_scenario_without_calendar_has_no_events(line: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(f"startup-seconds: 10\n{line}\n")
    assert load_scenario(file) == SCENARIOS["web"]


def test_problems_of_calendar_are_reported_with_all_others(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "calendar: {time-zone: Europe/Berln, holydays: [], events: [{name: e, times: 0}]}\n"
        "time-zone: Asia/Tokyo\nservice-seconds: 0\ncalender: {}\n"
        "series:\n  a: {time-zone: nowhere, calendar: {}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_scenario(file)
    zone = "a time zone of the IANA database, such as UTC or Europe/Berlin"
    time = "a time such as 2026-11-27T08:00, or with Z or an offset at its end"
    assert caught.value.problems == (
        "time-zone: Asia/Tokyo: set it in the calendar, or under series",
        "service-seconds: 0: a number > 0 and <= 3600",
        "calender: a mapping: unknown key; did you mean calendar?",
        "calendar.holydays: a list: unknown key; did you mean calendar.holidays?",
        f"calendar.time-zone: Europe/Berln: {zone}",
        f'calendar.events.e.from: "": {time}',
        f'calendar.events.e.until: "": {time}',
        "calendar.events.e.times: 0: a number > 0",
        f"series.a.time-zone: nowhere: {zone}; or empty",
        "series.a.calendar: a mapping: unknown key",
    )


@pytest.mark.parametrize("text", ["[]", "soon"])
def test_invalid_calendar_is_reported(text: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(f"calendar: {text}\n")
    with pytest.raises(ConfigError, match=r"^calendar: .*: YAML with time-zone, holidays and events$"):
        load_scenario(file)


@pytest.mark.parametrize("name", ["webb", "none.yaml"])
def test_missing_scenario_is_reported(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_scenario(name)
    (problem,) = caught.value.problems
    assert name in problem


def test_named_scenarios_are_those_of_backtest() -> None:
    assert list(SCENARIOS) == ["heavy", "web", "sparse"]
