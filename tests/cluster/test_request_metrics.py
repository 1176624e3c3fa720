"""Pods show request metrics as queue-proxies of their generation do; a real Prometheus scrapes them."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plane.testkit import deploy, service
from running import RunningCluster

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus]

ADDRESS = "10.244.7.1:9095"
PORT_NAME, PHASE = "__meta_kubernetes_pod_container_port_name", "__meta_kubernetes_pod_phase"


def scraping(targets: Path) -> dict[str, Any]:
    """A Prometheus configuration that scrapes queue-proxies of running pods."""
    kept = ((PORT_NAME, "http-usermetric"), (PHASE, "Running"))
    pods = {
        "job_name": "pods",
        "file_sd_configs": [{"files": [str(targets)]}],
        "relabel_configs": [
            {"source_labels": [label], "regex": regex, "action": "keep"} for label, regex in kept
        ],
    }
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [pods]}


@contextmanager
def prometheus(serving: RunningCluster, folder: Path) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Asks a Prometheus inside the cluster; gives the samples of an instant query."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("prometheus is not on the PATH: apt-get install prometheus", pytrace=False)
    config = folder / "prometheus.json"
    config.write_text(json.dumps(scraping(serving.home.targets)))
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={ADDRESS}",
    ]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(serving.inside(program, *flags), stdout=log, stderr=log)

    def ask(query: str) -> list[dict[str, Any]]:
        code = (
            "import sys, urllib.request, urllib.parse;"
            f"print(urllib.request.urlopen('http://{ADDRESS}/api/v1/query?query='"
            " + urllib.parse.quote(sys.argv[1])).read().decode())"
        )
        done = subprocess.run(
            serving.inside("python3", "-c", code, query), capture_output=True, text=True, check=False
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["data"]["result"] if done.stdout else []
        return found

    try:
        yield ask
    finally:
        process.terminate()
        process.wait()


def requests(serving: RunningCluster, name: str, count: int) -> None:
    for _ in range(count):
        asked = urllib.request.Request(
            f"http://{serving.ports['gateway']}/?sleep=0.1", headers={"Host": f"{name}.default.example.com"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert answer.status == 200


def until_counted(ask: Callable[[str], list[dict[str, Any]]], query: str, count: int) -> dict[str, str]:
    """The labels of the one series that has reached that count."""
    end_s = time.monotonic() + 30
    while True:
        found = ask(query)
        if found and float(found[0]["value"][1]) == count:
            assert len(found) == 1
            labels: dict[str, str] = found[0]["metric"]
            return labels
        assert time.monotonic() < end_s, found
        time.sleep(0.2)


def test_serving_1_23_counts_with_target_info(serving: RunningCluster, tmp_path: Path) -> None:
    revision = serving.do(lambda api: deploy(api, service("measured")))
    with prometheus(serving, tmp_path) as ask:
        requests(serving, "measured", 5)
        owner = f'target_info{{kn_revision_name="{revision}"}}'
        counted = (
            "sum by (k8s_namespace_name, kn_service_name) (kn_serving_invocation_duration_seconds_count"
            f" * on (job, instance) group_left (k8s_namespace_name, kn_service_name) {owner})"
        )
        labels = until_counted(ask, counted, 5)
        assert labels == {"k8s_namespace_name": "default", "kn_service_name": "measured"}
        (busy,) = ask(f"kn_serving_invocation_duration_seconds_sum * on (job, instance) {owner}")
        assert 0.5 <= float(busy["value"][1]) < 1.5


def test_serving_1_15_counts_with_the_revision_on_each_series(
    serving_1_15: RunningCluster, tmp_path: Path
) -> None:
    revision = serving_1_15.do(lambda api: deploy(api, service("measured")))
    with prometheus(serving_1_15, tmp_path) as ask:
        requests(serving_1_15, "measured", 5)
        chosen = f'{{revision_name="{revision}"}}'
        labels = until_counted(ask, f"revision_app_request_count{chosen}", 5)
        assert (labels["namespace_name"], labels["service_name"]) == ("default", "measured")
        (busy_ms,) = ask(f"revision_app_request_latencies_sum{chosen}")
        assert 500 <= float(busy_ms["value"][1]) < 1500
