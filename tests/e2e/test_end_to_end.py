"""End to end on real components: a history with daily peaks leads to warm pods before the next peak.

Real: etcd, kube-apiserver, kube-controller-manager, Knative Serving 1.23 (webhook, controller, autoscaler,
activator), Prometheus, and `tidecast run` as its own process with the permissions of deploy/rbac.yaml.
Simulated: kubelet, queue-proxy, service network and ingress (tests/cluster).  Only the configuration makes
periods shorter.
"""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from environment import (
    DailyPeak,
    Environment,
    admin,
    get_text,
    manifests,
    metric,
    openmetrics,
    send,
    terminate,
    wait_until,
)
from plane.api import Api
from plane.testkit import SERVING, Scale, deploy, scale, service, writes

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus, pytest.mark.timeout(900)]

REVISION, NAMESPACE, PORT = "hello-00001", "default", 18099
ACCOUNT = "tidecast/tidecast"
USER = ":tidecast:tidecast"
CONFIGMAP = "/api/v1/namespaces/tidecast/configmaps/config-tidecast"
LEAD_S = 240
"""Seconds from the start of the test until the peak, in which the history is built and learned."""

SHORT_TIMES = {
    "step": "20s",
    "history-step": "1m",
    "history": "8d",
    "planning-period": "5s",
    "refit-period": "45s",
    "hold": "20s",
    "startup-seconds": "30",
    "lease-duration": "5s",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.start()
    try:
        yield environment
    finally:
        environment.stop()


def current_scale(environment: Environment) -> Scale:
    result: Scale = admin(environment, lambda api: scale(api, REVISION))
    return result


def metrics() -> str | None:
    return get_text(f"http://127.0.0.1:{PORT}/metrics")


def readyz() -> str | None:
    return get_text(f"http://127.0.0.1:{PORT}/readyz")


def planned(name: str = "tidecast_floor_pods") -> float:
    return metric(metrics(), name, revision=REVISION) or 0.0


def tidecast_writes(environment: Environment) -> list[Any]:
    return [
        (event["verb"], event["objectRef"]["resource"]) for event in writes(environment.home.audit, user=USER)
    ]


async def install(api: Api, config: dict[str, str]) -> None:
    for manifest in manifests("namespace.yaml", "rbac.yaml", "config-tidecast.yaml"):
        if manifest["kind"] == "ConfigMap":
            manifest["data"] = config
        await api.apply(manifest)


async def configure(api: Api, **config: str | None) -> None:
    await api.merge(CONFIGMAP, {"data": {key.replace("_", "-"): value for key, value in config.items()}})


def start_tidecast(environment: Environment) -> tuple[DailyPeak, subprocess.Popen[bytes]]:
    """Start tidecast in mode observe on a service with a week of daily peaks; return (peak, process)."""
    manifest = service("hello", window="10s")
    manifest["spec"]["template"]["spec"]["containerConcurrency"] = 4
    assert admin(environment, lambda api: deploy(api, manifest)) == REVISION
    peak_s = (int(time.time()) + LEAD_S) // 60 * 60
    peak = DailyPeak(peak_s, length_s=60, rps=20.0, service_s=0.733)
    history = openmetrics(peak, namespace=NAMESPACE, service="hello", until_s=int(time.time()) // 5 * 5)
    prometheus = environment.prometheus(history)
    config = {
        **SHORT_TIMES,
        "prometheus-url": prometheus,
        "autoscaler-url": f"ws://{environment.ports['autoscaler']}",
    }
    admin(environment, lambda api: install(api, config))
    return peak, environment.tidecast(ACCOUNT, PORT)


def test_pods_are_warm_before_a_peak_and_removed_after(environment: Environment) -> None:
    peak, process = start_tidecast(environment)
    wait_until(lambda: readyz() or process.poll() is not None, 120, "tidecast is ready")
    assert process.poll() is None, environment.output("tidecast")
    assert time.time() < peak.start_s - 30, "this machine needs too long to build and learn the history"
    wait_until(lambda: current_scale(environment).replicas == 0, 60, "idle: scaled to zero")
    assert current_scale(environment).revision_floor is None

    # Mode observe: the peak is planned for, and no write reaches the API.
    wait_until(lambda: planned() >= 3, peak.start_s - time.time(), "a floor is planned before the peak")
    planned_s = peak.start_s - time.time()
    assert tidecast_writes(environment) == []

    # Mode act, by an edit of the ConfigMap only.
    admin(environment, lambda api: configure(api, mode="act"))
    wait_until(
        lambda: current_scale(environment).revision_floor is not None, 15, "the floor is on the Revision"
    )
    floor_s = peak.start_s - time.time()
    wait_until(lambda: current_scale(environment).ready >= 3, 15, "the real KPA has scaled the Deployment")
    warm_s = peak.start_s - time.time()
    print(f"before the peak: planned {planned_s:.0f} s, floor {floor_s:.0f} s, pods ready {warm_s:.0f} s")
    assert floor_s > 0, "the floor is on the Revision before the peak"
    scaled = current_scale(environment)
    assert scaled.pa_floor == scaled.revision_floor
    assert set(tidecast_writes(environment)) == {("patch", "revisions")}

    # The traffic of the peak finds pods; after its end, the pods are removed.
    gateway, host = environment.ports["gateway"], "hello.default.example.com"
    until_s = peak.start_s + peak.length_s
    traffic = threading.Thread(
        target=lambda: asyncio.run(
            send(gateway, host, rps=peak.rps, service_s=peak.service_s, until_s=until_s)
        )
    )
    time.sleep(max(0.0, peak.start_s - time.time()))
    traffic.start()
    traffic.join()
    wait_until(
        lambda: (
            current_scale(environment).revision_floor is None and current_scale(environment).replicas == 0
        ),
        240,
        "back to zero",
    )

    assert metric(metrics(), "tidecast_ensemble_services", state="evaluated") == 1, (
        "the ensemble was evaluated, in a separate process"
    )
    check_invalid_configuration_is_reported(environment)
    check_invalid_annotation_is_reported(environment)
    assert terminate(process) == 0
    assert {resource for _, resource in tidecast_writes(environment)} == {"revisions"}
    revision = admin(environment, lambda api: api.get(f"{SERVING.format(NAMESPACE)}/revisions/{REVISION}"))
    assert not [name for name in revision["metadata"]["annotations"] if name.startswith("tidecast.dev/")]


def check_invalid_configuration_is_reported(environment: Environment) -> None:
    admin(environment, lambda api: configure(api, delay_cost="dear"))
    wait_until(
        lambda: metric(metrics(), "tidecast_configuration_problems") == 1, 15, "the problem is in the metrics"
    )
    assert "delay-cost: 'dear'" in environment.output("tidecast") or "delay-cost: dear" in environment.output(
        "tidecast"
    )
    events = admin(environment, lambda api: api.get("/api/v1/namespaces/tidecast/events"))["items"]
    assert any("delay-cost" in event["message"] for event in events)
    admin(environment, lambda api: configure(api, delay_cost=None))
    wait_until(lambda: metric(metrics(), "tidecast_configuration_problems") == 0, 15, "the problem is solved")


def check_invalid_annotation_is_reported(environment: Environment) -> None:
    path = f"{SERVING.format(NAMESPACE)}/revisions/{REVISION}"
    invalid = {"metadata": {"annotations": {"tidecast.dev/delay-cost": "dear"}}}
    admin(environment, lambda api: api.merge(path, invalid))
    wait_until(
        lambda: (metric(metrics(), "tidecast_cluster_problems") or 0) >= 1,
        15,
        "the problem is in the metrics",
    )
    assert "tidecast.dev/delay-cost: dear" in environment.output("tidecast")
    invalid["metadata"]["annotations"] = {"tidecast.dev/delay-cost": None}  # type: ignore[dict-item]
    admin(environment, lambda api: api.merge(path, invalid))
