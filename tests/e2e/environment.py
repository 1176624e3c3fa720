"""The parts of an end-to-end run: a control plane, a Prometheus with a past, traffic, and tidecast itself."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import cluster as control_plane
import yaml
from plane.api import Api
from plane.layout import CONTROL_ADDRESS, Home

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS_PORT = 9595
SCRAPE_S = 5
DAY_S = 86400
PAST = "past"
"""The instance that the backfilled series have."""


@dataclass(frozen=True)
class Bump:
    """What happens once a day, `start_s` (Unix s) being the next time: `rps` of `service_s` each."""

    start_s: int
    length_s: int
    rps: float
    service_s: float

    def arrived(self, at_s: float) -> float:
        """Requests since the beginning of time, on all days before the one of `start_s`."""
        days, into_s = divmod(at_s - self.start_s, DAY_S)
        today = min(into_s, self.length_s) if days < 0 else 0.0
        return self.rps * ((min(days, 0) + 8) * self.length_s + today)


def openmetrics(bump: Bump, *, namespace: str, service: str, until_s: int) -> Iterator[str]:
    """A week of a queue-proxy's counters, as Serving 1.23 names them, sampled as live."""
    names = f'k8s_namespace_name="{namespace}",kn_service_name="{service}",kn_revision_name="{service}-00001"'
    series = f'job="queue-proxy",instance="{PAST}"'
    times = range(until_s - 7 * DAY_S, until_s, SCRAPE_S)
    count, total = (f"kn_serving_invocation_duration_seconds_{part}" for part in ("count", "sum"))
    code = 'http_response_status_code="200"'
    for at_s in times:
        yield f"{count}{{{series},{code}}} {bump.arrived(at_s):g} {at_s}\n"
    for at_s in times:
        yield f"{total}{{{series},{code}}} {bump.service_s * bump.arrived(at_s):g} {at_s}\n"
    for at_s in times:
        yield f"target_info{{{series},{names}}} 1 {at_s}\n"
    yield "# EOF\n"


PROMETHEUS = """
global: {scrape_interval: %(scrape_s)ds}
scrape_configs:
  - job_name: queue-proxy
    file_sd_configs: [{files: ["%(pods)s"]}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: http-usermetric, action: keep}
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Running, action: keep}
  - job_name: autoscaler
    static_configs: [{targets: ["autoscaler.knative-serving.svc:9090"]}]
  - job_name: activator
    static_configs: [{targets: ["activator-service.knative-serving.svc:9090"]}]
"""


class Environment:
    """One run's control plane and what is started beside it; ends what it started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root / "cluster")
        self._processes: list[subprocess.Popen[bytes]] = []

    def up(self) -> None:
        """Start the control plane, with an address for Prometheus."""
        control_plane.up(
            self.home,
            "1.23",
            settings={"config-autoscaler": {"scale-to-zero-grace-period": "6s"}},
            publish={"prometheus": f"{CONTROL_ADDRESS}:{PROMETHEUS_PORT}"},
        )

    def down(self) -> None:
        """End everything."""
        for process in reversed(self._processes):
            end(process)
        control_plane.down(self.home)

    @property
    def ports(self) -> dict[str, str]:
        """Name -> host:port on the loopback."""
        ports: dict[str, str] = json.loads(self.home.ports.read_text())
        return ports

    def start(self, name: str, *command: object, **env: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with us; its words go to a file of that name."""
        with (self.root / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **env},
                cwd=self.root,
            )
        self._processes.append(process)
        return process

    def said(self, name: str) -> str:
        """What a process has said so far."""
        return (self.root / f"{name}.log").read_text()

    def prometheus(self, past: Iterator[str]) -> str:
        """A real Prometheus inside the cluster, with that past, that scrapes what is there; its address."""
        text, data = self.root / "past.txt", self.root / "prometheus"
        with text.open("w") as file:
            file.writelines(past)
        run = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
        subprocess.run(run, check=True, capture_output=True)
        config = self.root / "prometheus.yaml"
        config.write_text(PROMETHEUS % {"scrape_s": SCRAPE_S, "pods": self.home.targets})
        self.start(
            "prometheus",
            *control_plane.inside(self.home),
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=30d",
            f"--web.listen-address={CONTROL_ADDRESS}:{PROMETHEUS_PORT}",
        )
        address = f"http://{self.ports['prometheus']}"
        until(lambda: get(f"{address}/-/ready") is not None, 30, "Prometheus is ready")
        return address

    def tidecast(self, account: str, port: int) -> subprocess.Popen[bytes]:
        """`tidecast run` as a process of its own, with the rights of a ServiceAccount and no more."""
        kubeconfig = self.root / "tidecast.kubeconfig"
        kubeconfig.write_text(asyncio.run(control_plane.account_kubeconfig(self.home, account)))
        return self.start(
            "tidecast",
            Path(sys.executable).with_name("tidecast"),
            "run",
            f"--kubeconfig={kubeconfig}",
            f"--namespace={account.partition('/')[0]}",
            f"--listen=127.0.0.1:{port}",
        )


def end(process: subprocess.Popen[bytes], limit_s: float = 20) -> int:
    """SIGTERM, and SIGKILL where that does not do; the exit code."""
    process.terminate()
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def get(url: str) -> str | None:
    """The body of an answer with status 200, else None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def metric(text: str | None, name: str, **labels: str) -> float | None:
    """The value of the first sample of that name with those labels; None where there is none."""
    for line in (text or "").splitlines():
        found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and all(f'{k}="{v}"' in (found[2] or "") for k, v in labels.items()):
            return float(found[3])
    return None


def until(holds: Callable[[], object], limit_s: float, what: str) -> float:
    """Seconds until it held; AssertionError where it did not in time."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < limit_s, f"not within {limit_s:g} s: {what}"
        time.sleep(0.2)
    return time.monotonic() - began_s


def manifests(*names: str) -> list[dict[str, Any]]:
    """Objects of deploy/, file by file."""
    found = []
    for name in names:
        found += [o for o in yaml.safe_load_all((ROOT / "deploy" / name).read_text()) if o]
    return found


async def send(gateway: str, host: str, *, rps: float, service_s: float, until_s: float) -> int:
    """Requests at even distances through the gateway, each taking `service_s`; how many were answered."""
    answered = 0

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            url = f"http://{gateway}/?sleep={service_s}"
            async with session.get(url, headers={"Host": host}) as answer:
                answered += answer.status == 200

    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        tasks = []
        while time.time() < until_s:
            tasks.append(asyncio.create_task(one(session)))
            await asyncio.sleep(1 / rps)
        await asyncio.gather(*tasks)
    return answered


def admin(world: Environment, do: Callable[[Api], Any]) -> Any:
    """What a coroutine gives that is handed a connection with all rights."""

    async def doing() -> Any:
        async with Api.from_kubeconfig(world.home.kubeconfig) as api:
            return await do(api)

    return asyncio.run(doing())
