"""From orders to changed capacity: where to write, writing, and seeing to it that it works.

Which object steers the autoscaler depends on the Serving generation: the Revision from 1.21 on, the
PodAutoscaler before.  The version label of config-autoscaler tells; where there is none, what is written
first tells.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.knative import marks
from scaler.knative.actuator import Actuator, Write
from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError
from scaler.knative.fleet import Fleet
from scaler.knative.objects import Name, annotations
from scaler.knative.stats import Stat, StatStream
from scaler.knative.sweep import WRITTEN_ON, revert
from scaler.knative.verify import Effect, Verdict, Written, judge
from scaler.kpa.settings import read_texts

FIRST_CARRIED = (1, 21)
"""The Serving release from which a Revision's annotations reach its PodAutoscaler."""
LOOK_S = 0.25
"""Between two looks at what is on its way."""


@dataclass
class Steering:
    """Which object is written on, and how surely that is known."""

    on: Name = Name.REVISION
    known: bool = False
    """By the version label, or seen to work."""

    def learn(self, version_label: str) -> None:
        """From the label app.kubernetes.io/version, such as 1.23.0."""
        found = re.match(r"v?(\d+)\.(\d+)", version_label)
        if found:
            carried = (int(found[1]), int(found[2])) >= FIRST_CARRIED
            self.on, self.known = (Name.REVISION if carried else Name.POD_AUTOSCALER), True


