"""What the calendar knows ahead: whose days the services live by, holidays, and events that were announced.

One text of YAML in the ConfigMap, all of it optional:

    time-zone: Europe/Berlin
    holidays: [2026-12-25, 2026-12-26]
    events:
      - name: sale
        services: [shop/*]
        from: 2026-11-27T08:00
        until: 2026-11-27T20:00
        requests-per-second: 500
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from config.document import text_of, twice
from config.problems import ConfigError, problem, unknown
from config.values import Real
from config.zones import day_of, moment_of, written_day, written_moment, zone_of

KEY = "calendar"
_KEYS = ("time-zone", "holidays", "events")
_EVENT_KEYS = ("name", "services", "from", "until", "requests-per-second", "times")
_RATE = Real(0, above=True)
_ONE_OF_TWO = "exactly one of requests-per-second and times"


@dataclass(frozen=True, kw_only=True)
class Event:
    """More traffic than usual, that was announced."""

    name: str
    services: tuple[str, ...] = ("*",)
    """Globs on namespace/name: of each of these services."""
    from_s: int
    """Unix seconds at which it begins; `until_s`: at which it is over."""
    until_s: int
    requests_per_second: float | None = None
    """At least so much is expected of each service; None: as `times` says."""
    times: float | None = None
    """Or: at least so many times what is usual at that time."""

    def concerns(self, service: str) -> bool:
        """Does it bring more traffic to the service namespace/name?"""
        return any(fnmatchcase(service, glob) for glob in self.services)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """What was known ahead."""

    time_zone: str = "UTC"
    """Name in the IANA database: whose days and weeks the services live by."""
    holidays: tuple[int, ...] = ()
    """Local days since 1 January 1970, rising, on which traffic is as on a Sunday."""
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Zone:
    """The name of a time zone."""

    allowed: str = "a time zone of the IANA database, such as UTC or Europe/Berlin"

    def read(self, text: str) -> str:
        """The name."""
        try:
            zone_of(text)
        except ValueError:
            raise ValueError(self.allowed) from None
        return text


@dataclass(frozen=True)
class CalendarText:
    """A calendar as YAML.  Raises ConfigError with every fault in it."""

    allowed: str = "YAML with time-zone, holidays and events"

    def read(self, text: str) -> Calendar:
        """The calendar that `text` says."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as e:
            raise ConfigError([problem(KEY, " ".join(str(e).split()), self.allowed)]) from None
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError([problem(KEY, text_of(root) if root else text, self.allowed)])
        return calendar_of(root)


def calendar_of(root: yaml.MappingNode) -> Calendar:
    """The calendar that a mapping says.  Raises ConfigError with every fault in it."""
    problems: list[str] = []
    said = _mapping(root, f"{KEY}.", _KEYS, problems)
    zone = _read(said, f"{KEY}.time-zone", Zone().read, Zone().allowed, problems) or "UTC"
    days = [
        _value(node, f"{KEY}.holidays", day_of, "a date such as 2026-12-25", problems)
        for node in _items(said.get("holidays"), f"{KEY}.holidays", "a list of dates", problems)
    ]
    events = [
        _event(node, i, zone, problems)
        for i, node in enumerate(_items(said.get("events"), f"{KEY}.events", "a list of events", problems))
    ]
    if problems:
        raise ConfigError(problems)
    known = [event for event in events if event is not None]
    return Calendar(time_zone=zone, holidays=tuple(sorted(set(days))), events=tuple(known))


def keys_of(calendar: Calendar) -> dict[str, Any]:
    """A calendar under the keys of its text, so that it can be given again; what is not said is left out."""
    said: dict[str, Any] = {}
    if calendar.time_zone != "UTC":
        said["time-zone"] = calendar.time_zone
    if calendar.holidays:
        said["holidays"] = [written_day(day) for day in calendar.holidays]
    if calendar.events:
        said["events"] = [_keys_of(event) for event in calendar.events]
    return said


