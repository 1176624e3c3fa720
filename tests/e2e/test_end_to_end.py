"""The whole road on real parts: a week of a daily pattern in, pods before the rise, none after it.

Real: etcd, kube-apiserver, kube-controller-manager, Knative Serving 1.23 (webhook, controller, autoscaler,
activator), Prometheus, and `tidecast run` as its own process with the rights of deploy/rbac.yaml.  Not
real: kubelet, queue-proxy, service network and ingress (tests/cluster).  Only configuration shortens time.
"""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from environment import (
    Bump,
    Environment,
    admin,
    end,
    get,
    manifests,
    metric,
    openmetrics,
    send,
    until,
)
from plane.api import Api
from plane.testkit import SERVING, Scale, deploy, scale, service, writes

pytestmark = [pytest.mark.cluster, pytest.mark.prometheus, pytest.mark.timeout(900)]

REVISION, NAMESPACE, PORT = "hello-00001", "default", 18099
ACCOUNT = "tidecast/tidecast"
USER = ":tidecast:tidecast"
CONFIGMAP = "/api/v1/namespaces/tidecast/configmaps/config-tidecast"
LEAD_S = 240
"""From choosing the moment of the rise until it comes: time to build the past and to learn it."""

QUICK = {
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
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    made = Environment(tmp_path_factory.mktemp("world"))
    made.up()
    try:
        yield made
    finally:
        made.down()


def seen(world: Environment) -> Scale:
    found: Scale = admin(world, lambda api: scale(api, REVISION))
    return found


def metrics() -> str | None:
    return get(f"http://127.0.0.1:{PORT}/metrics")


def ready() -> str | None:
    return get(f"http://127.0.0.1:{PORT}/readyz")


def planned(name: str = "tidecast_floor_pods") -> float:
    return metric(metrics(), name, revision=REVISION) or 0.0


def our_writes(world: Environment) -> list[Any]:
    return [(w["verb"], w["objectRef"]["resource"]) for w in writes(world.home.audit, user=USER)]


async def install(api: Api, config: dict[str, str]) -> None:
    for manifest in manifests("namespace.yaml", "rbac.yaml", "config-tidecast.yaml"):
        if manifest["kind"] == "ConfigMap":
            manifest["data"] = config
        await api.apply(manifest)


async def configure(api: Api, **config: str | None) -> None:
    await api.merge(CONFIGMAP, {"data": {key.replace("_", "-"): value for key, value in config.items()}})


def prepared(world: Environment) -> tuple[Bump, subprocess.Popen[bytes]]:
    """A service at zero, a week in which it had a bump a day, and tidecast observing it."""
    hello = service("hello", window="10s")
    hello["spec"]["template"]["spec"]["containerConcurrency"] = 4
    assert admin(world, lambda api: deploy(api, hello)) == REVISION
    rise_s = (int(time.time()) + LEAD_S) // 60 * 60
    bump = Bump(rise_s, length_s=60, rps=20.0, service_s=0.733)
    past = openmetrics(bump, namespace=NAMESPACE, service="hello", until_s=int(time.time()) // 5 * 5)
    prometheus = world.prometheus(past)
    config = {**QUICK, "prometheus-url": prometheus, "autoscaler-url": f"ws://{world.ports['autoscaler']}"}
    admin(world, lambda api: install(api, config))
    return bump, world.tidecast(ACCOUNT, PORT)


def test_pods_are_warm_before_the_rise_and_gone_after_it(world: Environment) -> None:
    bump, process = prepared(world)
    until(lambda: ready() or process.poll() is not None, 120, "tidecast is ready")
    assert process.poll() is None, world.said("tidecast")
    assert time.time() < bump.start_s - 30, "the past took too long to build and to learn on this machine"
    until(lambda: seen(world).replicas == 0, 60, "idle: scaled to zero")
    assert seen(world).revision_floor is None

    # Observing: the rise is foreseen, and not one write reaches the API.
    until(lambda: planned() >= 3, bump.start_s - time.time(), "a floor is planned before the rise")
    foreseen_s = bump.start_s - time.time()
    assert our_writes(world) == []

    # Acting, by an edit of the ConfigMap alone.
    admin(world, lambda api: configure(api, mode="act"))
    until(lambda: seen(world).revision_floor is not None, 15, "the floor is on the Revision")
    floor_s = bump.start_s - time.time()
    until(lambda: seen(world).ready >= 3, 15, "the real KPA has scaled the Deployment")
    warm_s = bump.start_s - time.time()
    print(f"before the rise: planned {foreseen_s:.0f} s, floor {floor_s:.0f} s, pods ready {warm_s:.0f} s")
    assert floor_s > 0, "the floor is on the Revision before the rise"
    at_floor = seen(world)
    assert at_floor.pa_floor == at_floor.revision_floor
    assert set(our_writes(world)) == {("patch", "revisions")}

    # The traffic comes, and finds pods; then it goes, and so do they.
    gateway, host = world.ports["gateway"], "hello.default.example.com"
    until_s = bump.start_s + bump.length_s
    traffic = threading.Thread(
        target=lambda: asyncio.run(
            send(gateway, host, rps=bump.rps, service_s=bump.service_s, until_s=until_s)
        )
    )
    time.sleep(max(0.0, bump.start_s - time.time()))
    traffic.start()
    traffic.join()
    until(lambda: seen(world).revision_floor is None and seen(world).replicas == 0, 240, "back to zero")

    assert metric(metrics(), "tidecast_slow_lane_heard") == 1, (
        "slow models were asked, in a process of their own"
    )
    bad_edit_is_seen_and_changes_nothing(world)
    bad_annotation_is_seen(world)
    assert end(process) == 0
    assert {resource for _, resource in our_writes(world)} == {"revisions"}
    marks = admin(world, lambda api: api.get(f"{SERVING.format(NAMESPACE)}/revisions/{REVISION}"))
    assert not [name for name in marks["metadata"]["annotations"] if name.startswith("tidecast.dev/")]


def bad_edit_is_seen_and_changes_nothing(world: Environment) -> None:
    admin(world, lambda api: configure(api, delay_cost="dear"))
    until(lambda: metric(metrics(), "tidecast_configuration_faults") == 1, 15, "the fault is a metric")
    assert "delay-cost: 'dear'" in world.said("tidecast") or "delay-cost: dear" in world.said("tidecast")
    events = admin(world, lambda api: api.get("/api/v1/namespaces/tidecast/events"))["items"]
    assert any("delay-cost" in event["message"] for event in events)
    admin(world, lambda api: configure(api, delay_cost=None))
    until(lambda: metric(metrics(), "tidecast_configuration_faults") == 0, 15, "mended")


def bad_annotation_is_seen(world: Environment) -> None:
    path = f"{SERVING.format(NAMESPACE)}/revisions/{REVISION}"
    wrong = {"metadata": {"annotations": {"tidecast.dev/delay-cost": "dear"}}}
    admin(world, lambda api: api.merge(path, wrong))
    until(lambda: (metric(metrics(), "tidecast_cluster_faults") or 0) >= 1, 15, "the fault is a metric")
    assert "tidecast.dev/delay-cost: dear" in world.said("tidecast")
    wrong["metadata"]["annotations"] = {"tidecast.dev/delay-cost": None}  # type: ignore[dict-item]
    admin(world, lambda api: api.merge(path, wrong))
