"""What an operator decides for one Revision: the ConfigMap's values with the annotations' laid over them."""

from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What Tidecast may do to a Revision."""

    OBSERVE = "observe"
    """Plan, score and show; touch nothing."""
    ACT = "act"
    OFF = "off"


class Lever(StrEnum):
    """What may be written on a Revision."""

    FLOOR = "floor"
    TARGET = "target"
    WINDOW = "window"
    PANIC = "panic"
    RETENTION = "retention"


@dataclass(frozen=True, kw_only=True)
class RevisionPolicy:
    """The wishes of an operator for one Revision."""

    mode: Mode = Mode.OBSERVE
    delay_cost: float = 30.0
    """Pod-seconds that one delayed request is worth; > 0."""
    wait_cost: float = 0.0
    """Pod-seconds that one second of waiting is worth; >= 0."""
    max_delayed: float | None = None
    """Percent of requests that may be delayed, 0..100; where set it rules instead of the costs."""
    levers: frozenset[Lever] = field(default=frozenset(Lever))
    min: int | None = None
    """Fewest pods a plan may ask for; None: no such bound."""
    max: int | None = None
    """Most pods a plan may ask for; None: no such bound."""
    preset: str | None = None
    """How the series of this Revision are named; None: as `Sources.preset` says."""
    time_zone: str | None = None
    """Whose days and weeks its service lives by, a name of the IANA database; None: as the calendar says."""
    max_total_pods: int | None = None
    """Most pods that all floors of its namespace together may ask for; None: no such bound."""
