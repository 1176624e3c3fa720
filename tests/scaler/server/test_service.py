"""The live configuration: the effect of valid and invalid edits of the ConfigMap."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pytest
from builders import ACT, revision_spec
from numpy.typing import NDArray

from config.settings import Settings, Timing
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.knative.cluster import KnativeCluster
from scaler.plan.revision import RevisionSpec
from scaler.server.service import TidecastService
from scaler.simulation.state import STARTUPS


@dataclass
class FakeCluster:
    """A cluster with a ConfigMap, and with a floor that Tidecast has set."""

    data: dict[str, str] | None = field(default_factory=lambda: {"mode": "act"})
    edits: int = 1
    revisions: tuple[RevisionSpec, ...] = (revision_spec(floor=7),)
    version: int = 1
    written: list[Change] = field(default_factory=list)
    applied: list[Settings] = field(default_factory=list)

    def edit(self, **data: str) -> None:
        self.edits, self.data = self.edits + 1, {key.replace("_", "-"): text for key, text in data.items()}

    def config_map(self) -> tuple[int, dict[str, str] | None]:
        return self.edits, self.data

    def configure(self, settings: Settings) -> None:
        self.applied.append(settings)
        self.version += 1
        self.revisions = tuple(replace(r, policy=settings.policy) for r in self.revisions)

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        return self.version, self.revisions

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        return np.full((len(keys), STARTUPS), 20.0)

    def write(self, changes: Sequence[Change]) -> list[WriteResult]:
        self.written += changes
        return [WriteResult(change, Result.APPLIED) for change in changes]

    def is_leader(self) -> bool:
        return True


def started_service(cluster: FakeCluster) -> TidecastService:
    service = TidecastService(
        Settings(policy=ACT), cast(KnativeCluster, cluster), None, namespace="tidecast", watches_config=True
    )
    service.configure()
    return service


def test_plan_uses_the_newest_configuration() -> None:
    cluster = FakeCluster()
    service = started_service(cluster)
    service.plan()
    assert cluster.written == []
    cluster.edit(mode="observe")
    service.plan()
    assert [change.floor for change in cluster.written] == [None]


def test_invalid_edit_keeps_the_last_valid_configuration_and_is_shown() -> None:
    cluster = FakeCluster()
    service = started_service(cluster)
    cluster.edit(mode="observed", delay_cost="-1")
    service.plan()
    assert cluster.written == []
    assert cluster.applied == []
    assert [problem.split(":")[0] for problem in service.status_store.status.configuration_problems] == [
        "mode",
        "delay-cost",
    ]
    cluster.edit(mode="act")
    service.plan()
    assert service.status_store.status.configuration_problems == ()


@pytest.mark.parametrize(
    "data", [{"prometheus_url": "http://other:9090"}, {"planning_period": "10m"}, {"step": "60s"}]
)
def test_changed_source_or_timing_is_applied_without_writes(data: dict[str, str]) -> None:
    cluster = FakeCluster()
    service = started_service(cluster)
    cluster.edit(mode="act", **data)
    service.plan()
    assert cluster.written == []
    assert len(cluster.applied) == 1
    assert service.status_store.status.period_s == (
        600 if "planning_period" in data else Timing().planning_period_s
    )
    assert not service.status_store.status.history_read
