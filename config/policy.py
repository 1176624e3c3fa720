"""Define what an operator decides for one Revision: values of the ConfigMap, overridden by annotations."""

from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What Tidecast may do with a Revision."""

    OBSERVE = "observe"
    """Plan, score and show, but touch nothing."""
    ACT = "act"
    """Write floors and settings."""
    OFF = "off"
    """Do not even plan."""


class Lever(StrEnum):
    """What Tidecast may write on a Revision."""

    FLOOR = "floor"
    """The min-scale."""
    TARGET = "target"
    """The target utilization percentage."""
    WINDOW = "window"
    """The stable window."""
    PANIC = "panic"
    """The panic threshold percentage."""
    RETENTION = "retention"
    """The scale-to-zero pod retention period."""


@dataclass(frozen=True, kw_only=True)
class RevisionPolicy:
    """What an operator decides for one Revision: costs, bounds, and what Tidecast may change."""

    mode: Mode = Mode.OBSERVE
    delay_cost: float = 30.0
    """Cost of one delayed request in pod-seconds; > 0."""
    wait_cost: float = 0.0
    """Cost of one second of waiting in pod-seconds, in addition to `delay_cost`; >= 0."""
    max_delayed: float | None = None
    """Percent of requests that may be delayed, 0..100.  If set, it takes precedence over the costs."""
    levers: frozenset[Lever] = field(default=frozenset(Lever))
    min: int | None = None
    """Smallest number of pods that a plan may request; None: no bound."""
    max: int | None = None
    """Largest number of pods that a plan may request; None: no bound."""
    preset: str | None = None
    """How the metrics of this Revision are named: one of the PRESETS of config.sources; None: as there."""
    time_zone: str | None = None
    """Time zone whose days and weeks the traffic follows, an IANA name; None: that of the calendar."""
    max_total_pods: int | None = None
    """Largest sum of the floors of the namespace of this Revision; None: no bound."""
