"""Define the assumptions of a backtest or an offline plan: how pods start and serve, and how the KPA is set.

A scenario file has the keys of Scenario, all of them optional; `series:` has those that differ for a series:

    startup-seconds: 20
    calendar:                           # as in the ConfigMap (config.calendar), for all series
      time-zone: Europe/Berlin
      events:
        - {name: sale, services: [shop/*], from: 2026-11-27T08:00, until: 2026-11-27T20:00, times: 3}
    series:
      shop/tokyo-*: {service-seconds: 4, time-zone: Asia/Tokyo}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from config.calendar import KEY as CALENDAR
from config.calendar import Calendar, CalendarText, Zone, read_calendar
from config.document import duplicate_keys, node_text, read_mapping
from config.policy import Lever
from config.problems import ConfigError, problem, unknown_key
from config.values import Optional, Real, Subset, ValueKind, Whole


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The assumptions of one backtest.  Settings of the KPA have Knative's defaults (config-autoscaler)."""

    startup_seconds: float = 10.0
    """From the request for a pod until the pod serves."""

    service_seconds: float = 0.25
    """Service time: how long a request occupies a pod."""

    container_concurrency: int = 10
    """Requests that a pod serves concurrently; 0 = not limited."""

    target: float | None = None
    """Requests in flight per pod, as the annotation autoscaling.knative.dev/target; None: as
    `container_concurrency`, or 100 if that is 0."""

    target_utilization_percentage: float = 70.0
    stable_window_seconds: int = 60
    panic_window_percentage: float = 10.0
    """Percent of the stable window."""

    panic_threshold_percentage: float = 200.0
    scale_to_zero_grace_seconds: int = 30
    target_burst_capacity: float = 211.0
    """Requests in flight; -1 = not limited, 0 = the activator is in the request path at zero pods only."""

    metrics_delay_seconds: int = 30
    """A plan at time t knows only the arrivals before t - metrics_delay_seconds."""

    dispersion: float = 1.0
    """Variance over mean of the arrivals of a second; 1 = Poisson."""

    memory_mb: float = 256.0
    """Memory of a pod, for costs."""

    levers: frozenset[Lever] = field(default=frozenset(Lever))
    calendar: Calendar = field(default_factory=Calendar)
    """Time zone, holidays and events; the globs of events are matched against the names of series."""

    time_zone: str | None = None
    """Time zone whose days and weeks a series follows; None: that of the calendar."""

    series: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Glob on names of series -> the fields that differ for these series."""

    def for_series(self, series: str) -> "Scenario":
        """Return the scenario of one series: every glob that matches is applied, in the order written."""
        scenario = replace(self, series={})
        for glob, overrides in self.series.items():
            if fnmatchcase(series, glob):
                scenario = replace(scenario, **overrides)
        return scenario


SCENARIOS: Mapping[str, Scenario] = {
    "heavy": Scenario(startup_seconds=45.0, service_seconds=1.0, container_concurrency=4),
    "web": Scenario(startup_seconds=10.0, service_seconds=0.25, container_concurrency=10),
    "sparse": Scenario(startup_seconds=5.0, service_seconds=0.5, container_concurrency=1),
}
"""Name -> scenario of the scenarios that need no file."""

# Knative's settings have the ranges that its webhook allows (pkg/apis/autoscaling, pkg/autoscaler/config).
_KINDS: Mapping[str, ValueKind] = {
    "startup-seconds": Real(0, 3600),
    "service-seconds": Real(0, 3600, exclusive=True),
    "container-concurrency": Whole(0, 1000),
    "target": Optional(Real(0.01)),
    "target-utilization-percentage": Real(1, 100),
    "stable-window-seconds": Whole(6, 3600),
    "panic-window-percentage": Real(1, 100),
    "panic-threshold-percentage": Real(110, 1000),
    "scale-to-zero-grace-seconds": Whole(1, 3600),
    "target-burst-capacity": Real(0, special=-1),
    "metrics-delay-seconds": Whole(0, 3600),
    "dispersion": Real(1, 1000),
    "memory-mb": Real(0, exclusive=True),
    "levers": Subset(Lever),
}
_SERIES_KINDS: Mapping[str, ValueKind] = {**_KINDS, "time-zone": Optional(Zone())}
_SERIES = "series"


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return the scenario of a name, or of a YAML or JSON file.

    A key that the file does not have is as in the scenario `web`.

    >>> scenario = load_scenario("heavy")
    >>> scenario.startup_seconds, scenario.service_seconds, scenario.container_concurrency
    (45.0, 1.0, 4)
    >>> load_scenario("webb")
    Traceback (most recent call last):
    config.problems.ConfigError: scenario: webb: one of heavy, web, sparse, or a YAML or JSON file

    Raises:
        ConfigError: there is no scenario of that name, or the file is not valid.  Carries every problem.
    """
    if (named := SCENARIOS.get(str(name_or_path))) is not None:
        return named
    path = Path(name_or_path)
    if not path.exists() and not path.suffix:
        allowed = f"one of {', '.join(SCENARIOS)}, or a YAML or JSON file"
        raise ConfigError([problem("scenario", str(name_or_path), allowed)])
    root, problems = read_mapping(path)
    values = _fields(root, "", problems)
    series = {}
    for key, value in root.value:
        if key.value == CALENDAR:
            values["calendar"] = _calendar(value, problems)
        if key.value != _SERIES:
            continue
        if not isinstance(value, yaml.MappingNode):
            problems.append(problem("series", node_text(value), "a mapping from globs to keys"))
            continue
        problems += duplicate_keys(value, "series.")
        for glob, node in value.value:
            series[node_text(glob)] = _series_fields(node_text(glob), node, problems)
    if problems:
        raise ConfigError(problems)
    return replace(SCENARIOS["web"], **values, series=series)


