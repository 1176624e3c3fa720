"""Publish the status of the loop: the loop updates it, metrics and health checks read it."""

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
    """A snapshot of the loop.  Times are Unix seconds; None = not yet."""

    plan: FleetPlan | None = None
    shadow: ShadowResult = NO_RESULT
    """The result of the shadow evaluation when the plan was made."""
    period_s: float = 30.0
    """Seconds from one plan to the next."""
    is_leader: bool = False
    history_read: bool = False
    """The first plan can be made."""
    observed_until_s: int | None = None
    """End of the newest step with a sample."""
    read_at_s: float | None = None
    """When demand was last read."""
    planned_at_s: float | None = None
    cycle_cpu_s: float = 0.0
    """CPU seconds of the last cycle: observe and plan."""
    configuration_problems: tuple[str, ...] = ()
    cluster_problems: tuple[str, ...] = ()
    """Bad annotations, failing watches, writes without effect."""
    read_error: str | None = None
    """Why the last read of demand failed; None = it succeeded."""
    warnings: tuple[str, ...] = ()
    """Warnings of the last read."""
    write_results: dict[str, int] = field(default_factory=dict)
    """Number of changes by result."""
    settings: tuple[tuple[RevisionKey, KpaSettings], ...] = ()
    """The KPA settings that Tidecast has set, of Revisions that have any."""
    ensemble_evaluated: int = 0
    """Services that the ensemble was evaluated on."""
    ensemble_in_use: int = 0
    """Services whose forecast uses the ensemble."""
    ineffective_writes: tuple[str, ...] = ()
    """Writes without effect, in words."""
    job_failures: dict[str, int] = field(default_factory=dict)
    """Number of internal errors by job."""


class StatusStore:
    """Holds one `Status`.  Every update replaces it, so that a reader never sees half of an update."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status = Status()
        self._write_results: Counter[str] = Counter()
        self._job_failures: Counter[str] = Counter()

    @property
    def status(self) -> Status:
        """The newest status."""
        return self._status

    def update(self, **changes: object) -> None:
        """Replace fields of the status."""
        with self._lock:
            self._status = replace(self._status, **changes)  # type: ignore[arg-type]

    def count(self, results: Sequence[WriteResult]) -> None:
        """Count the results of writes."""
        self._write_results.update(result.result.value for result in results)
        self.update(write_results=dict(self._write_results))

    def job_failed(self, job: str) -> None:
        """Count an internal error of that job."""
        self._job_failures[job] += 1
        self.update(job_failures=dict(self._job_failures))
