"""Write changes on the cluster, and follow each write until it has its effect.

The object to write on depends on the release of Serving: the Revision from 1.21 on, the PodAutoscaler before.
The version label of config-autoscaler states the release; without the label, the first write shows it.
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
from scaler.knative.cache import RevisionCache
from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError
from scaler.knative.objects import Resource, annotations
from scaler.knative.stats import Stat, StatStream
from scaler.knative.sweep import WRITTEN_ON, revert_write
from scaler.knative.verify import ObservedEffect, PendingWrite, WriteState, next_state
from scaler.kpa.settings import read_texts

FIRST_COPYING_RELEASE = (1, 21)
"""The Serving release from which the annotations of a Revision are copied to its PodAutoscaler."""
CHECK_PERIOD_S = 0.25
"""Seconds between two checks of the pending writes; chosen by hand, below the 2 s of the autoscaler's tick.
"""


@dataclass
class WriteTarget:
    """The resource that Tidecast writes on.

    resource    Revision or PodAutoscaler
    confirmed   the version label states it, or a write on it had its effect
    """

    resource: Resource = Resource.REVISION
    confirmed: bool = False

    def set_from_version(self, version_label: str) -> None:
        """Choose the resource by the label app.kubernetes.io/version, such as 1.23.0."""
        release = re.match(r"v?(\d+)\.(\d+)", version_label)
        if release:
            copying = (int(release[1]), int(release[2])) >= FIRST_COPYING_RELEASE
            self.resource, self.confirmed = (Resource.REVISION if copying else Resource.POD_AUTOSCALER), True


class ChangeWriter:
    """A writer of changes whose own thread follows the effect of each write."""

    def __init__(
        self,
        connection: Connection,
        cache: RevisionCache,
        lock: threading.RLock,
        stream: StatStream,
        *,
        target_changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `lock`, which guards `cache`; call `target_changed` with it held."""
        self._cache, self._lock, self._stream, self._clock = cache, lock, stream, clock
        self._actuator = Actuator(connection, self._update_cache, clock)
        self._target_changed = target_changed
        self.target = WriteTarget()
        # By Revision: writes without effect so far, texts of the last effective write, ineffective writes.
        self._pending: dict[RevisionKey, PendingWrite] = {}
        self._effective: dict[RevisionKey, Mapping[str, str]] = {}
        self._problems: dict[RevisionKey, str] = {}
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._follow, name="verify", daemon=True)
        self.stats_sent = 0
        """Number of statistics sent because the autoscaler did not act on a floor."""

    def start(self) -> None:
        """Start the thread that follows writes."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def write(self, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes; return one result for each, in their order."""
        with self._lock:
            writes = [self.build_write(change) for change in changes]
        results = iter(self._send([write for write in writes if write is not None]))
        return [
            WriteResult(change, Result.GONE, "the Revision does not exist any more")
            if write is None
            else next(results)
            for change, write in zip(changes, writes, strict=True)
        ]

    def problems(self) -> dict[RevisionKey, str]:
        """Return the Revisions on which a write has no effect, and the reason."""
        with self._lock:
            return dict(self._problems)

    def retain(self, keys: AbstractSet[RevisionKey]) -> None:
        """Forget all other Revisions."""
        with self._lock:
            for by_key in (self._pending, self._effective, self._problems):
                for deleted in by_key.keys() - keys:
                    del by_key[deleted]

    @property
    def settled(self) -> bool:
        """Whether no write is pending."""
        return not self._pending

    def _update_cache(self, resource: Resource, obj: Any) -> None:
        with self._lock:
            self._cache.update(resource, obj)

    def _send(self, writes: Sequence[Write]) -> list[WriteResult]:
        results = self._actuator.write(writes)
        with self._lock:
            for write, result in zip(writes, results, strict=True):
                self._track(write, result.result)
        if self._pending:
            self._wake.set()
        return results

    def build_write(self, change: Change) -> Write | None:
        """Return the write of a change; None where its Revision is not the one that was planned for."""
        with self._lock:
            revision = self._cache.get(Resource.REVISION, (change.key.namespace, change.key.name))
            if revision is None or revision.metadata.uid != change.uid:
                return None
            return self._write(change)

    def _write(self, change: Change) -> Write | None:
        obj = self._cache.get(self.target.resource, (change.key.namespace, change.key.name))
        if obj is None:
            return None
        spec = self._cache.spec(change.key)
        desired: dict[str, str | None] = {}
        if spec is not None:
            desired = dict(change.settings.texts())
            desired[marks.FLOOR] = marks.desired_min_scale(
                change.floor,
                owner_min=spec.owner_min,
                owner_max=spec.owner_max,
                activation_scale=spec.activation_scale,
            )
        return Write(change, self.target.resource, obj, desired)

    def _track(self, write: Write, result: Result) -> None:
        """Add a write to the pending ones, unless it reverts everything or the same one is known."""
        key = write.change.key
        texts = {name: text for name, text in write.desired.items() if text is not None}
        if not texts:
            for by_key in (self._pending, self._effective, self._problems):
                by_key.pop(key, None)
        elif result in (Result.APPLIED, Result.UNCHANGED):
            pending = self._pending.get(key)
            known_texts = pending.texts if pending else self._effective.get(key)
            if known_texts != texts:
                self._pending[key] = PendingWrite(texts, self._clock())

    def _follow(self) -> None:
        while not self._ending:
            self._wake.wait(None if not self._pending else CHECK_PERIOD_S)
            self._wake.clear()
            if self._pending and not self._ending:
                try:
                    self.check()
                except ApiError:
                    # The next check finds the same pending writes.
                    continue

    def check(self) -> None:
        """Check the effect of every pending write once, and take the next step of each."""
        now_s = self._clock()
        needs_stat: list[RevisionKey] = []
        not_copied: list[RevisionKey] = []
        with self._lock:
            for key, pending in list(self._pending.items()):
                unchanged = self._unchanged_texts(key, pending.texts)
                if not unchanged:
                    del self._pending[key]
                    continue
                state, after = next_state(replace(pending, texts=unchanged), self._observe(key), now_s)
                self._pending[key] = after
                match state:
                    case WriteState.EFFECTIVE:
                        self._finish(key, after.texts)
                    case WriteState.SEND_STAT:
                        needs_stat.append(key)
                    case WriteState.NOT_COPIED:
                        not_copied.append(key)
                    case WriteState.INEFFECTIVE:
                        self._finish(key, after.texts)
                        self._problems[key] = f"the autoscaler does not act on the floor {after.floor}"
        if needs_stat:
            self.stats_sent += self._stream.push([Stat(key) for key in needs_stat])
        if not_copied:
            self._switch_target(not_copied)

    def _finish(self, key: RevisionKey, texts: Mapping[str, str]) -> None:
        del self._pending[key]
        self._effective[key] = texts
        self._problems.pop(key, None)
        self.target.confirmed = True

    def _observe(self, key: RevisionKey) -> ObservedEffect:
        name = (key.namespace, key.name)
        pa, spec = self._cache.get(Resource.POD_AUTOSCALER, name), self._cache.spec(key)
        return ObservedEffect(
            pa_texts=_short_names(annotations(pa)),
            desired=None if pa is None else pa.status.desired_scale,
            floor_unused=spec is None or spec.hpa or not spec.reachable,
            pa_exists=pa is not None,
        )

    def _switch_target(self, keys: list[RevisionKey]) -> None:
        """Write on the other resource: PodAutoscalers lack the annotations of their Revisions, or lost their
        own.
        """
        before = self.target.resource
        with self._lock:
            if before is Resource.REVISION and self.target.confirmed:
                text = "its PodAutoscaler did not receive the annotations: is Knative's controller running?"
                self._problems |= {key: text for key in keys if self._cache.spec(key) is not None}
                return
            # Since the check, the loop may have reverted a value, or its Revision may have been deleted.
            keys = [key for key in keys if key in self._pending]
            if not keys or before is not self.target.resource:
                return
            changes = []
            for key in keys:
                texts = self._pending[key].texts
                floor = int(texts[marks.FLOOR]) if marks.FLOOR in texts else None
                changes.append(Change(key, "", floor, read_texts(texts)))
                self._pending[key] = PendingWrite(texts, self._clock())
            objects = [self._cache.get(before, (key.namespace, key.name)) for key in keys]
            reverts = [revert_write(before, obj) for obj in objects if obj is not None]
            after = Resource.POD_AUTOSCALER if before is Resource.REVISION else Resource.REVISION
            self.target.resource, self.target.confirmed = after, False
            self._target_changed()
            self._cache.specs()
            writes = [write for change in changes if (write := self._write(change)) is not None]
        self._actuator.write(reverts)
        self._send(writes)

    def _unchanged_texts(self, key: RevisionKey, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the texts that no other field manager has replaced or removed since the write.

        Where Tidecast writes on the PodAutoscaler, a controller of Serving 1.21 or later replaces the value
        too; it writes the value of the Revision.
        """
        name = (key.namespace, key.name)
        revision, pa = (annotations(self._cache.get(resource, name)) for resource in WRITTEN_ON)
        if self.target.resource is Resource.REVISION:
            return {k: text for k, text in texts.items() if marks.applied_value(revision, k) == text}
        on_pa, on_revision = _short_names(pa), _short_names(revision)
        return {k: text for k, text in texts.items() if on_pa.get(k) in (text, on_revision.get(k))}


def _short_names(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return short name -> text of the annotations that Tidecast may set."""
    texts = {name: annotations.get(marks.AUTOSCALING + name) for name in marks.KEYS}
    return {name: text for name, text in texts.items() if text is not None}
