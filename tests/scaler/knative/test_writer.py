"""Floors and settings on their way, followed by a thread of their own while the loop goes on."""

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
from scaler.knative.writer import ChangeWriter
from scaler.knative.connection import Connection
from scaler.knative.cache import RevisionCache
from scaler.knative.objects import ENDPOINTS, Resource, annotations, decode
from scaler.knative.stats import Stat, StatStream
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.settings import KpaSettings

ASLEEP, LOST = RevisionKey("shop", "asleep-00001"), RevisionKey("shop", "lost-00001")


def seen(kind: Resource, key: RevisionKey, version: str = "1", **said: str) -> Any:
    named = {f"autoscaling.knative.dev/{name.replace('_', '-')}": text for name, text in said.items()}
    meta = {"name": key.name, "namespace": key.namespace, "uid": f"uid-{key.name}", "annotations": named}
    return decode(json.dumps({"metadata": meta | {"resourceVersion": version}}).encode(), ENDPOINTS[kind].type)


@dataclass
class FakeApiServer:
    """An API server that takes what is applied, a clock, and a stream in which something may happen."""

    now_s: float = 0.0
    fleet: RevisionCache = field(default_factory=lambda: RevisionCache(resolve))
    lock: threading.RLock = field(default_factory=threading.RLock)
    writer: ChangeWriter = field(init=False)

    def __post_init__(self) -> None:
        self.fleet.configure(RevisionPolicy(), AutoscalerConfig(), ("*",), writes_on_pa=False)
        self.writer = ChangeWriter(
            cast(Connection, self),
            self.fleet,
            self.lock,
            cast(StatStream, self),
            target_changed=lambda: None,
            clock=lambda: self.now_s,
        )

    def update(self, *objects: tuple[Resource, Any]) -> None:
        for name, obj in objects:
            self.fleet.update(name, obj)
        self.fleet.specs()

    def request(self, _method: str, _path: str, body: dict[str, Any], **_: Any) -> bytes:
        return json.dumps(body | {"metadata": body["metadata"] | {"resourceVersion": "9"}}).encode()

    def push(self, stats: Sequence[Stat]) -> int:
        """While one is nudged, the other one's Revision goes."""
        self.writer.retain({ASLEEP})
        return len(stats)


def test_a_revision_that_goes_while_its_floor_is_looked_at_does_not_end_the_looking() -> None:
    world = FakeApiServer()
    for key in (ASLEEP, LOST):
        world.update((Resource.REVISION, seen(Resource.REVISION, key)))
        world.update((Resource.POD_AUTOSCALER, seen(Resource.POD_AUTOSCALER, key)))
    orders = [Change(key, f"uid-{key.name}", 3) for key in (ASLEEP, LOST)]
    assert [o.result for o in world.writer.write(orders)] == [Result.APPLIED, Result.APPLIED]
    world.update((Resource.POD_AUTOSCALER, seen(Resource.POD_AUTOSCALER, ASLEEP, min_scale="3")))
    world.writer.check()
    world.now_s = 3.5
    world.writer.check()
    assert world.writer.stats_sent == 1
    assert not world.writer.settled


SHORT = KpaSettings(utilization_percentage=35.0, window_s=15)


def test_settings_are_settled_once_the_podautoscaler_bears_them_and_nobody_is_nudged() -> None:
    world = FakeApiServer()
    world.update((Resource.REVISION, seen(Resource.REVISION, ASLEEP)))
    world.update((Resource.POD_AUTOSCALER, seen(Resource.POD_AUTOSCALER, ASLEEP)))
    order = Change(ASLEEP, f"uid-{ASLEEP.name}", None, SHORT)
    assert [o.result for o in world.writer.write([order])] == [Result.APPLIED]
    world.now_s = 2.0
    world.writer.check()
    assert not world.writer.settled
    carried = seen(Resource.POD_AUTOSCALER, ASLEEP, window="15s", target_utilization_percentage="35")
    world.update((Resource.POD_AUTOSCALER, carried))
    world.writer.check()
    assert world.writer.settled
    assert (world.writer.stats_sent, world.writer.problems()) == (0, {})
    world.writer.write([order])
    assert world.writer.settled


def test_settings_that_a_revision_does_not_pass_on_are_written_on_the_podautoscaler() -> None:
    world = FakeApiServer()
    world.update((Resource.REVISION, seen(Resource.REVISION, ASLEEP)))
    world.update((Resource.POD_AUTOSCALER, seen(Resource.POD_AUTOSCALER, ASLEEP)))
    world.writer.write([Change(ASLEEP, f"uid-{ASLEEP.name}", 2, SHORT)])
    world.now_s = 3.5
    world.writer.check()
    assert world.writer.target.resource is Resource.POD_AUTOSCALER
    pa = annotations(world.fleet.get(Resource.POD_AUTOSCALER, (ASLEEP.namespace, ASLEEP.name)))
    assert (marks.applied_value(pa, marks.FLOOR), marks.applied_settings(pa)) == ("2", SHORT)
    revision = annotations(world.fleet.get(Resource.REVISION, (ASLEEP.namespace, ASLEEP.name)))
    assert not marks.is_marked(revision)


def test_a_setting_written_over_by_a_person_is_not_waited_for() -> None:
    world = FakeApiServer()
    world.update((Resource.REVISION, seen(Resource.REVISION, ASLEEP)))
    world.update((Resource.POD_AUTOSCALER, seen(Resource.POD_AUTOSCALER, ASLEEP)))
    world.writer.write([Change(ASLEEP, f"uid-{ASLEEP.name}", None, SHORT)])
    world.update((Resource.REVISION, seen(Resource.REVISION, ASLEEP, "10", window="40s")))
    world.writer.check()
    assert world.writer.settled
