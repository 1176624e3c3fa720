"""Simulate a pod without processes, which is ready when the knobs say so."""

import asyncio
from collections.abc import Awaitable, Callable

from plane.api import Object
from plane.node.exposition import Durations, Owner
from plane.node.knobs import Knobs
from plane.node.queue_proxy import QueueProxy

REVISION = "serving.knative.dev/revision"
Expose = Callable[[Owner, Durations], str]
"""Return the request metrics of a pod in the format of a Serving generation (node/exposition.py)."""

STATES: dict[str, Object] = {
    "ready": {"running": {}},
    "never-ready": {"running": {}},
    "unschedulable": {"running": {}},
    "crash": {
        "waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container (knob)"}
    },
}

Report = Callable[[bool, Object], Awaitable[None]]


class SimulatedPod:
    def __init__(
        self, pod: Object, address: str, knobs: Knobs, ready_pods: Callable[[str], int], expose: Expose
    ) -> None:
        self.address = address
        self.restarts = 0
        self._revision = pod["metadata"].get("labels", {}).get(REVISION, "")
        self._knobs = knobs
        owner = owner_of(pod)
        self._queue_proxy = QueueProxy(
            owner.pod, address, self._load_share, lambda served: expose(owner, served)
        )
        self._ready_pods = ready_pods

    def schedulable(self) -> bool:
        return self._knobs.of(self._revision).outcome != "unschedulable"

    async def run(self, report: Report) -> None:
        await report(False, {"waiting": {"reason": "ContainerCreating"}})
        await asyncio.sleep(self._knobs.draw_ready_delay_s(self._revision))
        await self._queue_proxy.start()
        reported = None
        while True:
            outcome = self._knobs.of(self._revision).outcome
            if outcome != reported:
                self.restarts += outcome == "crash"
                self._queue_proxy.healthy = outcome in ("ready", "unschedulable")
                await report(self._queue_proxy.healthy, dict(STATES[outcome]))
                reported = outcome
            await asyncio.sleep(0.2)

    async def stop(self, grace_s: float) -> None:
        await asyncio.sleep(min(grace_s, self._knobs.of(self._revision).termination_delay_s))
        await self._queue_proxy.stop()

    def _load_share(self) -> tuple[float, float]:
        """Return the share of this pod in the (concurrency, rps) reported for the Revision."""
        behaviour, pods = self._knobs.of(self._revision), max(1, self._ready_pods(self._revision))
        return behaviour.concurrency / pods, behaviour.rps / pods


def owner_of(pod: Object) -> Owner:
    meta = pod["metadata"]
    labels = meta.get("labels", {})
    return Owner(
        namespace=meta["namespace"],
        service=labels.get("serving.knative.dev/service", ""),
        configuration=labels.get("serving.knative.dev/configuration", ""),
        revision=labels.get(REVISION, ""),
        pod=meta["name"],
    )
