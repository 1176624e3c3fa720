"""What `tidecast run` answers over HTTP: /healthz, /readyz and /metrics.  It only reads the board."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scaler.controller.status import Status, StatusStore
from scaler.server.metrics import BoardCollector

TEXT = "text/plain; version=0.0.4; charset=utf-8"
LATE_PERIODS, LATE_S = 10, 300.0
"""The loop counts as stuck after so many planning periods without a plan, and not before so many seconds: a
Prometheus that is slow to answer keeps it that long, and a restart would not help."""


def application(status_store: StatusStore, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The web application over a board."""
    began_s = clock()
    registry = CollectorRegistry()
    registry.register(BoardCollector(status_store))
    ProcessCollector(registry=registry)

    async def healthz(_: Request) -> Response:
        shown = status_store.status
        last_s = shown.planned_s or began_s
        late_s = max(LATE_S, LATE_PERIODS * shown.period_s)
        stuck = shown.started and clock() - last_s > late_s
        text = f"no plan for {clock() - last_s:.0f} s\n" if stuck else "ok\n"
        return PlainTextResponse(text, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        why = _not_ready(status_store.status)
        return PlainTextResponse(f"{why or 'ok'}\n", 503 if why else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=TEXT)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


def _not_ready(shown: Status) -> str | None:
    if not shown.started:
        return shown.read_error or "history is being read"
    return None if shown.plan is not None else "no plan yet"
