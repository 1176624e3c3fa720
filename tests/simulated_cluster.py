"""A cluster in memory with a clock and traffic, for tests of the control loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from builders import ACT, KEY, SERVICE, demand, revision_spec
from numpy.typing import NDArray

from config.settings import Settings, Timing
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import ReadError
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.controller.loop import Loop
from scaler.controller.status import StatusStore
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS

SETTINGS = Settings(policy=ACT, timing=Timing(recent_s=7200, history_s=2 * 86400))
DELAY_S = 30.0
START_S = 1_800_000_000.0


@dataclass
class SimulatedCluster:
    """A clock, traffic and Revisions: both ends of the loop, the source of demand and the cluster."""

    now_s: float = START_S
    rate: Callable[[float], float] = lambda _: 40.0
    problem: ReadError | None = None
    revisions: tuple[RevisionSpec, ...] = ()
    version: int = 1
    leading: bool = True
    written: list[Change] = field(default_factory=list)
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    result: Result = Result.APPLIED

    def read(
        self, start_s: int, end_s: int, step_s: int, *, services: object = None, presets: object = None
    ) -> Demand:
        self.reads.append((start_s, end_s, step_s))
        if self.problem is not None:
            raise self.problem
        rates = [self.rate(float(second)) for second in range(start_s, end_s, step_s)]
        return demand(rates, start_s, step_s, {KEY: SERVICE}, service_time_s=0.5, delay_s=DELAY_S)

    def delay_s(self, step_s: int, at_s: int) -> float:
        return DELAY_S

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        return self.version, self.revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        return np.full((len(keys), STARTUPS), 20.0)

    def write(self, changes: Sequence[Change]) -> list[WriteResult]:
        self.written += changes
        if self.result is Result.APPLIED:
            by_key = {change.key: change for change in changes}
            self.set_revisions(
                *(
                    replace(r, floor=change.floor, settings=change.settings)
                    if (change := by_key.get(r.key))
                    else r
                    for r in self.revisions
                )
            )
        return [WriteResult(change, self.result) for change in changes]

    def set_revisions(self, *revisions: RevisionSpec) -> None:
        self.version, self.revisions = self.version + 1, revisions

    def ineffective_writes(self) -> Sequence[str]:
        return ()

    def configure(self, settings: Settings) -> None:
        self.set_revisions(*(replace(r, policy=settings.policy) for r in self.revisions))

    def sweep(self) -> Sequence[WriteResult]:
        return ()

    def is_leader(self) -> bool:
        return self.leading


def started(cluster: SimulatedCluster, *, dry_run: bool = False) -> tuple[Loop, StatusStore]:
    if not cluster.revisions:
        cluster.set_revisions(revision_spec())
    status_store = StatusStore()
    loop = Loop(cluster, cluster, SETTINGS, status_store, clock=lambda: cluster.now_s, dry_run=dry_run)
    loop.observe()
    return loop, status_store


def run_cycles(loop: Loop, cluster: SimulatedCluster, cycles: int = 1) -> None:
    """Observe and plan every 30 s, as the schedule does."""
    for _ in range(cycles):
        cluster.now_s += 30
        loop.observe()
        loop.plan()


def with_floor(floor: int = 7) -> SimulatedCluster:
    """Return a cluster in which an earlier process has set a floor."""
    cluster = SimulatedCluster()
    cluster.set_revisions(revision_spec(floor=floor))
    return cluster
