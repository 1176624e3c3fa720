"""Define the two ends of the loop: where demand is read, and the cluster that is scaled.

A demo or a test replaces the ends, never the middle.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, WriteResult
from scaler.plan.revision import RevisionSpec


class DemandSource(Protocol):
    """Where demand is read."""

    def read(
        self,
        start_s: int,
        end_s: int,
        step_s: int,
        *,
        services: Mapping[RevisionKey, ServiceKey] | None = None,
        presets: Mapping[RevisionKey, str] | None = None,
    ) -> Demand:
        """Return the demand on [start_s, end_s), Unix seconds on the grid of `step_s`.

        services   the Revisions that exist, and the service of each
        presets    the preset of Revisions that name their own

        Raises:
            ReadError: the demand cannot be read.
        """

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Return the age in seconds that a sample needs before it is complete.

        Raises:
            ReadError: the source cannot be read.
        """


class ClusterPort(Protocol):
    """The cluster that is scaled."""

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """Return the Revisions, and a version that changes only when they change."""

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """Return the learned start-ups (r, STARTUPS) in seconds, equally likely and rising."""

    def write(self, changes: Sequence[Change]) -> Sequence[WriteResult]:
        """Write the changes; return one result for each, and raise nothing."""

    def ineffective_writes(self) -> Sequence[str]:
        """Return, in words, the writes that had no effect."""

    def configure(self, settings: Settings) -> None:
        """Use these settings from now on."""

    def sweep(self) -> Sequence[WriteResult]:
        """Revert the values of processes that no longer renew their Lease."""

    def is_leader(self) -> bool:
        """Return whether this process may write."""
