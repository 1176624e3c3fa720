#!/usr/bin/env python3
"""Prove that a cluster works, and show what steers its KPA: starts one, measures, prints, stops it.

    smoke.py [--serving 1.23|1.15] [--home DIR] [--cache DIR] [--keep]

Every line is an expectation that held, with the seconds it took; the first that does not hold ends the run.
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
from plane.stats import Stat, push, wire_message
from plane.testkit import (
    AUTOSCALING,
    MIN_SCALE,
    SERVING,
    Scale,
    annotate,
    deploy,
    leading,
    restart,
    scale,
    service,
    service_account,
    set_knobs,
    until,
    writes,
)

QUIET_S = 10
"""How long nothing must happen before we call it nothing."""
WINDOW = "10s"

STEERING_RIGHTS = [
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
    """One revision under test."""

    home: Home
    api: Api
    ports: dict[str, str]
    propagates: bool
    """Does this Serving copy the Revision's annotations to the PodAutoscaler (>= 1.21)?"""
    revision: str = ""

    @property
    def on_revision(self) -> str:
        return f"{SERVING.format('default')}/revisions/{self.revision}"

    @property
    def on_pa(self) -> str:
        return f"{AUTOSCALING.format('default')}/podautoscalers/{self.revision}"

    @property
    def on_right(self) -> str:
        """Where a floor belongs in this generation."""
        return self.on_revision if self.propagates else self.on_pa

    async def until(self, holds: Callable[[Scale], bool], limit_s: float, what: str) -> float:
        async def look() -> bool:
            return holds(await scale(self.api, self.revision))

        took_s = await until(look, limit_s, what)
        say(what, took_s)
        return took_s

    async def nothing(self, happens: Callable[[Scale], bool], what: str) -> None:
        try:
            await self.until(happens, QUIET_S, f"NOT EXPECTED: {what}")
        except TimeoutError:
            say(f"for {QUIET_S} s nothing: {what}")
            return
        raise AssertionError(what)

    async def push(self, concurrency: float = 0.0) -> None:
        stat = Stat(pod_name="smoke", concurrency=concurrency)
        await push(self.ports["autoscaler"], "default", self.revision, stat)


def say(what: str, took_s: float | None = None) -> None:
    print(f"  {what}" if took_s is None else f"  {took_s:6.2f} s  {what}", flush=True)


async def deploys_and_sleeps(bench: SmokeTest) -> None:
    began = time.monotonic()
    bench.revision = await deploy(bench.api, service("hello", window=WINDOW))
    say(f"ksvc Ready, {bench.revision}", time.monotonic() - began)
    await bench.until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle: scaled to zero")


async def floor_on_revision(bench: SmokeTest) -> None:
    await annotate(bench.api, bench.on_revision, min_scale="3")
    if not bench.propagates:
        await bench.nothing(
            lambda s: s.pa_floor is not None or s.replicas > 0,
            "Revision min-scale=3 reaches PA or Deployment",
        )
        await annotate(bench.api, bench.on_revision, min_scale=None)
        return
    await bench.until(lambda s: s.pa_floor == "3", 5, "Revision min-scale=3: on the PA")
    await bench.until(lambda s: s.replicas == 3, 5, "  then Deployment replicas=3")
    await bench.until(lambda s: s.ready == 3, 10, "  then 3 ready (ready delay 1 s)")
    await annotate(bench.api, bench.on_revision, min_scale=None)
    await bench.until(lambda s: s.pa_floor is None, 5, "Revision min-scale removed: gone from the PA")
    await bench.until(lambda s: s.replicas == 0, 30, "  then replicas=0")


