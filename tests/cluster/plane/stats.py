"""Encode statistics for the KPA as protobuf: one Stat (scraped) or WireStatMessages (sent on a websocket)."""

import struct
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True, kw_only=True)
class PodStat:
    """Knative's metrics.Stat; the receiver sets the timestamp."""

    pod_name: str
    concurrency: float = 0.0
    proxied_concurrency: float = 0.0
    requests: float = 0.0
    """Requests since the last statistic, in practice per second."""
    proxied_requests: float = 0.0
    uptime_s: float = 0.0

    def encode(self) -> bytes:
        numbers = (
            self.concurrency,
            self.proxied_concurrency,
            self.requests,
            self.proxied_requests,
            self.uptime_s,
        )
        doubles = (_double(field, value) for field, value in enumerate(numbers, start=2))
        return _text(1, self.pod_name) + b"".join(doubles)


def wire_message(namespace: str, revision: str, stat: PodStat) -> bytes:
    """Return WireStatMessages with one message: the content of a frame to the autoscaler."""
    return _bytes(1, _text(1, namespace) + _text(2, revision) + _bytes(3, stat.encode()))


async def push(autoscaler: str, namespace: str, revision: str, stat: PodStat) -> None:
    """Send one statistic to the statistics server of an autoscaler at host:port."""
    # The server never answers a close frame: do not wait for it.
    timeout = aiohttp.ClientWSTimeout(ws_close=0.3)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://{autoscaler}/", timeout=timeout) as socket,
    ):
        await socket.send_bytes(wire_message(namespace, revision, stat))


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value) if value else b""


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, payload: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])
