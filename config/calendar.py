"""Define what an operator knows of the future: the time zone of the services, holidays, and announced events.

A calendar is one YAML text in the ConfigMap; every part of it is optional:

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

from config.document import duplicate_keys, node_text
from config.problems import ConfigError, problem, unknown_key
from config.values import Real
from config.zones import find_zone, format_day, format_time, parse_day, parse_time

KEY = "calendar"
_KEYS = ("time-zone", "holidays", "events")
_EVENT_KEYS = ("name", "services", "from", "until", "requests-per-second", "times")
_RATE = Real(0, exclusive=True)
_EXACTLY_ONE = "exactly one of requests-per-second and times"
_A_TIME = "a time such as 2026-11-27T08:00, or with Z or an offset at its end"


@dataclass(frozen=True, kw_only=True)
class Event:
    """An announced event that brings more traffic than usual.  It has a rate or a multiple (`times`)."""

    name: str
    services: tuple[str, ...] = ("*",)
    """Globs on namespace/name of the services that receive the traffic."""
    from_s: int
    """Unix seconds at which the event begins."""
    until_s: int
    """Unix seconds at which the event ends."""
    requests_per_second: float | None = None
    """Lower bound of the expected rate of each service; None: not used."""
    times: float | None = None
    """Lower bound of the expected rate as a multiple of the seasonal baseline; None: not used."""

    def applies_to(self, service: str) -> bool:
        """Whether the event brings traffic to the service namespace/name."""
        return any(fnmatchcase(service, glob) for glob in self.services)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Time zone, holidays and announced events."""

    time_zone: str = "UTC"
    """IANA name of the time zone whose days and weeks the traffic follows."""
    holidays: tuple[int, ...] = ()
    """Local days since 1 January 1970, rising, on which the traffic is that of a Sunday."""
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Zone:
    """The kind of value that is the IANA name of a time zone."""

    allowed: str = "a time zone of the IANA database, such as UTC or Europe/Berlin"

    def read(self, text: str) -> str:
        """Return the name of a time zone.

        Raises:
            ValueError: there is no time zone of that name.
        """
        try:
            find_zone(text)
        except ValueError:
            raise ValueError(self.allowed) from None
        return text


@dataclass(frozen=True)
class CalendarText:
    """The kind of value that is a calendar as YAML text."""

    allowed: str = "YAML with time-zone, holidays and events"

    def read(self, text: str) -> Calendar:
        """Return the calendar that a YAML text describes.

        Raises:
            ConfigError: the text is not a valid calendar; carries every problem.
        """
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as e:
            raise ConfigError([problem(KEY, " ".join(str(e).split()), self.allowed)]) from None
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError([problem(KEY, node_text(root) if root else text, self.allowed)])
        return read_calendar(root)


def read_calendar(root: yaml.MappingNode) -> Calendar:
    """Return the calendar that a YAML mapping describes.

    Raises:
        ConfigError: the mapping is not a valid calendar; carries every problem.
    """
    problems: list[str] = []
    nodes = _values_by_key(root, f"{KEY}.", _KEYS, problems)
    zone = _read(nodes, f"{KEY}.time-zone", Zone().read, Zone().allowed, problems) or "UTC"
    days = [
        _scalar(node, f"{KEY}.holidays", parse_day, "a date such as 2026-12-25", problems)
        for node in _items(nodes.get("holidays"), f"{KEY}.holidays", "a list of dates", problems)
    ]
    events = [
        _event(node, i, zone, problems)
        for i, node in enumerate(_items(nodes.get("events"), f"{KEY}.events", "a list of events", problems))
    ]
    if problems:
        raise ConfigError(problems)
    valid = [event for event in events if event is not None]
    return Calendar(time_zone=zone, holidays=tuple(sorted(set(days))), events=tuple(valid))