async def floor_on_pa(bench: SmokeTest) -> None:
    await annotate(bench.api, bench.on_pa, min_scale="4")
    if bench.propagates:
        await bench.until(lambda s: s.pa_floor is None, 5, "PA-only min-scale=4: reverted")
        await asyncio.sleep(1)
        left = await scale(bench.api, bench.revision)
        say(f"  a second later: PA desired={left.desired} active={left.active}, replicas={left.replicas}")
    else:
        await bench.until(lambda s: s.replicas == 4, 5, "PA min-scale=4: replicas=4")
        await bench.until(lambda s: s.ready == 4, 10, "  then 4 ready")
        await bench.nothing(lambda s: s.pa_floor != "4" or s.replicas != 4, "the PA's floor is taken away")
        await annotate(bench.api, bench.on_pa, min_scale=None)
        await bench.until(lambda s: s.replicas == 0, 30, "PA min-scale removed: replicas=0")


async def legacy_key(bench: SmokeTest) -> None:
    key = "autoscaling.knative.dev/minScale"
    await bench.api.merge(bench.on_right, {"metadata": {"annotations": {key: "2"}}})
    await bench.until(lambda s: s.replicas == 2, 5, "legacy minScale=2: replicas=2")
    await annotate(bench.api, bench.on_right, min_scale="3")
    await bench.until(lambda s: s.replicas == 3, 5, "  min-scale=3 beside it: replicas=3")
    await annotate(bench.api, bench.on_right, min_scale="1")
    await bench.until(lambda s: s.replicas == 1, 10, "  min-scale=1 beside it: replicas=1")
    await bench.api.merge(bench.on_right, {"metadata": {"annotations": {key: None, MIN_SCALE: None}}})
    await bench.until(lambda s: s.replicas == 0, 30, "both removed: replicas=0")


async def restart_trap(bench: SmokeTest) -> None:
    say("autoscaler restarted at zero", await restart(bench.api, "autoscaler"))
    say("  then it leads", await leading(bench.api))
    await annotate(bench.api, bench.on_right, min_scale="2")
    await bench.until(lambda s: s.pa_floor == "2", 5, "floor 2 on the PA")
    await bench.nothing(lambda s: s.replicas > 0, "replicas follow the floor (restart trap)")
    await bench.push(concurrency=0)
    await bench.until(lambda s: s.replicas == 2, 5, "one stat of concurrency 0 pushed: replicas=2")
    await annotate(bench.api, bench.on_right, min_scale=None)
    await bench.until(lambda s: s.replicas == 0 and s.ready == 0, 60, "floor removed: replicas=0")


async def request_from_zero(bench: SmokeTest) -> None:
    host = {"Host": "hello.default.example.com"}
    began = time.monotonic()
    url = f"http://{bench.ports['gateway']}/?sleep=0.2"
    async with aiohttp.ClientSession() as session, session.get(url, headers=host) as answer:
        text = await answer.text()
    assert answer.status == 200, text
    assert "activator" in text
    say(f"request through gateway and activator wakes it: {text.strip()}", time.monotonic() - began)
    await bench.until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle again: scaled to zero")


async def pushed_load(bench: SmokeTest) -> None:
    example = wire_message("default", "hello-00001", Stat(pod_name="predictor", concurrency=250)).hex()
    assert (
        example
        == "0a2c0a0764656661756c74120b68656c6c6f2d30303030311a140a09707265646963746f72110000000000406f40"
    )
    began = time.monotonic()
    await bench.push(concurrency=250)
    await bench.until(
        lambda s: s.replicas == 4, 5, "stat of concurrency 250 pushed at zero: replicas=4 (ceil(250/70))"
    )
    say("  counted from before the connection", time.monotonic() - began)
    await bench.until(lambda s: s.replicas == 0 and s.ready == 0, 60, "idle again: scaled to zero")


