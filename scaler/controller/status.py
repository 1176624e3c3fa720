"""What the loop shows: its last plan, its faults, its pulse.  The loop writes it, the web reads it."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.fleet.keys import RevisionKey
from scaler.controller.changes import Outcome
from scaler.kpa.settings import Setting
from scaler.plan.result import FleetPlan
from scaler.shadow.evaluator import NOTHING_FOUND, Found


@dataclass(frozen=True)
class Shown:
    """One look at the loop.  Times are Unix seconds; None = not yet."""

    plan: FleetPlan | None = None
    found: Found = NOTHING_FOUND
    """What the shadow found until then."""
    period_s: float = 30.0
    """From one plan to the next."""
    leads: bool = False
    started: bool = False
    """History has been read and the first plan can be made."""
    known_until_s: int | None = None
    observed_s: float | None = None
    planned_s: float | None = None
    cycle_s: float = 0.0
    """CPU seconds of the last cycle: observe and plan."""
    configuration_faults: tuple[str, ...] = ()
    cluster_faults: tuple[str, ...] = ()
    """What is wrong in the cluster: bad annotations, watches that fail, floors without effect."""
    read_fault: str | None = None
    """Why demand could not be read the last time; None: it could."""
    warnings: tuple[str, ...] = ()
    outcomes: dict[str, int] = field(default_factory=dict)
    """Result -> how many orders had it so far."""
    settings: tuple[tuple[RevisionKey, Setting], ...] = ()
    """Of ours that stand; Revisions without one are left out."""
    heard: int = 0
    """Services that slow models were asked about."""
    spoken: int = 0
    """Of these: those where they are listened to, since it pays."""
    unverified: tuple[str, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)
    """Job -> how often it failed by a fault of ours."""


class Board:
    """Holds one `Shown`; every change is a new one, so that a reader never sees half of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown = Shown()
        self._outcomes: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    @property
    def shown(self) -> Shown:
        """What is to be seen now."""
        return self._shown

    def show(self, **changes: object) -> None:
        """Replace fields of what is shown."""
        with self._lock:
            self._shown = replace(self._shown, **changes)  # type: ignore[arg-type]

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add what became of orders."""
        self._outcomes.update(outcome.result.value for outcome in outcomes)
        self.show(outcomes=dict(self._outcomes))

    def broke(self, job: str) -> None:
        """Add a fault of ours in that job."""
        self._faults[job] += 1
        self.show(faults=dict(self._faults))
