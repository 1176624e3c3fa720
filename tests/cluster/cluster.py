#!/usr/bin/env python3
"""Run a real Knative control plane in private namespaces of this machine; see README.md.

cluster.py up --serving 1.23        cluster.py status        cluster.py exec -- COMMAND
cluster.py apply FILE ...           cluster.py kubeconfig --account default/tidecast
cluster.py down
"""

import argparse
import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from plane import pki
from plane.api import Api
from plane.layout import PUBLISHED, PUBLISHED_KNATIVE, Home
from plane.sources import GENERATIONS, default_cache, sources

HERE = Path(__file__).resolve().parent
NAMESPACES = ["--net", "--mount", "--pid"]
ROOTLESS = os.geteuid() != 0
_launched: dict[Path, subprocess.Popen[str]] = {}
"""Clusters that this process started, by their state directory."""


def up(
    home: Home,
    serving: str = GENERATIONS[-1],
    cache: Path | None = None,
    settings: dict[str, dict[str, str]] | None = None,
    publish: dict[str, str] | None = None,
) -> None:
    """Start an empty cluster and wait until it is ready.

    settings   ConfigMap -> key -> value
    publish    name -> host:port inside the cluster, which becomes reachable from outside

    Raises:
        SystemExit: the cluster is up already, its programs are not built, or it does not start.
    """
    with supervisor(home) as connected:
        if connected:
            raise SystemExit(f"{home.root} is up already")
    cache = cache or default_cache()
    missing = [s.home(cache) for s in sources(serving) if not s.home(cache).exists()]
    if missing:
        raise SystemExit(
            f"not built ({missing[0]}): run {HERE / 'build.py'} --serving {serving} --cache {cache}"
        )
    shutil.rmtree(home.root, ignore_errors=True)
    home.audit.parent.mkdir(parents=True)
    home.root.chmod(0o700)
    home.knobs.write_text('{"revisions": {}, "images": {}}\n')
    targets = PUBLISHED | (PUBLISHED_KNATIVE if serving != "none" else {}) | (publish or {})
    # A socket stays in the network namespace that opened it: these are served from inside the cluster.
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in targets}
    ports = {name: "127.0.0.1:{1}".format(*listener.getsockname()) for name, listener in listeners.items()}
    home.ports.write_text(json.dumps(ports, indent=1))
    descriptors = {name: listener.fileno() for name, listener in listeners.items()}
    flags = ["--home", home.root, "--cache", cache, "--serving", serving, "--set", json.dumps(settings or {})]
    flags += ["--listeners", json.dumps(descriptors), "--targets", json.dumps(targets)]
    try:
        launch(home, flags, list(descriptors.values()))
    finally:
        for listener in listeners.values():
            listener.close()
    inner = home.inner_kubeconfig.read_text()
    home.kubeconfig.touch(mode=0o600)
    home.kubeconfig.write_text(inner.replace(f"https://{PUBLISHED['api']}", f"https://{ports['api']}"))


def launch(home: Home, flags: list[object], descriptors: list[int]) -> None:
    """Start the supervisor in its own namespaces, and print its output until it is ready.

    Raises:
        SystemExit: the supervisor ended before the cluster was ready.
    """
    user = ["--user", "--map-root-user"] if ROOTLESS else []
    unshare = ["unshare", *user, *NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
    with home.log("supervisor").open("w") as log:
        process = subprocess.Popen(
            [*unshare, sys.executable, "-m", "plane.supervisor", *map(str, flags)],
            cwd=home.root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path[1:]])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=descriptors,
            start_new_session=True,
            text=True,
        )
    _launched[home.root] = process
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if line.endswith("ready\n") and "  ready" in line:
            return
    raise SystemExit(f"the cluster did not start: {home.log('supervisor').read_text()[-2000:]}")


def down(home: Home) -> None:
    """Stop the cluster; its logs stay until the next start."""
    with supervisor(home) as connected:
        if connected:
            connection, pid = connected
            process, unshare = os.pidfd_open(pid), os.pidfd_open(parent(pid))
            connection.sendall(b"stop\n")
            if not select.select([process], [], [], 20)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([unshare], [], [], 5)
            os.close(process)
            os.close(unshare)
    launched = _launched.pop(home.root, None)
    if launched:
        launched.communicate()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@contextlib.contextmanager