def _keys_of(event: Event) -> dict[str, Any]:
    rate = event.requests_per_second
    return {
        "name": event.name,
        "services": list(event.services),
        "from": written_moment(event.from_s),
        "until": written_moment(event.until_s),
        **({"times": event.times} if rate is None else {"requests-per-second": rate}),
    }


def _event(node: yaml.Node, place: int, zone: str, problems: list[str]) -> Event | None:
    """One event; None where it has a fault, which is added to `faults`."""
    if not isinstance(node, yaml.MappingNode):
        problems.append(problem(f"{KEY}.events", text_of(node), "a mapping with " + ", ".join(_EVENT_KEYS)))
        return None
    before = len(problems)
    name = next((text_of(value) for key, value in node.value if text_of(key) == "name"), "")
    prefix = f"{KEY}.events.{name or place + 1}."
    said = _mapping(node, prefix, _EVENT_KEYS, problems)
    if not name:
        problems.append(problem(f"{prefix}name", "", "a name"))
    services = tuple(
        _value(each, f"{prefix}services", _glob, "a glob on namespace/name such as shop/*", problems)
        for each in _items(said.get("services"), f"{prefix}services", "a list of globs", problems)
    )
    time = "a time such as 2026-11-27T08:00, or with Z or an offset at its end"
    from_s, until_s = (
        _read(said, prefix + each, lambda text: moment_of(text, zone), time, problems, needed=True)
        for each in ("from", "until")
    )
    if from_s is not None and until_s is not None and until_s <= from_s:
        problems.append(
            problem(f"{prefix}until", text_of(said["until"]), f"later than from, {text_of(said['from'])}")
        )
    rate, times = (
        _read(said, prefix + each, _RATE.read, _RATE.allowed, problems)
        for each in ("requests-per-second", "times")
    )
    if ("requests-per-second" in said) == ("times" in said):
        problems.append(problem(prefix.rstrip("."), "both" if "times" in said else "neither", _ONE_OF_TWO))
    if len(problems) > before:
        return None
    return Event(
        name=name,
        services=services or ("*",),
        from_s=from_s,
        until_s=until_s,
        requests_per_second=rate,
        times=times,
    )


def _glob(text: str) -> str:
    if not text or any(c.isspace() for c in text):
        raise ValueError(text)
    return text


def _mapping(
    node: yaml.MappingNode, prefix: str, known: tuple[str, ...], problems: list[str]
) -> dict[str, yaml.Node]:
    """Key -> what is said of it; what is unknown or said twice is added to `faults`."""
    problems += twice(node, prefix)
    said = {text_of(key): value for key, value in node.value}
    problems += [
        unknown(name, text_of(value), known, prefix) for name, value in said.items() if name not in known
    ]
    return said


def _items(node: yaml.Node | None, key: str, allowed: str, problems: list[str]) -> list[yaml.Node]:
    """The items of a list; none where it is not there or empty."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if node is not None and text_of(node):
        problems.append(problem(key, text_of(node), allowed))
    return []


def _read(
    said: dict[str, yaml.Node],
    key: str,
    read: Callable[[str], Any],
    allowed: str,
    problems: list[str],
    *,
    needed: bool = False,
) -> Any:
    """The value at the last part of `key`; None where it is not there, or has a fault."""
    node = said.get(key.rpartition(".")[2])
    if node is not None:
        return _value(node, key, read, allowed, problems)
    if needed:
        problems.append(problem(key, "", allowed))
    return None


def _value(node: yaml.Node, key: str, read: Callable[[str], Any], allowed: str, problems: list[str]) -> Any:
    """What a scalar says; None where it has a fault."""
    if isinstance(node, yaml.ScalarNode):
        with suppress(ValueError, OverflowError):
            return read(text_of(node))
    problems.append(problem(key, text_of(node), allowed))
    return None