def calendar_as_dict(calendar: Calendar) -> dict[str, Any]:
    """Return a calendar under the keys of its YAML text, without defaults; it can be read again from them."""
    keys: dict[str, Any] = {}
    if calendar.time_zone != "UTC":
        keys["time-zone"] = calendar.time_zone
    if calendar.holidays:
        keys["holidays"] = [format_day(day) for day in calendar.holidays]
    if calendar.events:
        keys["events"] = [_event_as_dict(event) for event in calendar.events]
    return keys


def _event_as_dict(event: Event) -> dict[str, Any]:
    rate = event.requests_per_second
    return {
        "name": event.name,
        "services": list(event.services),
        "from": format_time(event.from_s),
        "until": format_time(event.until_s),
        **({"times": event.times} if rate is None else {"requests-per-second": rate}),
    }


def _event(node: yaml.Node, index: int, zone: str, problems: list[str]) -> Event | None:
    """Return one event; None, and its problems appended, if it is not valid."""
    if not isinstance(node, yaml.MappingNode):
        problems.append(problem(f"{KEY}.events", node_text(node), "a mapping with " + ", ".join(_EVENT_KEYS)))
        return None
    n_before = len(problems)
    name = next((node_text(value) for key, value in node.value if node_text(key) == "name"), "")
    prefix = f"{KEY}.events.{name or index + 1}."
    nodes = _values_by_key(node, prefix, _EVENT_KEYS, problems)
    if not name:
        problems.append(problem(f"{prefix}name", "", "a name"))
    services = tuple(
        _scalar(item, f"{prefix}services", _glob, "a glob on namespace/name such as shop/*", problems)
        for item in _items(nodes.get("services"), f"{prefix}services", "a list of globs", problems)
    )
    from_s, until_s = (
        _read(nodes, prefix + key, lambda text: parse_time(text, zone), _A_TIME, problems, required=True)
        for key in ("from", "until")
    )
    if from_s is not None and until_s is not None and until_s <= from_s:
        allowed = f"later than from ({node_text(nodes['from'])})"
        problems.append(problem(f"{prefix}until", node_text(nodes["until"]), allowed))
    rate, times = (
        _read(nodes, prefix + key, _RATE.read, _RATE.allowed, problems)
        for key in ("requests-per-second", "times")
    )
    if ("requests-per-second" in nodes) == ("times" in nodes):
        found = "both" if "times" in nodes else "neither"
        problems.append(problem(prefix.rstrip("."), found, _EXACTLY_ONE))
    if len(problems) > n_before:
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


def _values_by_key(
    node: yaml.MappingNode, prefix: str, known: tuple[str, ...], problems: list[str]
) -> dict[str, yaml.Node]:
    """Return key -> node of its value; append a problem for each unknown and each duplicate key."""
    problems += duplicate_keys(node, prefix)
    nodes = {node_text(key): value for key, value in node.value}
    problems += [
        unknown_key(name, node_text(value), known, prefix)
        for name, value in nodes.items()
        if name not in known
    ]
    return nodes


def _items(node: yaml.Node | None, key: str, allowed: str, problems: list[str]) -> list[yaml.Node]:
    """Return the items of a list, none if it is absent or empty; append a problem if it is not a list."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if node is not None and node_text(node):
        problems.append(problem(key, node_text(node), allowed))
    return []


def _read(
    nodes: dict[str, yaml.Node],
    key: str,
    read: Callable[[str], Any],
    allowed: str,
    problems: list[str],
    *,
    required: bool = False,
) -> Any:
    """Return the value of the last part of `key`; None, and its problem appended, if absent or not valid.

    required   True: an absent value is a problem
    """
    node = nodes.get(key.rpartition(".")[2])
    if node is not None:
        return _scalar(node, key, read, allowed, problems)
    if required:
        problems.append(problem(key, "", allowed))
    return None


def _scalar(node: yaml.Node, key: str, read: Callable[[str], Any], allowed: str, problems: list[str]) -> Any:
    """Return the value of a scalar; None, and its problem appended, if it is not valid."""
    if isinstance(node, yaml.ScalarNode):
        with suppress(ValueError, OverflowError):
            return read(node_text(node))
    problems.append(problem(key, node_text(node), allowed))
    return None
