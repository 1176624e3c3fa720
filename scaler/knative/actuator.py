"""Writes what should stand and takes it back: annotations, by server-side apply, where something changes.

Every write names the uid of the object it was meant for, so that nothing is made by applying to what was
deleted.  A conflict with the template's manager is expected and forced, since the owner's value is marked;
one with any other manager means that a person has written there by hand: that stays, unless it is what our
mark says that we wrote, and the rest is written without it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from scaler.controller.changes import Change, Result, WriteResult
from scaler.knative import marks
from scaler.knative.connection import APPLY, MERGE, Connection
from scaler.knative.errors import ApiError, Conflict, Denied, Missing, Refused, Throttled, Unreachable
from scaler.knative.objects import API_VERSIONS, FIELD_MANAGER, KINDS, Name, annotations, decode, held, slim

WRITERS = 8
EXPECTED_MANAGERS = frozenset({"controller", FIELD_MANAGER})
"""Knative's controller, who copied the template's annotations; and ourselves."""


@dataclass(frozen=True)
class Write:
    """One object to be changed.

    order   why.
    on      Revision, or PodAutoscaler for Serving <= 1.20.
    thing   the object as last seen.
    wishes  short name of an annotation -> value of ours; a name left out: ours is taken off.
    """

    change: Change
    on: Name
    thing: Any
    wishes: Mapping[str, str | None]


class Actuator:
    """Sends writes to one API server, several at a time."""

    def __init__(
        self,
        connection: Connection,
        seen: Callable[[Name, Any], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seen` is told each object as the server has it after a write."""
        self._connection, self._seen, self._clock = connection, seen, clock
        self._not_before_s = 0.0

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Carry them out, in any order; one outcome each, in theirs.

        A write that fails stops no other; but where the server does not answer, what has not begun is left.
        """
        pending = [(i, w, c) for i, w in enumerate(writes) if (c := _change(w, w.thing)) is not None]
        outcomes = [WriteResult(w.change, Result.UNCHANGED) for w in writes]
        if not pending:
            return outcomes
        away = threading.Event()
        with ThreadPoolExecutor(min(WRITERS, len(pending)), "write") as pool:
            done = pool.map(lambda job: self._attempt(job[1], job[2], away), pending)
            for (i, _, _), outcome in zip(pending, done, strict=True):
                outcomes[i] = outcome
        return outcomes

    def _attempt(self, write: Write, change: marks.AnnotationPatch, away: threading.Event) -> WriteResult:
        wait_s = self._not_before_s - self._clock()
        if wait_s > 0:
            return WriteResult(
                write.change, Result.THROTTLED, f"the API server asked for {wait_s:.0f} s of patience"
            )
        if away.is_set():
            return WriteResult(write.change, Result.UNREACHABLE, "not tried: the API server does not answer")
        try:
            return self._apply(write, change)
        except Throttled as e:
            self._not_before_s = self._clock() + e.retry_after_s
            return WriteResult(write.change, Result.THROTTLED, str(e))
        except Unreachable as e:
            away.set()
            return WriteResult(write.change, Result.UNREACHABLE, str(e))
        except ApiError as e:
            kinds = {Missing: Result.GONE, Denied: Result.DENIED, Conflict: Result.CONFLICT}
            return WriteResult(write.change, kinds.get(type(e), Result.REFUSED), str(e))

    def _apply(self, write: Write, change: marks.AnnotationPatch) -> WriteResult:
        try:
            return self._send(write, write.thing, change)
        except (Conflict, Refused) as e:
            # Of an object made anew under the same name, a uid that is not its own is invalid.
            fresh = self._look(write)
            if fresh is None:
                return WriteResult(
                    write.change, Result.GONE, "deleted, or made anew, since it was planned for"
                )
            if isinstance(e, Refused):
                raise
            return self._apply_anew(write, fresh, sorted(e.managers - EXPECTED_MANAGERS))

    def _apply_anew(self, write: Write, fresh: Any, persons: list[str]) -> WriteResult:
        """After a conflict.  A setting that a person wrote is on `fresh`, and so no part of the change."""
        again = _change(write, fresh)
        if again is None:
            return WriteResult(write.change, Result.UNCHANGED)
        if not persons or not _floor_is_theirs(write, fresh):
            return self._send(write, fresh, again, force=True)
        said = f"{marks.FLOOR} set by hand ({', '.join(persons)}): left as it is"
        wishes = {name: wish for name, wish in write.wishes.items() if wish and name != marks.FLOOR}
        rest = _change(replace(write, wishes=wishes), fresh)
        if rest is None or not wishes:
            return WriteResult(write.change, Result.CONFLICT, said)
        return replace(self._send(write, fresh, rest, force=True), message=said)

    def _send(
        self, write: Write, thing: Any, change: marks.AnnotationPatch, *, force: bool = False
    ) -> WriteResult:
        """Raises ApiError.  Forced, it holds only for the very version that the change was made from."""
        version, kind = API_VERSIONS[write.on]
        meta = thing.metadata
        path = KINDS[write.on].of(meta.namespace, meta.name)
        metadata = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}
        if force:
            metadata["resourceVersion"] = meta.resource_version
        body = {
            "apiVersion": version,
            "kind": kind,
            "metadata": metadata | {"annotations": dict(change.apply)},
        }
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        answer = self._connection.request("PATCH", path, body, kind=APPLY, query=query)
        after = slim(decode(answer, KINDS[write.on].type))
        left = dict.fromkeys(change.drop & annotations(after).keys())
        if left:
            # Held by another manager, such as one that restored a backup: leaving it out does not remove it.
            same = {"uid": meta.uid, "resourceVersion": after.metadata.resource_version, "annotations": left}
            answer = self._connection.request(
                "PATCH", path, {"metadata": same}, kind=MERGE, query={"fieldManager": FIELD_MANAGER}
            )
            after = slim(decode(answer, KINDS[write.on].type))
        self._seen(write.on, after)
        return WriteResult(write.change, Result.APPLIED)

    def _look(self, write: Write) -> Any:
        """The object as it is now; None where it is gone or another bears its name."""
        meta = write.thing.metadata
        try:
            body = self._connection.get(KINDS[write.on].of(meta.namespace, meta.name))
        except Missing:
            return None
        fresh = slim(decode(body, KINDS[write.on].type))
        if fresh.metadata.uid != meta.uid:
            return None
        self._seen(write.on, fresh)
        return fresh


def _change(write: Write, thing: Any) -> marks.AnnotationPatch | None:
    return marks.change(annotations(thing), write.wishes, held(thing.metadata))


def _floor_is_theirs(write: Write, thing: Any) -> bool:
    """Is a floor wished where one stands that is not ours?"""
    there = annotations(thing)
    wished = write.wishes.get(marks.FLOOR) is not None
    return wished and marks.AUTOSCALING + marks.FLOOR in there and marks.ours(there, marks.FLOOR) is None
