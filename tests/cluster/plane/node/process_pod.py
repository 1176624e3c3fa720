"""Run a pod as a real process in its own network namespace: a program of Knative, or one under test."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import aiohttp

from plane import network, pki
from plane.api import Api, Object
from plane.layout import API_PORT, CONTROL_ADDRESS, Home

Report = Callable[[bool, Object], Awaitable[None]]


class ProcessPod:
    """A container that is a real process.

    The process uses from the pod: args, env (values and field references) and readiness probe over HTTP of
    the first container, the ServiceAccount and the grace period.  Volumes, limits and further containers are
    not simulated.
    """

    def __init__(self, pod: Object, address: str, command: list[str], home: Home, api: Api) -> None:
        self.address = address
        self.restarts = 0
        self._pod, self._home, self._api = pod, home, api
        self._container = pod["spec"]["containers"][0]
        self._command = [*command, *self._container.get("args", [])]
        self._netns = home.netns(pod["metadata"]["name"])
        self._process: asyncio.subprocess.Process | None = None

    def schedulable(self) -> bool:
        return True

    async def run(self, report: Report) -> None:
        await network.add_pod(self._netns, self.address)
        environment = await self._environment()
        # As in a container, the name of the pod is the host name, which Leases contain.
        setting = 'hostname "$0" && exec "$@"'
        hostname = ["unshare", "--uts", "sh", "-c", setting, self._pod["metadata"]["name"]]
        with self._home.log(self._container["name"]).open("ab") as log:
            while True:
                self._process = await asyncio.create_subprocess_exec(
                    "nsenter",
                    f"--net={self._netns}",
                    *hostname,
                    *self._command,
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
                await report(False, {"running": {}})
                exited = asyncio.create_task(self._process.wait())
                ready = asyncio.create_task(self._until_ready())
                await asyncio.wait([exited, ready], return_when=asyncio.FIRST_COMPLETED)
                if not exited.done():
                    await report(True, {"running": {}})
                code = await exited
                ready.cancel()
                self.restarts += 1
                await report(False, {"terminated": {"exitCode": max(code, 0), "signal": max(-code, 0)}})
                await asyncio.sleep(1)

    async def stop(self, grace_s: float) -> None:
        """Send SIGTERM, and SIGKILL after the grace period; at once where it is 0."""
        if self._process and self._process.returncode is None:
            if grace_s:
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), grace_s)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._netns.exists():
            await network.remove_pod(self._netns)

    async def _environment(self) -> dict[str, str]:
        meta, spec = self._pod["metadata"], self._pod["spec"]
        account = spec.get("serviceAccountName", "default")
        token = await self._api.token(meta["namespace"], account)
        path = self._home.pki(f"{meta['namespace']}-{account}.kubeconfig")
        server = f"https://{CONTROL_ADDRESS}:{API_PORT}"
        path.write_text(pki.kubeconfig(self._home, server, account, token, meta["namespace"]))
        fields = {
            "metadata.name": meta["name"],
            "metadata.namespace": meta["namespace"],
            "status.podIP": self.address,
        }
        environment = {**os.environ, "KUBECONFIG": str(path)}
        for variable in self._container.get("env", []):
            reference = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
            environment[variable["name"]] = variable.get("value", fields.get(reference, ""))
        return environment

    async def _until_ready(self) -> None:
        probe = self._container.get("readinessProbe", {}).get("httpGet")
        if not probe:
            return
        port = probe["port"]
        if isinstance(port, str):
            port = next(p["containerPort"] for p in self._container["ports"] if p.get("name") == port)
        url = f"{probe.get('scheme', 'HTTP').lower()}://{self.address}:{port}{probe.get('path', '/')}"
        headers = {h["name"]: h["value"] for h in probe.get("httpHeaders", [])} | {
            "User-Agent": "kube-probe/1.36"
        }
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
            while True:
                try:
                    async with session.get(url, headers=headers, ssl=False) as response:
                        if response.status < 400:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.2)