def supervisor(home: Home) -> Iterator[tuple[socket.socket, int] | None]:
    """Yield a connection to the supervisor, and its process id outside; None where the cluster is down."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        try:
            with short_path(home.control) as path:
                connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            yield None
            return
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        yield connection, pid


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield another path of the same file that fits into a socket address (107 bytes)."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def status(home: Home) -> dict[str, object]:
    with supervisor(home) as connected:
        if not connected:
            return {"up": False, "home": str(home.root)}
        connected[0].sendall(b"status\n")
        with connected[0].makefile() as answer:
            about = json.loads(answer.readline())
    return {"up": True, "home": str(home.root), **about, "published": json.loads(home.ports.read_text())}


def inside(home: Home) -> list[str]:
    """Return the prefix of a command that runs in the namespaces of the cluster.

    Raises:
        SystemExit: the cluster is not up.
    """
    with supervisor(home) as connected:
        if not connected:
            raise SystemExit(f"{home.root} is not up")
        target = f"--target={connected[1]}"
    user = ["--user", "--preserve-credentials"] if ROOTLESS else []
    return ["nsenter", target, *user, *NAMESPACES, f"--wd={Path.cwd()}", "--"]


async def apply(home: Home, files: list[Path]) -> None:
    async with Api.from_kubeconfig(home.kubeconfig) as api:
        for path in files:
            for manifest in yaml.safe_load_all(path.read_text()):
                if manifest:
                    await api.apply(manifest)
                    print(manifest["kind"], manifest["metadata"]["name"])


async def account_kubeconfig(home: Home, account: str) -> str:
    """Return the kubeconfig of a ServiceAccount (namespace/name), for processes outside."""
    namespace, name = account.split("/")
    server = "https://" + json.loads(home.ports.read_text())["api"]
    async with Api.from_kubeconfig(home.kubeconfig) as api:
        token = await api.token(namespace, name)
    return pki.kubeconfig(home, server, name, token, namespace)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default_home = Path(tempfile.gettempdir()) / f"tidecast-cluster-{os.getuid()}"
    parser.add_argument(
        "--home",
        type=lambda p: Home(Path(p).resolve()),
        default=Home(default_home),
        help="state directory of the cluster",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up")
    start.add_argument("--serving", default=GENERATIONS[-1], choices=[*GENERATIONS, "none"])
    start.add_argument("--cache", type=Path, default=default_cache())
    start.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="CONFIGMAP/KEY=VALUE",
        help="such as config-autoscaler/stable-window=10s",
    )
    start.add_argument(
        "--publish",
        action="append",
        default=[],
        metavar="NAME=HOST:PORT",
        help="an address inside that becomes reachable from outside",
    )
    commands.add_parser("down")
    commands.add_parser("status")
    commands.add_parser("exec").add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("apply").add_argument("files", nargs="+", type=Path)
    commands.add_parser("kubeconfig").add_argument("--account", help="namespace/name of a ServiceAccount")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    home: Home = options.home
    match options.command:
        case "up":
            settings: dict[str, dict[str, str]] = {}
            for setting in options.set:
                key_path, value = setting.split("=", 1)
                settings.setdefault(key_path.split("/")[0], {})[key_path.split("/", 1)[1]] = value
            up(home, options.serving, options.cache, settings, dict(p.split("=", 1) for p in options.publish))
            print(json.dumps(status(home), indent=1))
        case "down":
            down(home)
        case "status":
            print(json.dumps(status(home), indent=1))
        case "exec":
            command = inside(home) + options.argv[options.argv[:1] == ["--"] :]
            os.execvpe(command[0], command, {**os.environ, "KUBECONFIG": str(home.inner_kubeconfig)})
        case "apply":
            asyncio.run(apply(home, options.files))
        case "kubeconfig" if options.account:
            print(asyncio.run(account_kubeconfig(home, options.account)))
        case "kubeconfig":
            print(home.kubeconfig.read_text())


if __name__ == "__main__":
    main()
