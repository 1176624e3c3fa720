"""Process 1 of a cluster's namespaces: starts the parts in order and publishes ports.

It runs in namespaces that `cluster.py up` made, the process namespace among them: when it ends, for whatever
reason, the kernel kills every process of the cluster and the namespaces vanish. Nothing else is needed.
"""

import argparse
import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from plane import network, pki
from plane.api import Api, RefusedError
from plane.install import install_serving
from plane.layout import API_PORT, CONTROL_ADDRESS, SERVICE_CIDR, Home
from plane.relay import Stream, relay
from plane.sources import sources

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "resources": [{"group": "coordination.k8s.io"}, {"group": "", "resources": ["events"]}],
        },
        {"level": "Request", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "Metadata"},
    ],
}
"""Writes with what was written; reads without; not leases and events."""

CONTROLLERS = (
    "deployment-controller,replicaset-controller,"
    "endpoints-controller,endpointslice-controller,endpointslice-mirroring-controller,"
    "garbage-collector-controller,namespace-controller,serviceaccount-controller,"
    "clusterrole-aggregation-controller,"
    "root-ca-certificate-publisher-controller,horizontal-pod-autoscaler-controller"
)


class Processes:
    """The processes started here, and the connections handed through."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str, *command: object) -> None:
        with self.home.log(name).open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.returncode is not None]


async def start_kubernetes(parts: Processes, etcd: Path, kubernetes: Path) -> None:
    home = parts.home
    tokens = pki.write(home)
    server = f"https://{CONTROL_ADDRESS}:{API_PORT}"
    for user, token in tokens.items():
        path = home.inner_kubeconfig if user == "admin" else home.pki(f"{user}.kubeconfig")
        path.touch(mode=0o600)
        path.write_text(pki.kubeconfig(home, server, user, token))
    (home.root / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    # A test cluster's data need not survive a power cut.
    await parts.start(
        "etcd", etcd / "etcd", "--data-dir", home.root / "etcd", "--unsafe-no-fsync", "--log-level=warn"
    )
    await parts.start("kube-apiserver", kubernetes / "kube-apiserver", *apiserver_flags(home))
    await parts.start(
        "kube-controller-manager",
        kubernetes / "kube-controller-manager",
        f"--kubeconfig={home.pki('kube-controller-manager.kubeconfig')}",
        f"--service-account-private-key-file={home.pki('accounts.key')}",
        f"--root-ca-file={home.pki('ca.crt')}",
        f"--controllers={CONTROLLERS}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--horizontal-pod-autoscaler-sync-period=5s",
    )


def apiserver_flags(home: Home) -> list[str]:
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--bind-address={CONTROL_ADDRESS}",
        f"--secure-port={API_PORT}",
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--tls-cert-file={home.pki('apiserver.crt')}",
        f"--tls-private-key-file={home.pki('apiserver.key')}",
        f"--token-auth-file={home.pki('tokens.csv')}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={home.pki('accounts.key')}",
        f"--service-account-key-file={home.pki('accounts.key')}",
        "--enable-aggregator-routing=true",
        f"--audit-policy-file={home.root / 'audit-policy.json'}",
        f"--audit-log-path={home.audit}",
        "--audit-log-maxsize=500",
        "--audit-log-mode=blocking",
    ]


async def wait_for_api(api: Api, parts: Processes) -> None:
    while True:
        try:
            await api.get("/readyz")
            # Made by the controller manager: nothing can run in a namespace before.
            await api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except (RefusedError, OSError):
            if parts.ended():
                raise RuntimeError(
                    f"{', '.join(parts.ended())} ended: see {parts.home.root / 'log'}"
                ) from None
            await asyncio.sleep(0.1)
        else:
            return


async def publish(listeners: dict[str, socket.socket], targets: dict[str, str]) -> None:
    """Serve sockets that were opened outside, where they stay, from addresses inside."""
    for name, listener in listeners.items():
        host, port = targets[name].rsplit(":", 1)

        def connect(host: str = host, port: int = int(port)) -> Awaitable[Stream]:
            return asyncio.open_connection(host, port)

        await asyncio.start_server(relay(connect), sock=listener)


async def bring_up(parts: Processes, options: argparse.Namespace, say: Callable[[str], None]) -> None:
    homes = {source.name: source.home(options.cache) for source in sources(options.serving)}
    await start_kubernetes(parts, homes["etcd"], homes["kubernetes"])
    async with Api.from_kubeconfig(parts.home.inner_kubeconfig) as api:
        await wait_for_api(api, parts)
        say("Kubernetes answers")
        serving = homes.get(f"serving-{options.serving}")
        node = [sys.executable, "-u", "-m", "plane.node", "--home", parts.home.root]
        programs = ["--programs", serving, "--serving", options.serving] if serving else []
        await parts.start("node", *node, *programs)
        if serving:
            await install_serving(api, serving / "manifests", options.serving, options.set, say)


async def run(options: argparse.Namespace) -> None:
    began = time.monotonic()
    home, parts, over = Home(options.home), Processes(Home(options.home)), asyncio.Event()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {what}", flush=True)

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readline()).strip() == b"stop":
            over.set()
        about = {
            "serving": options.serving,
            "age_s": round(time.monotonic() - began, 1),
            "ended": parts.ended(),
        }
        writer.write(json.dumps(about).encode() + b"\n")
        writer.close()

    # The first process of a namespace gets no signal that it does not handle.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    network.prepare_hub(home)
    await asyncio.start_unix_server(control, home.control)
    listeners = {name: socket.socket(fileno=fd) for name, fd in options.listeners.items()}
    await publish(listeners, options.targets)
    up = asyncio.create_task(bring_up(parts, options, say))
    await asyncio.wait([up, asyncio.create_task(over.wait())], return_when=asyncio.FIRST_COMPLETED)
    if up.done():
        up.result()
        say("ready")
        await over.wait()
    home.control.unlink()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--serving")
    parser.add_argument("--listeners", type=json.loads, help="published name -> inherited file descriptor")
    parser.add_argument("--targets", type=json.loads, help="published name -> host:port inside")
    parser.add_argument("--set", type=json.loads, help="ConfigMap -> key -> value")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
