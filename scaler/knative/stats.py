"""Send statistics to the autoscaler on the websocket on which the activator sends its own.

A frame is a binary websocket message with a WireStatMessages (knative/serving 98e5ef9,
pkg/autoscaler/metrics/stat.proto).  The protocol is internal and has no answers, and a NetworkPolicy or a
mesh may block it: Tidecast works without it.  The autoscaler adds the statistics of one second, so a Revision
receives at most one per second.  They have no timestamp: one from the future would freeze the autoscaler's
average.
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
"""Seconds to wait for the connection; chosen by hand: a NetworkPolicy drops packets without an answer."""
CLOSE_S = 0.3
"""Seconds to wait for the close; the server never answers a close frame, and the default is ten seconds."""

_STRING, _DOUBLE, _INT64, _MESSAGE = 9, 1, 3, 11
"""Types of fields, numbered as in FieldDescriptorProto of protobuf."""
_OPTIONAL, _REPEATED = 1, 3
"""Labels of fields, likewise."""
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
"""Message -> fields in the order of their numbers: (name, type, label, name of the message type)."""


@dataclass(frozen=True)
class Stat:
    """Traffic of one Revision that the autoscaler adds to that of its pods.

    concurrency   requests in flight; a statistic of 0 makes the autoscaler decide, and adds nothing
    requests      requests/s, for Revisions that scale on them
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
            reference = {"type_name": type_name} if type_name else {}
            message.field.add(name=field, number=number, type=kind, label=label, **reference)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(proto.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tidecast.WireStatMessages"))


_Frame = _message_class()


def encode_frame(stats: Sequence[Stat], pod_name: str = POD_NAME) -> bytes:
    """Return one frame with all statistics."""
    messages = _Frame()
    for stat in stats:
        message = messages.messages.add(namespace=stat.key.namespace, name=stat.key.name)
        message.stat.pod_name = pod_name
        message.stat.average_concurrent_requests = stat.concurrency
        message.stat.request_count = stat.requests
    return bytes(messages.SerializeToString())


class StatStream:
    """A client of the statistics websocket of one autoscaler."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Connect to nothing yet.

        url   such as ws://autoscaler.knative-serving.svc:8080; empty: no statistic is ever sent
        """
        self.url, self._clock = url, clock
        self._sent: tuple[int, set[RevisionKey]] = (0, set())
        self._lock = threading.Lock()
        self.problem = ""
        """The reason why the last frame could not be sent; empty where it was sent."""

    def push(self, stats: Sequence[Stat]) -> int:
        """Send the statistics of Revisions without one in this second; return their number, 0 on an error."""
        with self._lock:
            return self._push(stats)

    def _push(self, stats: Sequence[Stat]) -> int:
        second = int(self._clock())
        if self._sent[0] != second:
            self._sent = (second, set())
        sent_keys = self._sent[1]
        due = list({s.key: s for s in stats if s.key not in sent_keys}.values())
        if not self.url or not due:
            return 0
        try:
            with connect(
                self.url, open_timeout=CONNECT_S, close_timeout=CLOSE_S, proxy=None, compression=None
            ) as socket:
                socket.send(encode_frame(due))
        except (OSError, WebSocketException, ValueError) as e:
            self.problem = f"cannot send statistics to {self.url}: {type(e).__name__}: {e}"[:256]
            return 0
        self.problem = ""
        sent_keys.update(s.key for s in due)
        return len(due)
