#!/usr/bin/env python3
"""Check that a cluster works, and measure how its KPA reacts: start a cluster, measure, print, stop it.

    smoke.py [--serving 1.23|1.15] [--home DIR] [--cache DIR] [--keep]

Every line is an expectation that was met, with the seconds that it took; the first failure ends the run.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import cluster
from plane.api import Api, RefusedError
from plane.layout import Home
from plane.sources import GENERATIONS, default_cache
from plane.stats import PodStat, push, wire_message
from plane.testkit import (
    AUTOSCALING,
    MIN_SCALE,
    SERVING,
    Scale,
    annotate,
    deploy,
    restart,
    scale,
    service,
    service_account,
    set_knobs,
    wait_for_leader,
    wait_until,
    writes,
)

QUIET_S = 10
"""Seconds without an event that count as no event."""
WINDOW = "10s"

WRITE_RULES = [
    {
        "apiGroups": ["serving.knative.dev"],
        "resources": ["revisions"],
        "verbs": ["get", "list", "watch", "patch"],
    },
    {
        "apiGroups": ["autoscaling.internal.knative.dev"],
        "resources": ["podautoscalers"],
        "verbs": ["get", "list", "watch", "patch"],
    },
]


@dataclass
class SmokeTest:
    """A cluster and the Revision under test."""

    home: Home
    api: Api
    ports: dict[str, str]
    copies_annotations: bool
    """Whether this Serving copies the annotations of a Revision to its PodAutoscaler (1.21 and later)."""
    revision: str = ""

    @property
    def revision_path(self) -> str:
        return f"{SERVING.format('default')}/revisions/{self.revision}"

    @property
    def pa_path(self) -> str:
        return f"{AUTOSCALING.format('default')}/podautoscalers/{self.revision}"

    @property
    def target_path(self) -> str:
        """Path of the object on which a floor is written, for this release of Serving."""
        return self.revision_path if self.copies_annotations else self.pa_path

    async def wait_until(self, condition: Callable[[Scale], bool], limit_s: float, description: str) -> float:
        async def check() -> bool:
            return condition(await scale(self.api, self.revision))

        took_s = await wait_until(check, limit_s, description)
        report(description, took_s)
        return took_s

    async def expect_nothing(self, condition: Callable[[Scale], bool], description: str) -> None:
        try:
            await self.wait_until(condition, QUIET_S, f"NOT EXPECTED: {description}")
        except TimeoutError:
            report(f"not within {QUIET_S} s, as expected: {description}")
            return
        raise AssertionError(description)

    async def push(self, concurrency: float = 0.0) -> None:
        stat = PodStat(pod_name="smoke", concurrency=concurrency)
        await push(self.ports["autoscaler"], "default", self.revision, stat)


def report(description: str, took_s: float | None = None) -> None:
    print(f"  {description}" if took_s is None else f"  {took_s:6.2f} s  {description}", flush=True)


async def deploy_and_scale_to_zero(smoke: SmokeTest) -> None:
    began_s = time.monotonic()
    smoke.revision = await deploy(smoke.api, service("hello", window=WINDOW))
    report(f"ksvc Ready, {smoke.revision}", time.monotonic() - began_s)
    await smoke.wait_until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle: scaled to zero")


async def floor_on_revision(smoke: SmokeTest) -> None:
    await annotate(smoke.api, smoke.revision_path, min_scale="3")
    if not smoke.copies_annotations:
        await smoke.expect_nothing(
            lambda s: s.pa_floor is not None or s.replicas > 0,
            "Revision min-scale=3 reaches PA or Deployment",
        )
        await annotate(smoke.api, smoke.revision_path, min_scale=None)
        return
    await smoke.wait_until(lambda s: s.pa_floor == "3", 5, "Revision min-scale=3: on the PA")
    await smoke.wait_until(lambda s: s.replicas == 3, 5, "  then Deployment replicas=3")
    await smoke.wait_until(lambda s: s.ready == 3, 10, "  then 3 ready (ready delay 1 s)")
    await annotate(smoke.api, smoke.revision_path, min_scale=None)
    await smoke.wait_until(lambda s: s.pa_floor is None, 5, "Revision min-scale removed: removed from the PA")
    await smoke.wait_until(lambda s: s.replicas == 0, 30, "  then replicas=0")


async def floor_on_pa(smoke: SmokeTest) -> None:
    await annotate(smoke.api, smoke.pa_path, min_scale="4")
    if smoke.copies_annotations:
        await smoke.wait_until(lambda s: s.pa_floor is None, 5, "PA-only min-scale=4: reverted")
        await asyncio.sleep(1)
        after = await scale(smoke.api, smoke.revision)
        report(
            f"  a second later: PA desired={after.desired} active={after.active}, replicas={after.replicas}"
        )
    else:
        await smoke.wait_until(lambda s: s.replicas == 4, 5, "PA min-scale=4: replicas=4")
        await smoke.wait_until(lambda s: s.ready == 4, 10, "  then 4 ready")
        await smoke.expect_nothing(
            lambda s: s.pa_floor != "4" or s.replicas != 4, "the floor of the PA is removed"
        )
        await annotate(smoke.api, smoke.pa_path, min_scale=None)
        await smoke.wait_until(lambda s: s.replicas == 0, 30, "PA min-scale removed: replicas=0")


async def legacy_key(smoke: SmokeTest) -> None:
    key = "autoscaling.knative.dev/minScale"
    await smoke.api.merge(smoke.target_path, {"metadata": {"annotations": {key: "2"}}})
    await smoke.wait_until(lambda s: s.replicas == 2, 5, "legacy minScale=2: replicas=2")
    await annotate(smoke.api, smoke.target_path, min_scale="3")
    await smoke.wait_until(lambda s: s.replicas == 3, 5, "  min-scale=3 beside it: replicas=3")
    await annotate(smoke.api, smoke.target_path, min_scale="1")
    await smoke.wait_until(lambda s: s.replicas == 1, 10, "  min-scale=1 beside it: replicas=1")
    await smoke.api.merge(smoke.target_path, {"metadata": {"annotations": {key: None, MIN_SCALE: None}}})
    await smoke.wait_until(lambda s: s.replicas == 0, 30, "both removed: replicas=0")


async def restart_trap(smoke: SmokeTest) -> None:
    report("autoscaler restarted at zero", await restart(smoke.api, "autoscaler"))
    report("  then the autoscaler leads", await wait_for_leader(smoke.api))
    await annotate(smoke.api, smoke.target_path, min_scale="2")
    await smoke.wait_until(lambda s: s.pa_floor == "2", 5, "floor 2 on the PA")
    await smoke.expect_nothing(lambda s: s.replicas > 0, "replicas follow the floor (restart trap)")
    await smoke.push(concurrency=0)
    await smoke.wait_until(lambda s: s.replicas == 2, 5, "one stat of concurrency 0 pushed: replicas=2")
    await annotate(smoke.api, smoke.target_path, min_scale=None)
    await smoke.wait_until(lambda s: s.replicas == 0 and s.ready == 0, 60, "floor removed: replicas=0")


async def request_from_zero(smoke: SmokeTest) -> None:
    host = {"Host": "hello.default.example.com"}
    began_s = time.monotonic()
    url = f"http://{smoke.ports['gateway']}/?sleep=0.2"
    async with aiohttp.ClientSession() as session, session.get(url, headers=host) as answer:
        text = await answer.text()
    assert answer.status == 200, text
    assert "activator" in text
    report(f"request through gateway and activator starts a pod: {text.strip()}", time.monotonic() - began_s)
    await smoke.wait_until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle again: scaled to zero")


async def pushed_statistics(smoke: SmokeTest) -> None:
    example = wire_message("default", "hello-00001", PodStat(pod_name="predictor", concurrency=250)).hex()
    assert (
        example
        == "0a2c0a0764656661756c74120b68656c6c6f2d30303030311a140a09707265646963746f72110000000000406f40"
    )
    began_s = time.monotonic()
    await smoke.push(concurrency=250)
    await smoke.wait_until(
        lambda s: s.replicas == 4, 5, "stat of concurrency 250 pushed at zero: replicas=4 (ceil(250/70))"
    )
    report("  including the connection", time.monotonic() - began_s)
    await smoke.wait_until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle again: scaled to zero")


async def knobs(smoke: SmokeTest) -> None:
    set_knobs(smoke.home, smoke.revision, ready_delay_s=[2.0], concurrency=200)
    await annotate(smoke.api, smoke.target_path, min_scale="1")
    await smoke.wait_until(lambda s: s.ready == 1, 10, "ready delay 2 s: one ready")
    await smoke.wait_until(lambda s: s.replicas == 3, 30, "reported concurrency 200: scraped, replicas=3")
    set_knobs(smoke.home, smoke.revision, outcome="never-ready", concurrency=0)
    await smoke.wait_until(lambda s: s.ready == 0, 5, "outcome never-ready: none ready")
    set_knobs(smoke.home, smoke.revision, ready_delay_s=1.0, outcome="ready")
    await smoke.wait_until(lambda s: s.ready > 0, 5, "outcome ready: ready again")
    await annotate(smoke.api, smoke.target_path, min_scale=None)


async def minimal_permissions(smoke: SmokeTest) -> None:
    await service_account(smoke.api, "tidecast", WRITE_RULES)
    path = smoke.home.root / "tidecast.kubeconfig"
    path.write_text(await cluster.account_kubeconfig(smoke.home, "default/tidecast"))
    async with Api.from_kubeconfig(path) as api:
        await api.get(smoke.revision_path)
        assert not writes(smoke.home.audit, user=":tidecast")
        report("ServiceAccount tidecast has read; audit log: no writes")
        await annotate(api, smoke.target_path, min_scale="1")
        deployment = f"/apis/apps/v1/namespaces/default/deployments/{smoke.revision}-deployment"
        with contextlib.suppress(RefusedError):
            await api.merge(deployment, {"spec": {"replicas": 1}})
            raise AssertionError("a ServiceAccount without the permission has scaled a Deployment")
        codes = [
            (e["objectRef"]["resource"], e["responseStatus"]["code"])
            for e in writes(smoke.home.audit, user=":tidecast")
        ]
        report(f"ServiceAccount tidecast has patched; audit log: {codes}")
        await annotate(api, smoke.target_path, min_scale=None)


async def rollout(smoke: SmokeTest) -> None:
    """A floor on a Revision without traffic takes effect once a tag of the Route names the Revision."""
    first = smoke.revision
    second = service("hello", image="dev.local/hello:2", window=WINDOW)
    await annotate(smoke.api, smoke.target_path, min_scale="2")
    report(f"{first} has floor 2; now {await deploy(smoke.api, second)} receives the traffic")
    await smoke.wait_until(lambda s: s.reachability == "Unreachable", 30, f"{first} is Unreachable")
    await smoke.wait_until(
        lambda s: s.replicas == 0 and s.pa_floor == "2", 60, "  then replicas=0, the floor is still on the PA"
    )
    second["spec"]["traffic"] = [
        {"latestRevision": True, "percent": 100},
        {"revisionName": first, "percent": 0, "tag": "old"},
    ]
    await smoke.api.apply(second)
    await smoke.wait_until(lambda s: s.reachability == "Reachable", 10, "0 % with a tag: Reachable")
    await smoke.wait_until(lambda s: s.replicas == 2, 5, "  then the floor takes effect: replicas=2")


STEPS: list[Callable[[SmokeTest], Awaitable[None]]] = [
    deploy_and_scale_to_zero,
    floor_on_revision,
    floor_on_pa,
    legacy_key,
    restart_trap,
    request_from_zero,
    pushed_statistics,
    knobs,
    minimal_permissions,
    rollout,
]


async def run(home: Home, serving: str) -> None:
    ports = json.loads(home.ports.read_text())
    async with Api.from_kubeconfig(home.kubeconfig) as api:
        copies_annotations = tuple(map(int, serving.split("."))) >= (1, 21)
        smoke = SmokeTest(home, api, ports, copies_annotations)
        for step in STEPS:
            print(step.__name__.replace("_", " "), flush=True)
            await step(smoke)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serving", default=GENERATIONS[-1], choices=GENERATIONS)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "tidecast-smoke")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--keep", action="store_true", help="keep the cluster running, also after a failure")
    options = parser.parse_args()
    home = Home(options.home.resolve())
    cluster.up(home, options.serving, options.cache)
    try:
        asyncio.run(run(home, options.serving))
        print("all expectations met")
    finally:
        if not options.keep:
            cluster.down(home)


if __name__ == "__main__":
    main()
