"""Write annotations with server-side apply, and only where something changes.

Every write names the uid of its object, so that it cannot create an object that was deleted.  A conflict with
the manager of the template is expected and forced, since a mark keeps the owner's value.  A conflict with any
other manager means that a person or a tool wrote the annotation: that value stays, unless it equals the value
that the mark records, and the other annotations are written without it.
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
from scaler.knative.objects import (
    API_VERSIONS,
    ENDPOINTS,
    FIELD_MANAGER,
    Resource,
    annotations,
    decode,
    managed_annotations,
    trim,
)

WRITERS = 8
"""Requests in flight; chosen by hand, below the concurrency that API priority and fairness gives one client.
"""
EXPECTED_MANAGERS = frozenset({"controller", FIELD_MANAGER})
"""Field managers whose values may be replaced: Knative's controller, which copied the annotations of the
template, and Tidecast."""


@dataclass(frozen=True)
class Write:
    """The write of one change on one object.

    change     the change that it carries out
    resource   Revision, or PodAutoscaler for Serving 1.20 and older
    obj        the object as it was last read
    desired    short name of an annotation -> value; for a name left out, a value of Tidecast is reverted
    """

    change: Change
    resource: Resource
    obj: Any
    desired: Mapping[str, str | None]


class Actuator:
    """A client that sends several writes at a time to one API server."""

    def __init__(
        self,
        connection: Connection,
        on_written: Callable[[Resource, Any], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Pass each object to `on_written` as the server returns it after a write."""
        self._connection, self._on_written, self._clock = connection, on_written, clock
        self._not_before_s = 0.0

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Send the writes in any order; return one result for each, in theirs.

        A write that fails does not stop the others.  Where the server does not answer, writes that have not
        begun are not sent.
        """
        pending = [(i, w, p) for i, w in enumerate(writes) if (p := _patch(w, w.obj)) is not None]
        results = [WriteResult(w.change, Result.UNCHANGED) for w in writes]
        if not pending:
            return results
        unreachable = threading.Event()
        with ThreadPoolExecutor(min(WRITERS, len(pending)), "write") as pool:
            written = pool.map(lambda job: self._attempt(job[1], job[2], unreachable), pending)
            for (i, _, _), result in zip(pending, written, strict=True):
                results[i] = result
        return results

    def _attempt(
        self, write: Write, patch: marks.AnnotationPatch, unreachable: threading.Event
    ) -> WriteResult:
        wait_s = self._not_before_s - self._clock()
        if wait_s > 0:
            text = f"the API server asked clients to wait {wait_s:.0f} s longer"
            return WriteResult(write.change, Result.THROTTLED, text)
        if unreachable.is_set():
            return WriteResult(write.change, Result.UNREACHABLE, "not sent: the API server does not answer")
        try:
            return self._apply(write, patch)
        except Throttled as e:
            self._not_before_s = self._clock() + e.retry_after_s
            return WriteResult(write.change, Result.THROTTLED, str(e))
        except Unreachable as e:
            unreachable.set()
            return WriteResult(write.change, Result.UNREACHABLE, str(e))
        except ApiError as e:
            results = {Missing: Result.GONE, Denied: Result.DENIED, Conflict: Result.CONFLICT}
            return WriteResult(write.change, results.get(type(e), Result.REFUSED), str(e))

    def _apply(self, write: Write, patch: marks.AnnotationPatch) -> WriteResult:
        try:
            return self._send(write, write.obj, patch)
        except (Conflict, Refused) as e:
            # The API server calls a uid invalid where the object was created again under the same name.
            current = self._read(write)
            if current is None:
                text = "deleted, or created again, after the plan was made"
                return WriteResult(write.change, Result.GONE, text)
            if isinstance(e, Refused):
                raise
            return self._apply_again(write, current, sorted(e.managers - EXPECTED_MANAGERS))

    def _apply_again(self, write: Write, current: Any, managers: list[str]) -> WriteResult:
        """Write after a conflict.  The patch leaves out a setting of another manager: it is on `current`."""
        patch = _patch(write, current)
        if patch is None:
            return WriteResult(write.change, Result.UNCHANGED)
        if not managers or not _is_foreign_floor(write, current):
            return self._send(write, current, patch, force=True)
        message = f"{marks.FLOOR} is managed by {', '.join(managers)}: it stays"
        settings = {name: value for name, value in write.desired.items() if value and name != marks.FLOOR}
        rest = _patch(replace(write, desired=settings), current)
        if rest is None or not settings:
            return WriteResult(write.change, Result.CONFLICT, message)
        return replace(self._send(write, current, rest, force=True), message=message)

    def _send(
        self, write: Write, obj: Any, patch: marks.AnnotationPatch, *, force: bool = False
    ) -> WriteResult:
        """Send a patch; with `force`, only to the version of the object that the patch was computed from.

        Raises:
            ApiError: the API server did not apply the patch.
        """
        version, kind = API_VERSIONS[write.resource]
        meta = obj.metadata
        path = ENDPOINTS[write.resource].object_path(meta.namespace, meta.name)
        metadata = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}
        if force:
            metadata["resourceVersion"] = meta.resource_version
        body = {
            "apiVersion": version,
            "kind": kind,
            "metadata": metadata | {"annotations": dict(patch.apply)},
        }
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        answer = self._connection.request("PATCH", path, body, kind=APPLY, query=query)
        after = trim(decode(answer, ENDPOINTS[write.resource].type))
        left = dict.fromkeys(patch.remove & annotations(after).keys())
        if left:
            # Another manager holds them, such as one that restored a backup: leaving them out removes
            # nothing.
            same = {"uid": meta.uid, "resourceVersion": after.metadata.resource_version, "annotations": left}
            answer = self._connection.request(
                "PATCH", path, {"metadata": same}, kind=MERGE, query={"fieldManager": FIELD_MANAGER}
            )
            after = trim(decode(answer, ENDPOINTS[write.resource].type))
        self._on_written(write.resource, after)
        return WriteResult(write.change, Result.APPLIED)

    def _read(self, write: Write) -> Any:
        """Return the object as it is now; None where it was deleted or another one has its name."""
        meta = write.obj.metadata
        endpoint = ENDPOINTS[write.resource]
        try:
            body = self._connection.get(endpoint.object_path(meta.namespace, meta.name))
        except Missing:
            return None
        current = trim(decode(body, endpoint.type))
        if current.metadata.uid != meta.uid:
            return None
        self._on_written(write.resource, current)
        return current


def _patch(write: Write, obj: Any) -> marks.AnnotationPatch | None:
    return marks.patch(annotations(obj), write.desired, managed_annotations(obj.metadata))


def _is_foreign_floor(write: Write, obj: Any) -> bool:
    """Return whether the write has a floor and the object has one that Tidecast did not write."""
    existing = annotations(obj)
    if write.desired.get(marks.FLOOR) is None or marks.AUTOSCALING + marks.FLOOR not in existing:
        return False
    return marks.applied_value(existing, marks.FLOOR) is None
