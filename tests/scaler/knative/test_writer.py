"""The writer: floors and settings are followed until they have their effect."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from config.overrides import resolve
from config.policy import RevisionPolicy
from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result
from scaler.knative import marks
from scaler.knative.cache import RevisionCache
from scaler.knative.connection import Connection
from scaler.knative.objects import ENDPOINTS, Resource, annotations, decode
from scaler.knative.stats import Stat, StatStream
from scaler.knative.writer import ChangeWriter
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.settings import KpaSettings

IDLE, DELETED = RevisionKey("shop", "idle-00001"), RevisionKey("shop", "deleted-00001")


def object_of(kind: Resource, key: RevisionKey, version: str = "1", **texts: str) -> Any:
    annotations_json = {
        f"autoscaling.knative.dev/{name.replace('_', '-')}": text for name, text in texts.items()
    }
    meta = {
        "name": key.name,
        "namespace": key.namespace,
        "uid": f"uid-{key.name}",
        "annotations": annotations_json,
    }
    return decode(
        json.dumps({"metadata": meta | {"resourceVersion": version}}).encode(), ENDPOINTS[kind].type
    )


@dataclass
class FakeApiServer:
    """An API server that accepts every apply, a clock, and a statistics stream that deletes a Revision."""

    now_s: float = 0.0
    cache: RevisionCache = field(default_factory=lambda: RevisionCache(resolve))
    lock: threading.RLock = field(default_factory=threading.RLock)
    writer: ChangeWriter = field(init=False)

    def __post_init__(self) -> None:
        self.cache.configure(RevisionPolicy(), AutoscalerConfig(), ("*",), writes_on_pa=False)
        self.writer = ChangeWriter(
            cast(Connection, self),
            self.cache,
            self.lock,
            cast(StatStream, self),
            target_changed=lambda: None,
            clock=lambda: self.now_s,
        )

    def update(self, *objects: tuple[Resource, Any]) -> None:
        for resource, obj in objects:
            self.cache.update(resource, obj)
        self.cache.specs()

    def request(self, _method: str, _path: str, body: dict[str, Any], **_: Any) -> bytes:
        return json.dumps(body | {"metadata": body["metadata"] | {"resourceVersion": "9"}}).encode()

    def push(self, stats: Sequence[Stat]) -> int:
        """Delete one Revision while a statistic of the other one is sent."""
        self.writer.retain({IDLE})
        return len(stats)


def test_revision_deleted_during_a_check_does_not_end_the_check() -> None:
    api_server = FakeApiServer()
    for key in (IDLE, DELETED):
        api_server.update((Resource.REVISION, object_of(Resource.REVISION, key)))
        api_server.update((Resource.POD_AUTOSCALER, object_of(Resource.POD_AUTOSCALER, key)))
    changes = [Change(key, f"uid-{key.name}", 3) for key in (IDLE, DELETED)]
    assert [r.result for r in api_server.writer.write(changes)] == [Result.APPLIED, Result.APPLIED]
    api_server.update((Resource.POD_AUTOSCALER, object_of(Resource.POD_AUTOSCALER, IDLE, min_scale="3")))
    api_server.writer.check()
    api_server.now_s = 3.5
    api_server.writer.check()
    assert api_server.writer.stats_sent == 1
    assert not api_server.writer.settled


SETTINGS = KpaSettings(utilization_percentage=35.0, window_s=15)


def test_settings_are_settled_once_copied_without_a_statistic() -> None:
    api_server = FakeApiServer()
    api_server.update((Resource.REVISION, object_of(Resource.REVISION, IDLE)))
    api_server.update((Resource.POD_AUTOSCALER, object_of(Resource.POD_AUTOSCALER, IDLE)))
    change = Change(IDLE, f"uid-{IDLE.name}", None, SETTINGS)
    assert [r.result for r in api_server.writer.write([change])] == [Result.APPLIED]
    api_server.now_s = 2.0
    api_server.writer.check()
    assert not api_server.writer.settled
    copied = object_of(Resource.POD_AUTOSCALER, IDLE, window="15s", target_utilization_percentage="35")
    api_server.update((Resource.POD_AUTOSCALER, copied))
    api_server.writer.check()
    assert api_server.writer.settled
    assert (api_server.writer.stats_sent, api_server.writer.problems()) == (0, {})
    api_server.writer.write([change])
    assert api_server.writer.settled


def test_settings_not_copied_from_the_revision_are_written_on_the_podautoscaler() -> None:
    api_server = FakeApiServer()
    api_server.update((Resource.REVISION, object_of(Resource.REVISION, IDLE)))
    api_server.update((Resource.POD_AUTOSCALER, object_of(Resource.POD_AUTOSCALER, IDLE)))
    api_server.writer.write([Change(IDLE, f"uid-{IDLE.name}", 2, SETTINGS)])
    api_server.now_s = 3.5
    api_server.writer.check()
    assert api_server.writer.target.resource is Resource.POD_AUTOSCALER
    pa = annotations(api_server.cache.get(Resource.POD_AUTOSCALER, (IDLE.namespace, IDLE.name)))
    assert (marks.applied_value(pa, marks.FLOOR), marks.applied_settings(pa)) == ("2", SETTINGS)
    revision = annotations(api_server.cache.get(Resource.REVISION, (IDLE.namespace, IDLE.name)))
    assert not marks.is_marked(revision)


def test_setting_replaced_by_a_person_is_not_waited_for() -> None:
    api_server = FakeApiServer()
    api_server.update((Resource.REVISION, object_of(Resource.REVISION, IDLE)))
    api_server.update((Resource.POD_AUTOSCALER, object_of(Resource.POD_AUTOSCALER, IDLE)))
    api_server.writer.write([Change(IDLE, f"uid-{IDLE.name}", None, SETTINGS)])
    api_server.update((Resource.REVISION, object_of(Resource.REVISION, IDLE, "10", window="40s")))
    api_server.writer.check()
    assert api_server.writer.settled
