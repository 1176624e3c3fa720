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
from scaler.knative.acting import Acting
from scaler.knative.connection import Connection
from scaler.knative.fleet import Fleet
from scaler.knative.objects import KINDS, Name, annotations, decode
from scaler.knative.stats import Stat, StatStream
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.settings import KpaSettings

ASLEEP, LOST = RevisionKey("shop", "asleep-00001"), RevisionKey("shop", "lost-00001")


def seen(kind: Name, key: RevisionKey, version: str = "1", **said: str) -> Any:
    named = {f"autoscaling.knative.dev/{name.replace('_', '-')}": text for name, text in said.items()}
    meta = {"name": key.name, "namespace": key.namespace, "uid": f"uid-{key.name}", "annotations": named}
    return decode(json.dumps({"metadata": meta | {"resourceVersion": version}}).encode(), KINDS[kind].type)


@dataclass
class FakeApiServer:
    """An API server that takes what is applied, a clock, and a stream in which something may happen."""

    now_s: float = 0.0
    fleet: Fleet = field(default_factory=lambda: Fleet(resolve))
    lock: threading.RLock = field(default_factory=threading.RLock)
    acting: Acting = field(init=False)

    def __post_init__(self) -> None:
        self.fleet.configure(RevisionPolicy(), AutoscalerConfig(), ("*",), on_pa=False)
        self.acting = Acting(
            cast(Connection, self),
            self.fleet,
            self.lock,
            cast(StatStream, self),
            steering_changed=lambda: None,
            clock=lambda: self.now_s,
        )

    def see(self, *things: tuple[Name, Any]) -> None:
        for name, thing in things:
            self.fleet.see(name, thing)
        self.fleet.specs()

    def request(self, _method: str, _path: str, body: dict[str, Any], **_: Any) -> bytes:
        return json.dumps(body | {"metadata": body["metadata"] | {"resourceVersion": "9"}}).encode()

    def push(self, stats: Sequence[Stat]) -> int:
        """While one is nudged, the other one's Revision goes."""
        self.acting.retain({ASLEEP})
        return len(stats)


def test_a_revision_that_goes_while_its_floor_is_looked_at_does_not_end_the_looking() -> None:
    world = FakeApiServer()
    for key in (ASLEEP, LOST):
        world.see((Name.REVISION, seen(Name.REVISION, key)))
        world.see((Name.POD_AUTOSCALER, seen(Name.POD_AUTOSCALER, key)))
    orders = [Change(key, f"uid-{key.name}", 3) for key in (ASLEEP, LOST)]
    assert [o.result for o in world.acting.write(orders)] == [Result.APPLIED, Result.APPLIED]
    world.see((Name.POD_AUTOSCALER, seen(Name.POD_AUTOSCALER, ASLEEP, min_scale="3")))
    world.acting.look()
    world.now_s = 3.5
    world.acting.look()
    assert world.acting.nudges == 1
    assert not world.acting.settled


SHORT = KpaSettings(utilization_percentage=35.0, window_s=15)


def test_settings_are_settled_once_the_podautoscaler_bears_them_and_nobody_is_nudged() -> None:
    world = FakeApiServer()
    world.see((Name.REVISION, seen(Name.REVISION, ASLEEP)))
    world.see((Name.POD_AUTOSCALER, seen(Name.POD_AUTOSCALER, ASLEEP)))
    order = Change(ASLEEP, f"uid-{ASLEEP.name}", None, SHORT)
    assert [o.result for o in world.acting.write([order])] == [Result.APPLIED]
    world.now_s = 2.0
    world.acting.look()
    assert not world.acting.settled
    carried = seen(Name.POD_AUTOSCALER, ASLEEP, window="15s", target_utilization_percentage="35")
    world.see((Name.POD_AUTOSCALER, carried))
    world.acting.look()
    assert world.acting.settled
    assert (world.acting.nudges, world.acting.problems()) == (0, {})
    world.acting.write([order])
    assert world.acting.settled


def test_settings_that_a_revision_does_not_pass_on_are_written_on_the_podautoscaler() -> None:
    world = FakeApiServer()
    world.see((Name.REVISION, seen(Name.REVISION, ASLEEP)))
    world.see((Name.POD_AUTOSCALER, seen(Name.POD_AUTOSCALER, ASLEEP)))
    world.acting.write([Change(ASLEEP, f"uid-{ASLEEP.name}", 2, SHORT)])
    world.now_s = 3.5
    world.acting.look()
    assert world.acting.steering.on is Name.POD_AUTOSCALER
    pa = annotations(world.fleet.get(Name.POD_AUTOSCALER, (ASLEEP.namespace, ASLEEP.name)))
    assert (marks.ours(pa, marks.FLOOR), marks.setting(pa)) == ("2", SHORT)
    revision = annotations(world.fleet.get(Name.REVISION, (ASLEEP.namespace, ASLEEP.name)))
    assert not marks.marked(revision)


def test_a_setting_written_over_by_a_person_is_not_waited_for() -> None:
    world = FakeApiServer()
    world.see((Name.REVISION, seen(Name.REVISION, ASLEEP)))
    world.see((Name.POD_AUTOSCALER, seen(Name.POD_AUTOSCALER, ASLEEP)))
    world.acting.write([Change(ASLEEP, f"uid-{ASLEEP.name}", None, SHORT)])
    world.see((Name.REVISION, seen(Name.REVISION, ASLEEP, "10", window="40s")))
    world.acting.look()
    assert world.acting.settled
