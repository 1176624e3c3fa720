"""Start the parts of a cluster in order, and publish its ports, as process 1 of its namespaces.

The process runs in namespaces that `cluster.py up` created, among them a process namespace.  When it ends,
for any reason, the kernel kills every process of the cluster and removes the namespaces, so that no other
cleanup is needed.
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
"""Writes with their bodies, reads without; Leases and Events are left out."""

CONTROLLERS = (
    "deployment-controller,replicaset-controller,"
    "endpoints-controller,endpointslice-controller,endpointslice-mirroring-controller,"
    "garbage-collector-controller,namespace-controller,serviceaccount-controller,"
    "clusterrole-aggregation-controller,"
    "root-ca-certificate-publisher-controller,horizontal-pod-autoscaler-controller"
)


class Processes:
    """The processes of a cluster, by name."""

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


async def start_kubernetes(processes: Processes, etcd: Path, kubernetes: Path) -> None:
    home = processes.home
    tokens = pki.write(home)
    server = f"https://{CONTROL_ADDRESS}:{API_PORT}"
    for user, token in tokens.items():
        path = home.inner_kubeconfig if user == "admin" else home.pki(f"{user}.kubeconfig")
        path.touch(mode=0o600)
        path.write_text(pki.kubeconfig(home, server, user, token))
    (home.root / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    # The data of a test cluster need not survive a power failure.
    await processes.start(
        "etcd", etcd / "etcd", "--data-dir", home.root / "etcd", "--unsafe-no-fsync", "--log-level=warn"
    )
    await processes.start("kube-apiserver", kubernetes / "kube-apiserver", *apiserver_flags(home))
    await processes.start(
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


async def wait_for_api(api: Api, processes: Processes) -> None:
    while True:
        try:
            await api.get("/readyz")
            # The controller manager creates this account; no pod can run in a namespace without it.
            await api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except (RefusedError, OSError):
            if processes.ended():
                raise RuntimeError(
                    f"{', '.join(processes.ended())} ended: see {processes.home.root / 'log'}"
                ) from None
            await asyncio.sleep(0.1)
        else:
            return


async def publish(listeners: dict[str, socket.socket], targets: dict[str, str]) -> None:
    """Relay connections to sockets that were opened outside to addresses inside."""
    for name, listener in listeners.items():
        host, port = targets[name].rsplit(":", 1)

        def connect(host: str = host, port: int = int(port)) -> Awaitable[Stream]:
            return asyncio.open_connection(host, port)

        await asyncio.start_server(relay(connect), sock=listener)


async def bring_up(processes: Processes, options: argparse.Namespace, report: Callable[[str], None]) -> None:
    homes = {source.name: source.home(options.cache) for source in sources(options.serving)}
    await start_kubernetes(processes, homes["etcd"], homes["kubernetes"])
    async with Api.from_kubeconfig(processes.home.inner_kubeconfig) as api:
        await wait_for_api(api, processes)
        report("Kubernetes is ready")
        serving = homes.get(f"serving-{options.serving}")
        node = [sys.executable, "-u", "-m", "plane.node", "--home", processes.home.root]
        programs = ["--programs", serving, "--serving", options.serving] if serving else []
        await processes.start("node", *node, *programs)
        if serving:
            await install_serving(api, serving / "manifests", options.serving, options.set, report)


async def run(options: argparse.Namespace) -> None:
    began_s = time.monotonic()
    home, processes, stop_requested = Home(options.home), Processes(Home(options.home)), asyncio.Event()

    def report(stage: str) -> None:
        print(f"{time.monotonic() - began_s:5.1f} s  {stage}", flush=True)

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readline()).strip() == b"stop":
            stop_requested.set()
        about = {
            "serving": options.serving,
            "age_s": round(time.monotonic() - began_s, 1),
            "ended": processes.ended(),
        }
        writer.write(json.dumps(about).encode() + b"\n")
        writer.close()

    # The first process of a namespace receives only signals that it handles.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop_requested.set)
    network.prepare_hub(home)
    await asyncio.start_unix_server(control, home.control)
    listeners = {name: socket.socket(fileno=fd) for name, fd in options.listeners.items()}
    await publish(listeners, options.targets)
    startup = asyncio.create_task(bring_up(processes, options, report))
    await asyncio.wait(
        [startup, asyncio.create_task(stop_requested.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    if startup.done():
        startup.result()
        report("ready")
        await stop_requested.wait()
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
