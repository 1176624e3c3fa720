"""The live configuration: what an edit of the ConfigMap does, good and bad, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from config.policy import Mode, RevisionPolicy
from config.settings import Settings, Timing
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.knative.cluster import KnativeCluster
from scaler.plan.revision import RevisionSpec
from scaler.server.service import TidecastService
from scaler.simulation.state import STARTUPS

ACT = RevisionPolicy(mode=Mode.ACT)
SPEC = RevisionSpec(
    key=RevisionKey("shop", "cart-00001"), service=ServiceKey("shop", "cart"), uid="u", floor=7, policy=ACT
)


@dataclass
class FakeCluster:
    """A cluster on which a floor of ours stands, and a ConfigMap."""

    data: dict[str, str] | None = field(default_factory=lambda: {"mode": "act"})
    edits: int = 1
    revisions: tuple[RevisionSpec, ...] = (SPEC,)
    version: int = 1
    written: list[Change] = field(default_factory=list)
    used: list[Settings] = field(default_factory=list)

    def edit(self, **data: str) -> None:
        self.edits, self.data = self.edits + 1, {k.replace("_", "-"): v for k, v in data.items()}

    def config_map(self) -> tuple[int, dict[str, str] | None]:
        return self.edits, self.data

    def configure(self, settings: Settings) -> None:
        self.used.append(settings)
        self.version += 1
        self.revisions = tuple(replace(r, policy=settings.policy) for r in self.revisions)

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        return self.version, self.revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        return np.full((len(keys), STARTUPS), 20.0)

    def write(self, orders: Sequence[Change]) -> list[WriteResult]:
        self.written += orders
        return [WriteResult(order, Result.APPLIED) for order in orders]

    def is_leader(self) -> bool:
        return True


def service(world: FakeCluster) -> TidecastService:
    made = TidecastService(
        Settings(policy=ACT), cast(KnativeCluster, world), None, namespace="tidecast", watches_config=True
    )
    made.configure()
    return made


def test_a_plan_is_never_made_by_a_configuration_that_is_no_longer_the_newest() -> None:
    world = FakeCluster()
    made = service(world)
    made.plan()
    assert world.written == []
    world.edit(mode="observe")
    made.plan()
    assert [order.floor for order in world.written] == [None]


def test_a_bad_edit_keeps_the_last_good_configuration_and_is_shown() -> None:
    world = FakeCluster()
    made = service(world)
    world.edit(mode="observed", delay_cost="-1")
    made.plan()
    assert world.written == []
    assert world.used == []
    assert [problem.split(":")[0] for problem in made.status_store.status.configuration_problems] == [
        "mode",
        "delay-cost",
    ]
    world.edit(mode="act")
    made.plan()
    assert made.status_store.status.configuration_problems == ()


@pytest.mark.parametrize(
    "data", [{"prometheus_url": "http://remote_or_local:9090"}, {"planning_period": "10m"}, {"step": "60s"}]
)
def test_another_source_or_pace_is_taken_over_live_and_moves_nothing(data: dict[str, str]) -> None:
    world = FakeCluster()
    made = service(world)
    world.edit(mode="act", **data)
    made.plan()
    assert world.written == []
    assert len(world.used) == 1
    assert made.status_store.status.period_s == (
        600 if "planning_period" in data else Timing().planning_period_s
    )
    assert not made.status_store.status.history_read
