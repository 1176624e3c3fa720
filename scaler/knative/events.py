"""Kubernetes Events: what a person finds with `kubectl describe` beside the object it is about."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError

AGAIN_S = 600.0
"""The same thing is said about the same object this often at most."""
MAX_PER_MINUTE = 30
MESSAGE_LIMIT = 1024
"""Longest message that the API server takes."""


@dataclass(frozen=True)
class About:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


class Events:
    """Writes Events, rarely enough to be read."""

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection, self._clock, self._wall_clock = connection, clock, wall_clock
        self._said: dict[tuple[About, str, str], float] = {}
        self._minute: tuple[int, int] = (0, 0)
        self.problem: ApiError | None = None
        """Why the last Event could not be written; None where it was."""

    def warn(self, about: About, reason: str, message: str) -> bool:
        """Say that something is wrong; False where it was said lately, or cannot be."""
        now_s = self._clock()
        key = (about, reason, message)
        if now_s - self._said.get(key, -AGAIN_S) < AGAIN_S or not self._room(now_s):
            return False
        self._said = {k: s for k, s in self._said.items() if now_s - s < AGAIN_S} | {key: now_s}
        now = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about.name[:200]}.{uuid.uuid4().hex[:12]}", "namespace": about.namespace},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                **({"uid": about.uid} if about.uid else {}),
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
            self._connection.request("POST", f"/api/v1/namespaces/{about.namespace}/events", body)
        except ApiError as e:
            self.problem = e
            return False
        self.problem = None
        return True

    def _room(self, now_s: float) -> bool:
        minute = int(now_s // 60)
        said = self._minute[1] if self._minute[0] == minute else 0
        if said >= MAX_PER_MINUTE:
            return False
        self._minute = (minute, said + 1)
        return True