class Acting:
    """Carries out orders and follows their effect in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        fleet: Fleet,
        lock: threading.RLock,
        stream: StatStream,
        *,
        steering_changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lock` guards `fleet`; `steering_changed` is called with it held."""
        self._fleet, self._lock, self._stream, self._clock = fleet, lock, stream, clock
        self._actuator = Actuator(connection, self._seen, clock)
        self._steering_changed = steering_changed
        self.steering = Steering()
        self._on_the_way: dict[RevisionKey, Written] = {}
        self._settled: dict[RevisionKey, Mapping[str, str]] = {}
        self._faults: dict[RevisionKey, str] = {}
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._follow, name="verify", daemon=True)
        self.nudges = 0
        """Statistics sent because the autoscaler did not act on a floor."""

    def start(self) -> None:
        """Begin to follow effects."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def write(self, orders: Sequence[Change]) -> list[WriteResult]:
        """Carry orders out; one outcome each, in their order."""
        with self._lock:
            writes = [self.write_for(order) for order in orders]
        outcomes = iter(self._carry_out([w for w in writes if w is not None]))
        return [
            WriteResult(o, Result.GONE, "no such Revision any more") if w is None else next(outcomes)
            for o, w in zip(orders, writes, strict=True)
        ]

    def problems(self) -> dict[RevisionKey, str]:
        """What stands and does not work, and why."""
        with self._lock:
            return dict(self._faults)

    def retain(self, keys: AbstractSet[RevisionKey]) -> None:
        """Forget all Revisions but these."""
        with self._lock:
            for known in (self._on_the_way, self._settled, self._faults):
                for gone in known.keys() - keys:
                    del known[gone]

    @property
    def settled(self) -> bool:
        """Is nothing on its way any more?"""
        return not self._on_the_way

    def _seen(self, name: Name, thing: Any) -> None:
        with self._lock:
            self._fleet.see(name, thing)

    def _carry_out(self, writes: Sequence[Write]) -> list[WriteResult]:
        outcomes = self._actuator.write(writes)
        with self._lock:
            for write, outcome in zip(writes, outcomes, strict=True):
                self._expect(write, outcome.result)
        if self._on_the_way:
            self._wake.set()
        return outcomes

    def write_for(self, order: Change) -> Write | None:
        """What an order comes to; None where the Revision is not the one that was planned for."""
        with self._lock:
            revision = self._fleet.get(Name.REVISION, (order.key.namespace, order.key.name))
            if revision is None or revision.metadata.uid != order.uid:
                return None
            return self._write(order)

    def _write(self, order: Change) -> Write | None:
        thing = self._fleet.get(self.steering.on, (order.key.namespace, order.key.name))
        if thing is None:
            return None
        spec = self._fleet.spec(order.key)
        wishes: dict[str, str | None] = {}
        if spec is not None:
            wishes = dict(order.settings.texts())
            wishes[marks.FLOOR] = marks.floor_wish(
                order.floor,
                owner_min=spec.owner_min,
                owner_max=spec.owner_max,
                activation_scale=spec.activation_scale,
            )
        return Write(order, self.steering.on, thing, wishes)

    def _expect(self, write: Write, result: Result) -> None:
        """Note that an effect is to be seen, where there is one to be seen."""
        key = write.change.key
        texts = {name: text for name, text in write.wishes.items() if text is not None}
        if not texts:
            for known in (self._on_the_way, self._settled, self._faults):
                known.pop(key, None)
        elif result in (Result.APPLIED, Result.UNCHANGED):
            waiting = self._on_the_way.get(key)
            known_texts = waiting.texts if waiting else self._settled.get(key)
            if known_texts != texts:
                self._on_the_way[key] = Written(texts, self._clock())

    def _follow(self) -> None:
        while not self._ending:
            self._wake.wait(None if not self._on_the_way else LOOK_S)
            self._wake.clear()
            if self._on_the_way and not self._ending:
                try:
                    self.look()
                except ApiError:
                    # What it wanted to do is still to be done at the next look.
                    continue

    def look(self) -> None:
        """See what has become of what is on its way, and do what is to be done now."""
        now_s = self._clock()
        nudge: list[RevisionKey] = []
        remote_or_local: list[RevisionKey] = []
        with self._lock:
            for key, written in list(self._on_the_way.items()):
                still = self._still(key, written.texts)
                if not still:
                    del self._on_the_way[key]
                    continue
                verdict, after = judge(replace(written, texts=still), self._effect(key), now_s)
                self._on_the_way[key] = after
                match verdict:
                    case Verdict.SETTLED:
                        self._settle(key, after.texts)
                    case Verdict.NUDGE:
                        nudge.append(key)
                    case Verdict.NOT_CARRIED:
                        remote_or_local.append(key)
                    case Verdict.GIVEN_UP:
                        self._settle(key, after.texts)
                        self._faults[key] = f"the autoscaler does not act on the floor {after.floor}"
        if nudge:
            self.nudges += self._stream.push([Stat(key) for key in nudge])
        if remote_or_local:
            self._not_carried(remote_or_local)

    def _settle(self, key: RevisionKey, texts: Mapping[str, str]) -> None:
        del self._on_the_way[key]
        self._settled[key] = texts
        self._faults.pop(key, None)
        self.steering.known = True

    def _effect(self, key: RevisionKey) -> Effect:
        place = (key.namespace, key.name)
        pa, spec = self._fleet.get(Name.POD_AUTOSCALER, place), self._fleet.spec(key)
        return Effect(
            pa_texts=_short(annotations(pa)),
            desired=None if pa is None else pa.status.desired_scale,
            waits=spec is None or spec.hpa or not spec.reachable,
            there=pa is not None,
        )

    def _not_carried(self, keys: list[RevisionKey]) -> None:
        """PodAutoscalers do not bear what is on their Revisions, or have lost what was written on them."""
        before = self.steering.on
        with self._lock:
            if before is Name.REVISION and self.steering.known:
                said = "its PodAutoscaler does not follow: is Knative's controller running?"
                self._faults |= {key: said for key in keys if self._fleet.spec(key) is not None}
                return
            # Between the look and now, the loop may have taken it back, or its Revision may have gone.
            keys = [key for key in keys if key in self._on_the_way]
            if not keys or before is not self.steering.on:
                return
            orders = []
            for key in keys:
                texts = self._on_the_way[key].texts
                floor = int(texts[marks.FLOOR]) if marks.FLOOR in texts else None
                orders.append(Change(key, "", floor, read_texts(texts)))
                self._on_the_way[key] = Written(texts, self._clock())
            things = [self._fleet.get(before, (key.namespace, key.name)) for key in keys]
            back = [revert(before, thing) for thing in things if thing is not None]
            after = Name.POD_AUTOSCALER if before is Name.REVISION else Name.REVISION
            self.steering.on, self.steering.known = after, False
            self._steering_changed()
            self._fleet.specs()
            anew = [write for order in orders if (write := self._write(order)) is not None]
        self._actuator.write(back)
        self._carry_out(anew)

    def _still(self, key: RevisionKey, texts: Mapping[str, str]) -> dict[str, str]:
        """Those of `texts` that no person has written over or removed since, so that an effect is to be seen.

        With ours on the PodAutoscaler, a controller of Serving >= 1.21 does so too, but what it leaves there
        is the Revision's value.
        """
        place = (key.namespace, key.name)
        revision, pa = (annotations(self._fleet.get(on, place)) for on in WRITTEN_ON)
        if self.steering.on is Name.REVISION:
            return {name: text for name, text in texts.items() if marks.ours(revision, name) == text}
        stands, said = _short(pa), _short(revision)
        return {name: text for name, text in texts.items() if stands.get(name) in (text, said.get(name))}


def _short(found: Mapping[str, str]) -> dict[str, str]:
    """Short name -> text, of annotations that may be ours."""
    named = {name: found.get(marks.AUTOSCALING + name) for name in marks.KEYS}
    return {name: text for name, text in named.items() if text is not None}
