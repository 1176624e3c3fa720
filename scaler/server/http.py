"""Answer /healthz, /readyz and /metrics from the status of the loop."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scaler.controller.status import Status, StatusStore
from scaler.server.metrics import StatusCollector

TEXT = "text/plain; version=0.0.4; charset=utf-8"
MAX_MISSED_PERIODS, MIN_STUCK_S = 10, 300.0
"""The loop counts as stuck after this many planning periods without a plan, but not before this many seconds:
a slow Prometheus delays a plan that long, and a restart would not help.
"""


def application(status_store: StatusStore, *, clock: Callable[[], float] = time.time) -> Starlette:
    """Return the web application over a status store.

    clock   returns the current time, Unix seconds
    """
    began_s = clock()
    registry = CollectorRegistry()
    registry.register(StatusCollector(status_store))
    ProcessCollector(registry=registry)

    async def healthz(_: Request) -> Response:
        status = status_store.status
        last_plan_s = status.planned_at_s or began_s
        limit_s = max(MIN_STUCK_S, MAX_MISSED_PERIODS * status.period_s)
        stuck = status.history_read and clock() - last_plan_s > limit_s
        text = f"no plan for {clock() - last_plan_s:.0f} s\n" if stuck else "ok\n"
        return PlainTextResponse(text, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        reason = _not_ready(status_store.status)
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=TEXT)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


def _not_ready(status: Status) -> str | None:
    if not status.history_read:
        return status.read_error or "history is being read"
    return None if status.plan is not None else "no plan yet"
