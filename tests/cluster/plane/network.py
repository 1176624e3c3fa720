"""Set up the network namespaces of a cluster.

This module runs inside the cluster's own user (if not root), mount and network namespaces.

The hub (the cluster's namespace) holds etcd, kube-apiserver and the node, and owns the addresses of services
and of simulated pods. A pod that is a real process has a namespace of its own, joined to the hub by a veth
pair, because Knative's programs all use the same ports.  No device leads to the network of the machine.
"""

import asyncio
import subprocess
from pathlib import Path

from plane.layout import CONTROL_ADDRESS, DNS_ADDRESS, SERVICE_CIDR, SIMULATED_PODS_CIDR, Home


def prepare_hub(home: Home) -> None:
    """Set the addresses, routes and name resolution of the namespace of this process."""
    _ip(f"""
        link set lo up
        addr add {CONTROL_ADDRESS}/32 dev lo
        route add local {SERVICE_CIDR} dev lo
        route add local {SIMULATED_PODS_CIDR} dev lo
    """)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    search = "search svc.cluster.local cluster.local"
    _replace(home, "/etc/resolv.conf", f"nameserver {DNS_ADDRESS}\noptions ndots:5 timeout:1\n{search}\n")
    _replace(home, "/etc/hosts", "127.0.0.1 localhost\n")
    home.netns("").mkdir()


async def add_pod(namespace: Path, address: str) -> None:
    """Create a network namespace, kept by a bind mount at the path, whose only device leads to the hub."""
    namespace.touch()
    await _run("unshare", f"--net={namespace}", "true")
    device = "v" + address.replace(".", "-")
    await _run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", str(namespace))
    await _run("ip", "addr", "add", CONTROL_ADDRESS, "peer", address, "dev", device)
    await _run("ip", "link", "set", device, "up")
    inside = (
        f"ip link set lo up && ip addr add {address} peer {CONTROL_ADDRESS} dev eth0 && ip link set eth0 up"
        f" && ip route add default via {CONTROL_ADDRESS}"
    )
    await _run("nsenter", f"--net={namespace}", "sh", "-c", inside)


async def remove_pod(namespace: Path) -> None:
    await _run("umount", str(namespace))
    namespace.unlink()


def _replace(home: Home, path: str, text: str) -> None:
    """Mount a file with the text over a path within this mount namespace."""
    replacement = home.root / Path(path).name
    replacement.write_text(text)
    subprocess.run(["mount", "--bind", replacement, path], check=True)


def _ip(commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, error = await process.communicate()
    if process.returncode:
        raise OSError(f"{' '.join(command)}: {error.decode().strip()}")
