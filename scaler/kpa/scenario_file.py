"""Read a scenario file: one JSON object, of which only `input` is read.

tests/golden/README.md describes the format.  If the file cannot be used, ConfigError (exit code 2) has every
problem of it, as `input.load[3]: "x": what is allowed`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from config.problems import ConfigError, problem
from scaler.kpa.annotations import AUTOSCALING
from scaler.kpa.resolve import Reachability
from scaler.kpa.status import Activity

_ACTIVITY = {"activating": Activity.ACTIVATING, "active": Activity.ACTIVE, "inactive": Activity.INACTIVE}
_KNOWN = frozenset(
    {"pipeline", "config", "annotations", "container_concurrency", "reachability", "pods", "pa"}
    | {"load", "proxied", "activator", "idle_stats", "extra_stats"}
)
_MAX_LOAD_S = 10_000_000
"""Largest number of seconds of a scenario: 116 days, to bound memory.  Chosen by hand."""


@dataclass(frozen=True)
class ExtraStat:
    """A stat of the activator at any time."""

    t_s: float
    concurrency: float
    poke: bool
    """True if the stat may wake a Revision that is at zero."""


@dataclass(frozen=True, kw_only=True)
class ScenarioInput:
    """The input of a scenario; lists have one entry per second, None = no stat in that second."""

    reconciled: bool
    """True: pipeline `kpa`; False: pipeline `autoscaler`, in which the replicas are the desired count."""
    config: Mapping[str, str]
    """Data of config-autoscaler: key -> text."""
    annotations: Mapping[str, str]
    """Full name -> text."""
    container_concurrency: int
    reachability: Reachability
    startup_delay_s: float
    initial_replicas: int
    initial_ready: int
    activity: Activity
    """Activity at the start."""
    activity_for_s: float
    """Seconds since the activity changed before the start."""
    initialized: bool
    load: Sequence[float | None]
    """Requests in flight, or requests/s, of all pods together."""
    proxied: Sequence[float | None]
    """The part of the load that arrived through the activator."""
    activator: Sequence[float | None]
    """The stat of the activator."""
    idle_zeros: bool
    """True if zeros are recorded even without a pod."""
    extra_stats: tuple[ExtraStat, ...]
    """In ascending order of time."""
    ignored_keys: tuple[str, ...]
    """Unknown keys of `input`."""


def load_scenario_input(path: Path) -> ScenarioInput:
    """Return the input of a scenario file.

    Raises:
        ConfigError: the file cannot be read, or its input is not valid.
    """
    try:
        root = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except OSError as e:
        raise ConfigError([problem(str(path), e.strerror or str(e), "a file that can be read")]) from e
    except json.JSONDecodeError as e:
        location = f"line {e.lineno}, column {e.colno}: {e.msg}"
        raise ConfigError([problem(str(path), location, "one JSON object")]) from e
    except (ValueError, RecursionError) as e:
        raise ConfigError([problem(str(path), str(e), "one JSON object in UTF-8")]) from e
    if not isinstance(root, dict) or not isinstance(root.get("input"), dict):
        content = f"no object `input` in {_shown(root)}" if isinstance(root, dict) else _shown(root)
        raise ConfigError([problem(str(path), content, "one JSON object with an object `input`")])
    return read_scenario_input(root["input"])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_scenario_input(given: Mapping[str, Any]) -> ScenarioInput:
    """Return the input of a scenario, from the object `input` of its file.

    Raises:
        ConfigError: the object is not valid; it has every problem.
    """
    read = _Reader(given, "input")
    pipeline = read.choice("pipeline", ("autoscaler", "kpa"))
    pods = read.object("pods")
    replicas = pods.whole("initial_replicas")
    pa = read.object("pa", required=pipeline == "kpa")
    load = read.seconds("load", required=True)
    annotations = read.texts("annotations")
    value = ScenarioInput(
        reconciled=pipeline == "kpa",
        config=read.texts("config"),
        annotations={name if "/" in name else AUTOSCALING + name: text for name, text in annotations.items()},
        container_concurrency=read.whole("container_concurrency", default=0),
        reachability=Reachability(read.choice("reachability", tuple(Reachability), default="Reachable")),
        startup_delay_s=pods.number("startup_delay_s"),
        initial_replicas=replicas,
        initial_ready=pods.whole("initial_ready", maximum=replicas),
        activity=_ACTIVITY[
            pa.choice("state", tuple(_ACTIVITY), default=None if pipeline == "kpa" else "active")
        ],
        activity_for_s=pa.number("since_s", default=None if pipeline == "kpa" else 0.0),
        initialized=pa.boolean("initialized", default=None if pipeline == "kpa" else True),
        load=load,
        proxied=read.seconds("proxied", length=len(load)),
        activator=read.seconds("activator", length=len(load)),
        idle_zeros=read.choice("idle_stats", ("zeros", "none")) == "zeros",
        extra_stats=_extra_stats(read),
        ignored_keys=tuple(sorted(str(name) for name in given if name not in _KNOWN)),
    )
    if read.problems:
        raise ConfigError(read.problems)
    return value


def _extra_stats(read: "_Reader") -> tuple[ExtraStat, ...]:
    stats = []
    for stat in read.objects("extra_stats"):
        t_s, concurrency = stat.number("t"), stat.number("concurrency")
        stats.append(ExtraStat(t_s, concurrency, stat.boolean("poke", default=False)))
    return tuple(sorted(stats, key=lambda stat: stat.t_s))


class _Reader:
    """Reads values of a JSON object by name; for a value that is not valid, it records the problem.

    Each method returns the value, or a valid value in place of one that is not valid.
    """

    def __init__(self, given: Mapping[str, Any], path: str, problems: list[str] | None = None) -> None:
        self._given, self._path = given, path
        self.problems: list[str] = [] if problems is None else problems

    def _add_problem(self, name: str, allowed: str) -> None:
        value = _shown(self._given[name]) if name in self._given else "missing"
        self.problems.append(problem(f"{self._path}.{name}", value, allowed))

    def choice(self, name: str, words: tuple[str, ...], default: str | None = None) -> str:
        value = self._given.get(name, default)
        if not isinstance(value, str) or value not in words:
            self._add_problem(name, "one of " + ", ".join(words))
            return words[0]
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self._given.get(name, default)
        if not _is_number(value):
            self._add_problem(name, "a number, at least 0")
            return 0.0
        return float(value)

    def whole(self, name: str, default: int | None = None, maximum: int = 2**31 - 1) -> int:
        value = self._given.get(name, default)
        if not _is_number(value) or value != int(value) or value > maximum:
            self._add_problem(name, f"a whole number, 0 to {maximum}")
            return 0
        return int(value)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            self._add_problem(name, "true or false")
            return False
        return value

    def texts(self, name: str) -> dict[str, str]:
        value = self._given.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            self._add_problem(name, 'an object of texts, such as {"window": "30s"}')
            return {}
        return value

    def seconds(self, name: str, *, required: bool = False, length: int | None = None) -> list[float | None]:
        """Return a list of one number or None per second."""
        values = self._given.get(name)
        if values is None and not required:
            return [None] * (length or 0)
        if not isinstance(values, list) or len(values) > _MAX_LOAD_S:
            self._add_problem(name, f"a list of one number or null a second, at most {_MAX_LOAD_S}")
            return []
        if length is not None and len(values) != length:
            shown = f"{len(values)} entries"
            self.problems.append(problem(f"{self._path}.{name}", shown, f"one for each of load, {length}"))
        for i, value in enumerate(values):
            if value is not None and not _is_number(value):
                self.problems.append(
                    problem(f"{self._path}.{name}[{i}]", _shown(value), "a number, at least 0, or null")
                )
        return values

    def object(self, name: str, *, required: bool = True) -> "_Reader":
        value = self._given.get(name)
        if value is None and not required:
            return _Reader({}, f"{self._path}.{name}", self.problems)
        if not isinstance(value, dict):
            self._add_problem(name, "an object")
            return _Reader({}, f"{self._path}.{name}", [])
        return _Reader(value, f"{self._path}.{name}", self.problems)

    def objects(self, name: str) -> list["_Reader"]:
        values = self._given.get(name)
        if values is None:
            return []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self._add_problem(name, "a list of objects")
            return []
        return [_Reader(value, f"{self._path}.{name}[{i}]", self.problems) for i, value in enumerate(values)]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= 1e15 and math.isfinite(value)


def _shown(value: Any) -> str:
    return json.dumps(value)[:200]
