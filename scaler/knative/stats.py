"""The statistics stream that the autoscaler takes in: what a frame holds, and sending it.

A binary websocket frame with a WireStatMessages, as the activator sends it (knative/serving 98e5ef9,
pkg/autoscaler/metrics/stat.proto).  It is an internal protocol without answers, which a NetworkPolicy or a
mesh may forbid: used where it works, done without where it does not.  Statistics of one second add up, so a
Revision gets one a second at most; they align_rows no time, since one from the future would freeze the average.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from models.fleet.keys import RevisionKey

POD_NAME = "tidecast"
CONNECT_S = 2.0
CLOSE_S = 0.3
"""The server never answers a close frame, nor closes: waiting for it would take ten seconds."""

_STRING, _DOUBLE, _INT64, _MESSAGE = 9, 1, 3, 11
_OPTIONAL, _REPEATED = 1, 3
_FIELDS: dict[str, list[tuple[str, int, int, str]]] = {
    "Stat": [
        ("pod_name", _STRING, _OPTIONAL, ""),
        ("average_concurrent_requests", _DOUBLE, _OPTIONAL, ""),
        ("average_proxied_concurrent_requests", _DOUBLE, _OPTIONAL, ""),
        ("request_count", _DOUBLE, _OPTIONAL, ""),
        ("proxied_request_count", _DOUBLE, _OPTIONAL, ""),
        ("process_uptime", _DOUBLE, _OPTIONAL, ""),
        ("timestamp", _INT64, _OPTIONAL, ""),
    ],
    "WireStatMessage": [
        ("namespace", _STRING, _OPTIONAL, ""),
        ("name", _STRING, _OPTIONAL, ""),
        ("stat", _MESSAGE, _OPTIONAL, ".tidecast.Stat"),
    ],
    "WireStatMessages": [("messages", _MESSAGE, _REPEATED, ".tidecast.WireStatMessage")],
}
"""Message -> fields in the order of their numbers: name, type, label, name of the message type."""


@dataclass(frozen=True)
class Stat:
    """What one Revision is said to have, beside what its own pods say.

    concurrency  requests in flight; 0 says only that the Revision is known.
    requests     requests/s, for Revisions that scale on them.
    """

    key: RevisionKey
    concurrency: float = 0.0
    requests: float = 0.0


def _message_class() -> Any:
    proto = descriptor_pb2.FileDescriptorProto(
        name="tidecast/stat.proto", package="tidecast", syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        message = proto.message_type.add(name=name)
        for number, (field, kind, label, type_name) in enumerate(fields, start=1):
            of = {"type_name": type_name} if type_name else {}
            message.field.add(name=field, number=number, type=kind, label=label, **of)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(proto.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tidecast.WireStatMessages"))


_Frame = _message_class()


def frame(stats: Sequence[Stat], pod_name: str = POD_NAME) -> bytes:
    """One frame with all of them."""
    messages = _Frame()
    for stat in stats:
        message = messages.messages.add(namespace=stat.key.namespace, name=stat.key.name)
        message.stat.pod_name = pod_name
        message.stat.average_concurrent_requests = stat.concurrency
        message.stat.request_count = stat.requests
    return bytes(messages.SerializeToString())


class StatStream:
    """Sends statistics to one autoscaler."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """`url` such as ws://autoscaler.knative-serving.svc:8080; empty: nothing is ever sent."""
        self.url, self._clock = url, clock
        self._sent: tuple[int, set[RevisionKey]] = (0, set())
        self._lock = threading.Lock()
        self.problem = ""
        """Why the last frame could not be sent; empty where it was."""

    def push(self, stats: Sequence[Stat]) -> int:
        """Send what has not been sent in this second yet; how many that were.  0 where it does not answer."""
        with self._lock:
            return self._push(stats)

    def _push(self, stats: Sequence[Stat]) -> int:
        second = int(self._clock())
        if self._sent[0] != second:
            self._sent = (second, set())
        already = self._sent[1]
        due = list({s.key: s for s in stats if s.key not in already}.values())
        if not self.url or not due:
            return 0
        try:
            with connect(
                self.url, open_timeout=CONNECT_S, close_timeout=CLOSE_S, proxy=None, compression=None
            ) as socket:
                socket.send(frame(due))
        except (OSError, WebSocketException, ValueError) as e:
            self.problem = f"no statistics to {self.url}: {type(e).__name__}: {e}"[:256]
            return 0
        self.problem = ""
        already.update(s.key for s in due)
        return len(due)
