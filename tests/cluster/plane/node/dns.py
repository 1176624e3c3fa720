"""Serve cluster DNS over UDP: A records of services, NXDOMAIN for other names."""

import asyncio
import socket
import struct
from typing import cast

from plane.layout import DNS_ADDRESS
from plane.node.service_proxy import ServiceProxy

TYPE_A, CLASS_IN, TTL_S = 1, 1, 1
ANSWER, NO_SUCH_NAME = 0x8180, 3


async def serve(services: ServiceProxy) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Resolver(services), local_addr=(DNS_ADDRESS, 53))


class Resolver(asyncio.DatagramProtocol):
    def __init__(self, services: ServiceProxy) -> None:
        self._services = services

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        name, end = _question(data)
        kind = struct.unpack(">H", data[end : end + 2])[0]
        addresses = self._resolve(name)
        records = [_record(a) for a in addresses or []] if kind == TYPE_A else []
        flags = ANSWER | (NO_SUCH_NAME if addresses is None else 0)
        head = data[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        self._transport.sendto(head + data[12 : end + 4] + b"".join(records), sender)

    def _resolve(self, name: str) -> list[str] | None:
        """Return the addresses of `service.namespace.svc[.cluster.local]`; None for an unknown service."""
        parts = name.lower().removesuffix(".cluster.local").split(".")
        service = (
            self._services.service(parts[1], parts[0]) if len(parts) == 3 and parts[2] == "svc" else None
        )
        if service is None:
            return None
        if service["spec"].get("type") == "ExternalName":
            return self._resolve(service["spec"]["externalName"]) or []
        address = service["spec"].get("clusterIP") or "None"
        if address != "None":
            return [address]
        return sorted({a for a, _ in self._services.endpoints(parts[1], parts[0])})


def _question(data: bytes) -> tuple[str, int]:
    """Return the name in a query, and the offset of its end."""
    offset, labels = 12, []
    while length := data[offset]:
        labels.append(data[offset + 1 : offset + 1 + length].decode())
        offset += 1 + length
    return ".".join(labels), offset + 1


def _record(address: str) -> bytes:
    pointer_to_question = b"\xc0\x0c"
    return pointer_to_question + struct.pack(">HHIH", TYPE_A, CLASS_IN, TTL_S, 4) + socket.inet_aton(address)
