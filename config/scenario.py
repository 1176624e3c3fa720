"""The world that a backtest or an offline plan assumes: how pods start and serve, and how the KPA is set.

A file of it has the keys of Scenario, all of them optional; under `series:` those that differ for some:

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
from config.calendar import Calendar, CalendarText, Zone, calendar_of
from config.document import read_mapping, text_of, twice
from config.policy import Lever
from config.problems import ConfigError, problem, unknown
from config.values import Kind, Optional, Real, Subset, Whole


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One world.  Knative's defaults where nothing else is said (knative/serving config-autoscaler)."""

    startup_seconds: float = 10.0
    """From asking for a pod until it serves."""

    service_seconds: float = 0.25
    """A request occupies a pod for so long."""

    container_concurrency: int = 10
    """Requests a pod serves at once; 0 = not limited."""

    target: float | None = None
    """Requests in flight per pod, as the annotation autoscaling.knative.dev/target says; None: as
    `container_concurrency`, and 100 where that is 0."""

    target_utilization_percentage: float = 70.0
    stable_window_seconds: int = 60
    panic_window_percentage: float = 10.0
    """Percent of the stable window."""

    panic_threshold_percentage: float = 200.0
    scale_to_zero_grace_seconds: int = 30
    target_burst_capacity: float = 211.0
    """Requests in flight; -1 = not limited, 0 = the activator is in the path at zero only."""

    metrics_delay_seconds: int = 30
    """A plan at t uses arrivals before t less this."""

    dispersion: float = 1.0
    """Variance of a second's arrivals over their mean; 1 = Poisson."""

    memory_mb: float = 256.0
    """Memory of a pod, for costs."""

    levers: frozenset[Lever] = field(default=frozenset(Lever))
    calendar: Calendar = field(default_factory=Calendar)
    """What was known ahead; events are of series by their names."""

    time_zone: str | None = None
    """Whose days and weeks a series lives by, where the calendar's zone is not its own."""

    series: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Glob of series -> the fields that differ there."""

    def of(self, series: str) -> "Scenario":
        """The world of one series: every glob that fits it laid over in the order written."""
        world = replace(self, series={})
        for glob, said in self.series.items():
            if fnmatchcase(series, glob):
                world = replace(world, **said)
        return world


SCENARIOS: Mapping[str, Scenario] = {
    "heavy": Scenario(startup_seconds=45.0, service_seconds=1.0, container_concurrency=4),
    "web": Scenario(startup_seconds=10.0, service_seconds=0.25, container_concurrency=10),
    "sparse": Scenario(startup_seconds=5.0, service_seconds=0.5, container_concurrency=1),
}
"""The worlds that have a name."""

# Ranges of Knative's own are those that its webhook allows (pkg/apis/autoscaling, pkg/autoscaler/config).
_KINDS: Mapping[str, Kind] = {
    "startup-seconds": Real(0, 3600),
    "service-seconds": Real(0, 3600, above=True),
    "container-concurrency": Whole(0, 1000),
    "target": Optional(Real(0.01)),
    "target-utilization-percentage": Real(1, 100),
    "stable-window-seconds": Whole(6, 3600),
    "panic-window-percentage": Real(1, 100),
    "panic-threshold-percentage": Real(110, 1000),
    "scale-to-zero-grace-seconds": Whole(1, 3600),
    "target-burst-capacity": Real(0, also=-1),
    "metrics-delay-seconds": Whole(0, 3600),
    "dispersion": Real(1, 1000),
    "memory-mb": Real(0, above=True),
    "levers": Subset(Lever),
}
_KINDS_OF_SERIES: Mapping[str, Kind] = {**_KINDS, "time-zone": Optional(Zone())}
_SERIES = "series"


def load_scenario(name_or_path: str | Path) -> Scenario:
    """The world of that name, or of a YAML or JSON file.

    What the file does not say is as in the world `web`.  Raises ConfigError with every fault.
    """
    if (known := SCENARIOS.get(str(name_or_path))) is not None:
        return known
    path = Path(name_or_path)
    if not path.exists() and not path.suffix:
        wanted = f"one of {', '.join(SCENARIOS)}, or a YAML or JSON file"
        raise ConfigError([problem("scenario", str(name_or_path), wanted)])
    root, problems = read_mapping(path)
    said = _fields(root, "", problems)
    series = {}
    for key, value in root.value:
        if key.value == CALENDAR:
            said["calendar"] = _calendar(value, problems)
        if key.value != _SERIES:
            continue
        if not isinstance(value, yaml.MappingNode):
            problems.append(problem("series", text_of(value), "a mapping from glob to keys"))
            continue
        problems += twice(value, "series.")
        for glob, node in value.value:
            series[text_of(glob)] = _series(text_of(glob), node, problems)
    if problems:
        raise ConfigError(problems)
    return replace(SCENARIOS["web"], **said, series=series)


def _calendar(node: yaml.Node, problems: list[str]) -> Calendar:
    """As it stands in the ConfigMap, or as a mapping without quotes around it."""
    try:
        if isinstance(node, yaml.MappingNode):
            return calendar_of(node)
        text = text_of(node)
        return CalendarText().read(text) if text else Calendar()
    except ConfigError as e:
        problems += e.problems
        return Calendar()


def _series(glob: str, node: yaml.Node, problems: list[str]) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        problems.append(problem(f"series.{glob}", text_of(node), "a mapping of keys"))
        return {}
    problems += twice(node, f"series.{glob}.")
    return _fields(node, f"series.{glob}.", problems)


def _fields(node: yaml.MappingNode, prefix: str, problems: list[str]) -> dict[str, Any]:
    """Field of Scenario -> value, from one mapping; adds to `faults`."""
    read: dict[str, Any] = {}
    kinds, apart = (_KINDS_OF_SERIES, ()) if prefix else (_KINDS, (CALENDAR, _SERIES))
    for key, value in node.value:
        name = text_of(key)
        if name in apart:
            continue
        kind = kinds.get(name)
        if kind is None and name in _KINDS_OF_SERIES:
            problems.append(problem(name, text_of(value), "to be written in the calendar, or under series"))
            continue
        if kind is None:
            problems.append(unknown(name, text_of(value), (*kinds, *apart), prefix))
            continue
        try:
            read[name.replace("-", "_")] = kind.read(_words(value))
        except ValueError:
            problems.append(problem(prefix + name, text_of(value), kind.allowed))
    return read


def _words(node: yaml.Node) -> str:
    """A scalar, or a list of scalars separated by commas."""
    if isinstance(node, yaml.SequenceNode):
        return ",".join(text_of(item) for item in node.value)
    return text_of(node)


_SAID = {name.replace("-", "_") for name in _KINDS_OF_SERIES} | {_SERIES, CALENDAR}
assert {each.name for each in fields(Scenario)} == _SAID
