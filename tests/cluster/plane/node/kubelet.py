"""Simulate kubelet and scheduler: give each pod an address, run it, and report its status."""

import asyncio
import itertools
import time
from collections.abc import Iterable
from pathlib import Path

from plane.api import Api, Object, RefusedError
from plane.layout import NODE_NAME, PROCESS_PODS, SIMULATED_PODS, Home
from plane.node import targets
from plane.node.knobs import Knobs
from plane.node.process_pod import ProcessPod
from plane.node.simulated_pod import REVISION, Expose, SimulatedPod

STRATEGIC = "application/strategic-merge-patch+json"
SCHEDULED = {"type": "PodScheduled", "status": "True"}


class Kubelet:
    def __init__(self, api: Api, home: Home, knobs: Knobs, programs: Path | None, expose: Expose) -> None:
        self._expose = expose
        self._api, self._home, self._knobs, self._programs = api, home, knobs, programs
        self._pods: dict[str, Object] = {}
        self._running: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}
        self._addresses: dict[str, str] = {}

    async def run(self) -> None:
        async for event, obj in self._api.watch("/api/v1/pods"):
            if event == "LISTED":
                for pod in obj["items"]:
                    self._update(pod)
                for uid in self._pods.keys() - {pod["metadata"]["uid"] for pod in obj["items"]}:
                    self._stop(uid)
            elif event == "DELETED":
                self._stop(obj["metadata"]["uid"])
            else:
                self._update(obj)
            targets.write(self._home.targets, self._pods.values())

    def ready_pods(self, revision: str) -> int:
        pods = (p for p in self._pods.values() if p["metadata"].get("labels", {}).get(REVISION) == revision)
        return sum(is_ready(p) for p in pods)

    def _update(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        self._pods[uid] = pod
        if uid not in self._running:
            ending = asyncio.Event()
            self._running[uid] = asyncio.create_task(self._run_pod(pod, ending)), ending
        if "deletionTimestamp" in pod["metadata"]:
            self._running[uid][1].set()

    def _stop(self, uid: str) -> None:
        self._pods.pop(uid, None)
        if uid in self._running:
            self._running[uid][1].set()

    async def _run_pod(self, pod: Object, ending: asyncio.Event) -> None:
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        runtime = self._runtime(pod)
        start_task = asyncio.create_task(self._start(pod, runtime))
        start_task.add_done_callback(
            lambda task: task.cancelled() or print(name, "failed:", repr(task.exception()))
        )
        await ending.wait()
        start_task.cancel()
        meta = self._pods[uid]["metadata"] if uid in self._pods else {}
        await runtime.stop(grace_s=meta.get("deletionGracePeriodSeconds", 0))
        if uid in self._pods:
            await self._delete(pod)
        del self._running[uid], self._addresses[uid]

    def _runtime(self, pod: Object) -> ProcessPod | SimulatedPod:
        container = pod["spec"]["containers"][0]
        command = self._knobs.command(container["image"])
        if self._programs and container["image"].startswith("ko://"):
            command = [str(self._programs / container["image"].rsplit("/", 1)[-1])]
        if command:
            address = self._address(pod, (PROCESS_PODS.format(i) for i in range(2, 250)))
            return ProcessPod(pod, address, command, self._home, self._api)
        addresses = (SIMULATED_PODS.format(16 + i // 250, 1 + i % 250) for i in itertools.count())
        return SimulatedPod(pod, self._address(pod, addresses), self._knobs, self.ready_pods, self._expose)

    def _address(self, pod: Object, candidates: Iterable[str]) -> str:
        used = set(self._addresses.values())
        address = next(a for a in candidates if a not in used)
        self._addresses[pod["metadata"]["uid"]] = address
        return address

    async def _start(self, pod: Object, runtime: ProcessPod | SimulatedPod) -> None:
        while not runtime.schedulable():
            waiting = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "no room (knob)",
            }
            await self._patch_status(pod, {"phase": "Pending", "conditions": [waiting]})
            await asyncio.sleep(0.2)
        await self._bind(pod)
        await runtime.run(lambda ready, state: self._report(pod, runtime, ready, state))

    async def _bind(self, pod: Object) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME}
        meta = {"name": pod["metadata"]["name"]}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
        await self._api.request("POST", f"{path(pod)}/binding", body)

    async def _report(
        self, pod: Object, runtime: ProcessPod | SimulatedPod, ready: bool, state: Object
    ) -> None:
        """Write the status of a pod: its address, whether it is ready, and the state of its containers."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ready_status = {"status": str(ready), "lastTransitionTime": now}
        conditions = [SCHEDULED, {"type": "Initialized", "status": "True"}]
        conditions += [{"type": "ContainersReady", **ready_status}, {"type": "Ready", **ready_status}]
        container_status = {
            "ready": ready,
            "started": ready,
            "restartCount": runtime.restarts,
            "state": state,
        }
        if "running" in state:
            state["running"] = {"startedAt": now}
        containers = [
            {"name": c["name"], "image": c["image"], "imageID": c["image"], **container_status}
            for c in pod["spec"]["containers"]
        ]
        addresses = {"podIP": runtime.address, "podIPs": [{"ip": runtime.address}], "startTime": now}
        phase = "Pending" if "waiting" in state and not runtime.restarts else "Running"
        status = {"phase": phase, "conditions": conditions, "containerStatuses": containers, **addresses}
        await self._patch_status(pod, status)

    async def _patch_status(self, pod: Object, status: Object) -> None:
        await self._api.request("PATCH", f"{path(pod)}/status", {"status": status}, STRATEGIC)

    async def _delete(self, pod: Object) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        try:
            await self._api.request("DELETE", path(pod), body)
        except RefusedError as refused:
            if refused.status not in (404, 409):
                raise


def path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
