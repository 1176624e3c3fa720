"""What the loop shows: its last plan, its faults, its pulse.  The loop writes it, the web reads it."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from models.fleet.keys import RevisionKey
from scaler.controller.changes import WriteResult
from scaler.kpa.settings import KpaSettings
from scaler.plan.result import FleetPlan
from scaler.shadow.evaluator import NO_RESULT, ShadowResult


@dataclass(frozen=True)
class Status:
    """One look at the loop.  Times are Unix seconds; None = not yet."""

    plan: FleetPlan | None = None
    found: ShadowResult = NO_RESULT
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
    configuration_problems: tuple[str, ...] = ()
    cluster_problems: tuple[str, ...] = ()
    """What is wrong in the cluster: bad annotations, watches that fail, floors without effect."""
    read_error: str | None = None
    """Why demand could not be read the last time; None: it could."""
    warnings: tuple[str, ...] = ()
    outcomes: dict[str, int] = field(default_factory=dict)
    """Result -> how many orders had it so far."""
    settings: tuple[tuple[RevisionKey, KpaSettings], ...] = ()
    """Of ours that stand; Revisions without one are left out."""
    heard: int = 0
    """ServiceMeasurements that slow models were asked about."""
    spoken: int = 0
    """Of these: those where they are listened to, since it adds_skill."""
    ineffective_writes: tuple[str, ...] = ()
    job_failures: dict[str, int] = field(default_factory=dict)
    """Job -> how often it failed by a fault of ours."""


class StatusStore:
    """Holds one `Status`; every change is a new one, so that a reader never sees half of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown = Status()
        self._outcomes: Counter[str] = Counter()
        self._job_failures: Counter[str] = Counter()

    @property
    def status(self) -> Status:
        """What is to be seen now."""
        return self._shown

    def update(self, **changes: object) -> None:
        """Replace fields of what is shown."""
        with self._lock:
            self._shown = replace(self._shown, **changes)  # type: ignore[arg-type]

    def count(self, outcomes: Sequence[WriteResult]) -> None:
        """Add what became of orders."""
        self._outcomes.update(outcome.result.value for outcome in outcomes)
        self.update(outcomes=dict(self._outcomes))

    def job_failed(self, job: str) -> None:
        """Add a fault of ours in that job."""
        self._job_failures[job] += 1
        self.update(job_failures=dict(self._job_failures))