def _calendar(node: yaml.Node, problems: list[str]) -> Calendar:
    """Return a calendar, written as one text as in the ConfigMap or as a mapping; append its problems."""
    try:
        if isinstance(node, yaml.MappingNode):
            return read_calendar(node)
        text = node_text(node)
        return CalendarText().read(text) if text else Calendar()
    except ConfigError as e:
        problems += e.problems
        return Calendar()


def _series_fields(glob: str, node: yaml.Node, problems: list[str]) -> dict[str, Any]:
    """Return field of Scenario -> value for the series of one glob; append the problems."""
    if not isinstance(node, yaml.MappingNode):
        problems.append(problem(f"series.{glob}", node_text(node), "a mapping of keys"))
        return {}
    problems += duplicate_keys(node, f"series.{glob}.")
    return _fields(node, f"series.{glob}.", problems)


def _fields(node: yaml.MappingNode, prefix: str, problems: list[str]) -> dict[str, Any]:
    """Return field of Scenario -> value from one mapping; append the problems.

    prefix   precedes the keys in messages; not empty for a mapping under `series:`
    """
    values: dict[str, Any] = {}
    kinds, other_keys = (_SERIES_KINDS, ()) if prefix else (_KINDS, (CALENDAR, _SERIES))
    for key, value in node.value:
        name = node_text(key)
        if name in other_keys:
            continue
        kind = kinds.get(name)
        if kind is None and name in _SERIES_KINDS:
            problems.append(problem(name, node_text(value), "set it in the calendar, or under series"))
            continue
        if kind is None:
            problems.append(unknown_key(name, node_text(value), (*kinds, *other_keys), prefix))
            continue
        try:
            values[name.replace("-", "_")] = kind.read(_comma_separated(value))
        except ValueError:
            problems.append(problem(prefix + name, node_text(value), kind.allowed))
    return values


def _comma_separated(node: yaml.Node) -> str:
    """Return the text of a scalar, or the texts of a list separated by commas."""
    if isinstance(node, yaml.SequenceNode):
        return ",".join(node_text(item) for item in node.value)
    return node_text(node)


_FIELDS = {name.replace("-", "_") for name in _SERIES_KINDS} | {_SERIES, CALENDAR}
assert {f.name for f in fields(Scenario)} == _FIELDS
