"""The two ends of the loop: where demand is read, and what is steered.

A demo or a test may swap them, never the middle.
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
        """Demand on [start_s, end_s), both on the grid of `step_s`.  Raises ReadError.

        services: the Revisions that there are, and the service of each.
        presets: those that say themselves how their series are named.
        """

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Age that a figure should have to be read, seconds.  Raises ReadError."""


class Cluster(Protocol):
    """What is steered."""

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """The Revisions, and a number that changes only when they did."""

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """(r, STARTUPS) seconds from asking for a pod until it serves, as learned: each as likely, rising."""

    def act(self, orders: Sequence[Change]) -> Sequence[WriteResult]:
        """Carry out; one outcome each, none raises."""

    def verify(self) -> Sequence[str]:
        """Look whether what was written had its effect; what did not, in words."""

    def configure(self, settings: Settings) -> None:
        """Use other settings from now on."""

    def sweep(self) -> Sequence[WriteResult]:
        """Take back what stands marked although nobody answers for it."""

    def leads(self) -> bool:
        """May we act, or does another?"""
