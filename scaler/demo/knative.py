"""Simulate the cluster of the demo: two Revisions of one service.

This is a fake.  The reaction to a floor is real: it follows the KPA's own rules (`simulations`).  The API
server is not: every write succeeds, no other process writes, and a floor or setting takes effect in the next
second.  The start-up time is known from the start; in a cluster it is learned from pods that became ready.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.demo.simulations import TIDECAST, PolicySimulations
from scaler.demo.workload import PERCENT, REVISIONS, SERVICE, Workload
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS


class SimulatedKnative:
    """A `ClusterPort` over the Revisions that Tidecast scales in the simulation."""

    def __init__(
        self,
        workload: Workload,
        simulations: PolicySimulations,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._simulations, self._clock = simulations, clock
        self._startup_s = workload.pod_model.startup_s
        self._version = 1
        spec = workload.pod_model.spec
        self._revisions = tuple(
            RevisionSpec(
                key=key,
                service=SERVICE,
                uid=f"uid-of-{key.name}",
                percent=PERCENT,
                container_concurrency=workload.scenario.container_concurrency,
                total_value=spec.total_value,
                target_value=spec.target_value,
                window_s=spec.stable_window_s,
                kpa=spec,
                panic_window_percentage=workload.pod_model.panic_window_percentage,
                policy=settings.policy,
            )
            for key in REVISIONS
        )

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """Return the Revisions, and a version that changes with them."""
        return self._version, self._revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """Return the start-ups (r, STARTUPS), seconds."""
        return np.full((len(keys), STARTUPS), self._startup_s)

    def write(self, changes: Sequence[Change]) -> list[WriteResult]:
        """Write floors and settings, which take effect in the next second."""
        return [WriteResult(change, self._apply(change)) for change in changes]

    def _apply(self, change: Change) -> Result:
        target = (change.key, change.uid)
        row = next((i for i, r in enumerate(self._revisions) if (r.key, r.uid) == target), None)
        if row is None:
            return Result.GONE
        if (self._revisions[row].floor, self._revisions[row].settings) == (change.floor, change.settings):
            return Result.UNCHANGED
        at_s = math.floor(self._clock()) + 1
        self._simulations.set_floor(TIDECAST, row, at_s, change.floor or 0, change.settings)
        self._replace(row, replace(self._revisions[row], floor=change.floor, settings=change.settings))
        return Result.APPLIED

    def _replace(self, row: int, revision: RevisionSpec) -> None:
        self._version += 1
        self._revisions = (*self._revisions[:row], revision, *self._revisions[row + 1 :])

    def ineffective_writes(self) -> Sequence[str]:
        """Return nothing: every write has an effect here."""
        return ()

    def configure(self, settings: Settings) -> None:
        """Use the policy of these settings from now on."""
        for row, revision in enumerate(self._revisions):
            self._replace(row, replace(revision, policy=settings.policy))

    def sweep(self) -> Sequence[WriteResult]:
        """Return nothing: no process ran before."""
        return ()

    def is_leader(self) -> bool:
        """Return True: there is no other process."""
        return True
