"""The demo's cluster: two Revisions of one service, on a Knative that is simulated.

A fake.  Real is what answers a floor: the KPA's own rules (`worlds`).  Not real are the API server and all
that could go wrong between it and us: every write is taken, nobody else writes, and a floor or a setting is
in force from the next second on.  The start-up is known from the first moment; a real one is learned from
pods that became ready.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.demo.story import PERCENT, REVISIONS, SERVICE, Story
from scaler.demo.worlds import TIDECAST, Worlds
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS


class SimulatedKnative:
    """A `Cluster` whose Revisions live in the world of Tidecast."""

    def __init__(self, story: Story, worlds: Worlds, settings: Settings, clock: Callable[[], float]) -> None:
        self._worlds, self._clock = worlds, clock
        self._startup_s = story.world.startup_s
        self._version = 1
        spec = story.world.spec
        self._revisions = tuple(
            RevisionSpec(
                key=key,
                service=SERVICE,
                uid=f"uid-of-{key.name}",
                percent=PERCENT,
                container_concurrency=story.scenario.container_concurrency,
                total_value=spec.total_value,
                target_value=spec.target_value,
                window_s=spec.stable_window_s,
                kpa=spec,
                panic_window_percentage=story.world.panic_window_percentage,
                policy=settings.policy,
            )
            for key in REVISIONS
        )

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """The two Revisions, and a number that changes with them."""
        return self._version, self._revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """(r, STARTUPS) seconds."""
        return np.full((len(keys), STARTUPS), self._startup_s)

    def act(self, orders: Sequence[Change]) -> list[WriteResult]:
        """Write floors and settings; each is in force from the next second on."""
        return [WriteResult(order, self._written(order)) for order in orders]

    def _written(self, order: Change) -> Result:
        found = (i for i, r in enumerate(self._revisions) if (r.key, r.uid) == (order.key, order.uid))
        row = next(found, None)
        if row is None:
            return Result.GONE
        if (self._revisions[row].floor, self._revisions[row].setting) == (order.floor, order.setting):
            return Result.UNCHANGED
        at_s = math.floor(self._clock()) + 1
        self._worlds.ask(TIDECAST, row, at_s, order.floor or 0, order.setting)
        self._change(row, replace(self._revisions[row], floor=order.floor, setting=order.setting))
        return Result.APPLIED

    def _change(self, row: int, revision: RevisionSpec) -> None:
        self._version += 1
        self._revisions = (*self._revisions[:row], revision, *self._revisions[row + 1 :])

    def verify(self) -> Sequence[str]:
        """Nothing: all has its effect here."""
        return ()

    def configure(self, settings: Settings) -> None:
        """Use the policy of other settings from now on."""
        for row, revision in enumerate(self._revisions):
            self._change(row, replace(revision, policy=settings.policy))

    def sweep(self) -> Sequence[WriteResult]:
        """Nothing: nobody was here before us."""
        return ()

    def leads(self) -> bool:
        """Nobody else is here."""
        return True
