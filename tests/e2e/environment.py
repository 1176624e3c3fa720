"""Run the parts of an end-to-end test: control plane, Prometheus with a history, traffic, and tidecast."""

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
HISTORY_INSTANCE = "past"
"""The label `instance` of the backfilled series."""


@dataclass(frozen=True)
class DailyPeak:
    """A peak of traffic once a day.

    start_s     Unix time of the next peak
    length_s    its duration
    rps         requests/s during a peak
    service_s   service time of each request
    """

    start_s: int
    length_s: int
    rps: float
    service_s: float

    def cumulative_requests(self, time_s: float) -> float:
        """Return the requests of all peaks before the one at `start_s`, up to a Unix time: a counter."""
        days, seconds_since_start = divmod(time_s - self.start_s, DAY_S)
        seconds_of_peak = min(seconds_since_start, self.length_s) if days < 0 else 0.0
        return self.rps * ((min(days, 0) + 8) * self.length_s + seconds_of_peak)


def openmetrics(peak: DailyPeak, *, namespace: str, service: str, until_s: int) -> Iterator[str]:
    """Yield a week of the counters of a queue-proxy of Serving 1.23, with the interval of live samples."""
    label_text = (
        f'k8s_namespace_name="{namespace}",kn_service_name="{service}",kn_revision_name="{service}-00001"'
    )
    series = f'job="queue-proxy",instance="{HISTORY_INSTANCE}"'
    times_s = range(until_s - 7 * DAY_S, until_s, SCRAPE_S)
    count, total = (f"kn_serving_invocation_duration_seconds_{part}" for part in ("count", "sum"))
    code = 'http_response_status_code="200"'
    for time_s in times_s:
        yield f"{count}{{{series},{code}}} {peak.cumulative_requests(time_s):g} {time_s}\n"
    for time_s in times_s:
        yield f"{total}{{{series},{code}}} {peak.service_s * peak.cumulative_requests(time_s):g} {time_s}\n"
    for time_s in times_s:
        yield f"target_info{{{series},{label_text}}} 1 {time_s}\n"
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
    """The control plane of one run, and the processes that were started with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root / "cluster")
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the control plane, with a published address for Prometheus."""
        control_plane.up(
            self.home,
            "1.23",
            settings={"config-autoscaler": {"scale-to-zero-grace-period": "6s"}},
            publish={"prometheus": f"{CONTROL_ADDRESS}:{PROMETHEUS_PORT}"},
        )

    def stop(self) -> None:
        """Stop every process, and the control plane."""
        for process in reversed(self._processes):
            terminate(process)
        control_plane.down(self.home)

    @property
    def ports(self) -> dict[str, str]:
        """Published name -> host:port on the loopback."""
        ports: dict[str, str] = json.loads(self.home.ports.read_text())
        return ports

    def start_process(self, name: str, *command: object, **env: str) -> subprocess.Popen[bytes]:
        """Start a process that `stop` ends; its output is written to the file NAME.log."""
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

    def output(self, name: str) -> str:
        """Return the output of a process up to now."""
        return (self.root / f"{name}.log").read_text()

    def prometheus(self, history: Iterator[str]) -> str:
        """Start a real Prometheus inside the cluster with a history (OpenMetrics); return its address."""
        text, data = self.root / "past.txt", self.root / "prometheus"
        with text.open("w") as file:
            file.writelines(history)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
        subprocess.run(command, check=True, capture_output=True)
        config = self.root / "prometheus.yaml"
        config.write_text(PROMETHEUS % {"scrape_s": SCRAPE_S, "pods": self.home.targets})
        self.start_process(
            "prometheus",
            *control_plane.inside(self.home),
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=30d",
            f"--web.listen-address={CONTROL_ADDRESS}:{PROMETHEUS_PORT}",
        )
        address = f"http://{self.ports['prometheus']}"
        wait_until(lambda: get_text(f"{address}/-/ready") is not None, 30, "Prometheus is ready")
        return address

    def tidecast(self, account: str, port: int) -> subprocess.Popen[bytes]:
        """Start `tidecast run` as a separate process, with the permissions of a ServiceAccount only."""
        kubeconfig = self.root / "tidecast.kubeconfig"
        kubeconfig.write_text(asyncio.run(control_plane.account_kubeconfig(self.home, account)))
        return self.start_process(
            "tidecast",
            Path(sys.executable).with_name("tidecast"),
            "run",
            f"--kubeconfig={kubeconfig}",
            f"--namespace={account.partition('/')[0]}",
            f"--listen=127.0.0.1:{port}",
        )


def terminate(process: subprocess.Popen[bytes], limit_s: float = 20) -> int:
    """Send SIGTERM, and SIGKILL after `limit_s`; return the exit code."""
    process.terminate()
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def get_text(url: str) -> str | None:
    """Return the body of an answer with status 200, else None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def metric(text: str | None, name: str, **labels: str) -> float | None:
    """Return the value of the first sample with a name and labels; None where there is none."""
    for line in (text or "").splitlines():
        match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and all(f'{k}="{v}"' in (match[2] or "") for k, v in labels.items()):
            return float(match[3])
    return None


def wait_until(condition: Callable[[], object], limit_s: float, description: str) -> float:
    """Return the seconds until the condition holds; fail after `limit_s`."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < limit_s, f"not within {limit_s:g} s: {description}"
        time.sleep(0.2)
    return time.monotonic() - began_s


def manifests(*names: str) -> list[dict[str, Any]]:
    """Return the objects of files in deploy/, in their order."""
    objects = []
    for name in names:
        objects += [o for o in yaml.safe_load_all((ROOT / "deploy" / name).read_text()) if o]
    return objects


async def send(gateway: str, host: str, *, rps: float, service_s: float, until_s: float) -> int:
    """Send requests at equal intervals through the gateway; return the number answered with 200."""
    n_answered = 0

    async def send_request(session: aiohttp.ClientSession) -> None:
        nonlocal n_answered
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            url = f"http://{gateway}/?sleep={service_s}"
            async with session.get(url, headers={"Host": host}) as answer:
                n_answered += answer.status == 200

    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        tasks = []
        while time.time() < until_s:
            tasks.append(asyncio.create_task(send_request(session)))
            await asyncio.sleep(1 / rps)
        await asyncio.gather(*tasks)
    return n_answered


def admin(environment: Environment, action: Callable[[Api], Any]) -> Any:
    """Return the result of an action that uses the API as administrator."""

    async def call() -> Any:
        async with Api.from_kubeconfig(environment.home.kubeconfig) as api:
            return await action(api)

    return asyncio.run(call())