async def knobs(bench: SmokeTest) -> None:
    set_knobs(bench.home, bench.revision, ready_delay_s=[2.0], concurrency=200)
    await annotate(bench.api, bench.on_right, min_scale="1")
    await bench.until(lambda s: s.ready == 1, 10, "ready delay 2 s: one ready")
    await bench.until(lambda s: s.replicas == 3, 30, "reported concurrency 200: scraped, replicas=3")
    set_knobs(bench.home, bench.revision, outcome="never-ready", concurrency=0)
    await bench.until(lambda s: s.ready == 0, 5, "outcome never-ready: none ready")
    set_knobs(bench.home, bench.revision, ready_delay_s=1.0, outcome="ready")
    await bench.until(lambda s: s.ready > 0, 5, "outcome ready: ready again")
    await annotate(bench.api, bench.on_right, min_scale=None)


async def least_privilege(bench: SmokeTest) -> None:
    await service_account(bench.api, "tidecast", STEERING_RIGHTS)
    path = bench.home.root / "tidecast.kubeconfig"
    path.write_text(await cluster.account_kubeconfig(bench.home, "default/tidecast"))
    async with Api.from_kubeconfig(path) as api:
        await api.get(bench.on_revision)
        assert not writes(bench.home.audit, user=":tidecast")
        say("ServiceAccount tidecast read; audit log: it wrote nothing")
        await annotate(api, bench.on_right, min_scale="1")
        deployment = f"/apis/apps/v1/namespaces/default/deployments/{bench.revision}-deployment"
        with contextlib.suppress(RefusedError):
            await api.merge(deployment, {"spec": {"replicas": 1}})
            raise AssertionError("a ServiceAccount without the right has scaled a Deployment")
        codes = [
            (e["objectRef"]["resource"], e["responseStatus"]["code"])
            for e in writes(bench.home.audit, user=":tidecast")
        ]
        say(f"it patched; audit log: {codes}")
        await annotate(api, bench.on_right, min_scale=None)


async def rollout(bench: SmokeTest) -> None:
    """A floor on a revision without traffic waits; a tag alone makes it count."""
    old = bench.revision
    newer = service("hello", image="dev.local/hello:2", window=WINDOW)
    await annotate(bench.api, bench.on_right, min_scale="2")
    say(f"{old} has floor 2; now {await deploy(bench.api, newer)} takes the traffic")
    await bench.until(lambda s: s.reachability == "Unreachable", 30, f"{old} is Unreachable")
    await bench.until(
        lambda s: s.replicas == 0 and s.pa_floor == "2", 60, "  then replicas=0, the floor still there"
    )
    newer["spec"]["traffic"] = [
        {"latestRevision": True, "percent": 100},
        {"revisionName": old, "percent": 0, "tag": "old"},
    ]
    await bench.api.apply(newer)
    await bench.until(lambda s: s.reachability == "Reachable", 10, "0 % with a tag: Reachable")
    await bench.until(lambda s: s.replicas == 2, 5, "  then the floor acts: replicas=2")


STEPS: list[Callable[[SmokeTest], Awaitable[None]]] = [
    deploys_and_sleeps,
    floor_on_revision,
    floor_on_pa,
    legacy_key,
    restart_trap,
    request_from_zero,
    pushed_load,
    knobs,
    least_privilege,
    rollout,
]


async def run(home: Home, serving: str) -> None:
    ports = json.loads(home.ports.read_text())
    async with Api.from_kubeconfig(home.kubeconfig) as api:
        propagates = tuple(map(int, serving.split("."))) >= (1, 21)
        bench = SmokeTest(home, api, ports, propagates)
        for step in STEPS:
            print(step.__name__.replace("_", " "), flush=True)
            await step(bench)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serving", default=GENERATIONS[-1], choices=GENERATIONS)
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "tidecast-smoke")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--keep", action="store_true", help="leave the cluster up, also after a failure")
    options = parser.parse_args()
    home = Home(options.home.resolve())
    cluster.up(home, options.serving, options.cache)
    try:
        asyncio.run(run(home, options.serving))
        print("all held")
    finally:
        if not options.keep:
            cluster.down(home)


if __name__ == "__main__":
    main()
