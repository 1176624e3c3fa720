"""Simulate the queue-proxy and the container of a pod: probes, requests, statistics and metrics."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from plane.node.exposition import Durations
from plane.stats import PodStat

STATS_PORT = 9090
METRICS_PORT = 9091
REQUEST_PORTS = (8012, 8013)


@dataclass
class Meter:
    """Requests of one kind (direct, or through the activator) since the last report."""

    in_flight: int = 0
    arrived: int = 0
    busy_s: float = 0.0
    """Seconds in flight, summed over requests."""
    updated_s: float = 0.0

    def advance(self, now_s: float, step: int = 0) -> None:
        self.busy_s += self.in_flight * (now_s - self.updated_s)
        self.updated_s = now_s
        self.in_flight += step
        self.arrived += max(step, 0)

    def report(self, now_s: float, since_s: float) -> tuple[float, float]:
        """Return (mean concurrency, requests per second) since `since_s`, and reset the sums."""
        self.advance(now_s)
        elapsed_s = max(now_s - since_s, 1e-6)
        means = self.busy_s / elapsed_s, self.arrived / elapsed_s
        self.busy_s, self.arrived = 0.0, 0
        return means


class QueueProxy:
    def __init__(
        self,
        pod: str,
        address: str,
        extra_load: Callable[[], tuple[float, float]],
        expose: Callable[[Durations], str],
    ) -> None:
        self.healthy = False
        self._served, self._expose = Durations(), expose
        self._pod, self._address, self._extra_load = pod, address, extra_load
        self._started_s = time.monotonic()
        self._direct, self._proxied = Meter(updated_s=self._started_s), Meter(updated_s=self._started_s)
        self._measured = PodStat(pod_name=pod)
        self._runners: list[web.AppRunner] = []
        self._measuring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        handlers = (
            ((STATS_PORT,), self._stats),
            ((METRICS_PORT,), self._metrics),
            (REQUEST_PORTS, self._request),
        )
        for ports, handler in handlers:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            self._runners.append(runner)
            await runner.setup()
            for port in ports:
                await web.TCPSite(runner, self._address, port).start()
        self._measuring = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        if self._measuring:
            self._measuring.cancel()
        for runner in self._runners:
            await runner.cleanup()

    async def _measure(self) -> None:
        """Measure once a second, as queue-proxy does."""
        since_s = time.monotonic()
        while True:
            await asyncio.sleep(1)
            now_s = time.monotonic()
            direct, direct_rps = self._direct.report(now_s, since_s)
            proxied, proxied_rps = self._proxied.report(now_s, since_s)
            since_s = now_s
            self._measured = PodStat(
                pod_name=self._pod,
                concurrency=direct + proxied,
                proxied_concurrency=proxied,
                requests=direct_rps + proxied_rps,
                proxied_requests=proxied_rps,
                uptime_s=now_s - self._started_s,
            )

    async def _stats(self, _: web.Request) -> web.Response:
        measured, (concurrency, rps) = self._measured, self._extra_load()
        stat = PodStat(
            pod_name=self._pod,
            concurrency=measured.concurrency + concurrency,
            proxied_concurrency=measured.proxied_concurrency,
            requests=measured.requests + rps,
            proxied_requests=measured.proxied_requests,
            uptime_s=measured.uptime_s,
        )
        # The autoscaler accepts only this content type.
        return web.Response(body=stat.encode(), content_type="application/protobuf")

    async def _metrics(self, _: web.Request) -> web.Response:
        """Return request metrics for Prometheus, counted from the start of the pod, without probes."""
        return web.Response(text=self._expose(self._served), content_type="text/plain")

    async def _request(self, request: web.Request) -> web.Response:
        """Answer a probe, or a request that takes as many seconds as `?sleep=0.2` says."""
        if not self.healthy:
            return web.Response(status=503, text="not ready\n")
        probe = request.headers.get("K-Network-Probe")
        if probe:
            return (
                web.Response(text=probe)
                if probe == "queue"
                else web.Response(status=400, text=f"probe {probe}?\n")
            )
        meter = self._proxied if "K-Proxy-Request" in request.headers else self._direct
        began_s = time.monotonic()
        meter.advance(began_s, +1)
        try:
            await asyncio.sleep(float(request.query.get("sleep", "0")))
            source = "activator" if meter is self._proxied else "direct"
            return web.Response(text=f"{self._pod} {source}\n")
        finally:
            ended_s = time.monotonic()
            meter.advance(ended_s, -1)
            self._served.add(ended_s - began_s)
