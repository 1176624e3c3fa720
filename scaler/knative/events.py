"""Write Kubernetes Events, which `kubectl describe` shows with the object that they refer to."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError

REPEAT_S = 600.0
"""Shortest time between two equal Events on one object, seconds; chosen by hand."""
MAX_PER_MINUTE = 30
"""Largest number of Events in a minute; chosen by hand, so that a failing fleet does not fill etcd."""
MESSAGE_LIMIT = 1024
"""Length of the longest message that the API server accepts."""


@dataclass(frozen=True)
class ObjectReference:
    """The object that an Event refers to."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


class Events:
    """A writer of Events that limits their rate."""

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection, self._clock, self._wall_clock = connection, clock, wall_clock
        self._last_s: dict[tuple[ObjectReference, str, str], float] = {}
        self._minute: tuple[int, int] = (0, 0)
        self.problem: ApiError | None = None
        """The reason why the last Event could not be written; None where it was written."""

    def warn(self, obj: ObjectReference, reason: str, message: str) -> bool:
        """Write a Warning; return False where it was written recently, or cannot be."""
        now_s = self._clock()
        key = (obj, reason, message)
        if now_s - self._last_s.get(key, -REPEAT_S) < REPEAT_S or not self._within_limit(now_s):
            return False
        self._last_s = {k: s for k, s in self._last_s.items() if now_s - s < REPEAT_S} | {key: now_s}
        now = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{obj.name[:200]}.{uuid.uuid4().hex[:12]}", "namespace": obj.namespace},
            "involvedObject": {
                "apiVersion": obj.api_version,
                "kind": obj.kind,
                "namespace": obj.namespace,
                "name": obj.name,
                **({"uid": obj.uid} if obj.uid else {}),
            },
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "type": "Warning",
            "source": {"component": "tidecast"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._connection.request("POST", f"/api/v1/namespaces/{obj.namespace}/events", body)
        except ApiError as e:
            self.problem = e
            return False
        self.problem = None
        return True

    def _within_limit(self, now_s: float) -> bool:
        minute = int(now_s // 60)
        count = self._minute[1] if self._minute[0] == minute else 0
        if count >= MAX_PER_MINUTE:
            return False
        self._minute = (minute, count + 1)
        return True
