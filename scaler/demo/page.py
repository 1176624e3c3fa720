"""Serve the page of the demo on localhost, with /metrics and /healthz as `tidecast run` answers them.

The health check uses the simulated clock.
"""

import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from scaler.demo.demo_run import DemoRun
from scaler.demo.scene import Scene
from scaler.demo.simulations import POLICIES
from scaler.demo.table import for_people, totals
from scaler.demo.workload import PERCENT, REVISIONS, SERVICE
from scaler.server.http import application as service_application
from scaler.server.service import Web

HOST = "127.0.0.1"
PAGE = Path(__file__).with_name("page.html")
# The page loads nothing from elsewhere, and requests data only from this server.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
WATCHED_S, FAREWELL_S = 3.0, 1.2
"""A page that requested data within WATCHED_S seconds is open; the end is then shown for FAREWELL_S."""


def page_data(run: DemoRun, since: int, *, speed: float, ended: bool) -> dict[str, Any]:
    """Return what the page draws: the scenes from number `since` on, and the metrics so far."""
    scenes: Sequence[Scene] = run.scenes[since:]
    return {
        "service": str(SERVICE),
        "revisions": [key.name for key in REVISIONS],
        "percent": PERCENT,
        "policies": list(POLICIES),
        "speed": speed,
        "begin_s": run.workload.begin_s,
        "end_s": run.end_s,
        "now_s": run.now_s,
        "ended": ended,
        "since": since,
        "scenes": [_without_key(asdict(scene)) for scene in scenes],
        "table": [for_people(*row) for row in totals(run.simulations, run.workload.scenario.memory_mb)],
    }


def _without_key(scene: dict[str, Any]) -> dict[str, Any]:
    for revision in scene["revisions"]:
        del revision["key"]
    return scene


class Page:
    """The page of one demo, on its own thread."""

    def __init__(self, run: DemoRun, *, speed: float, port: int) -> None:
        """port: 0, or a port in use, = any free port."""
        self._run, self._speed = run, speed
        self._port = free_port(port)
        self._ended = False
        self._requested_s: float | None = None
        self._web = Web(self.application(), HOST, self._port)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self._port}/"

    def application(self) -> Starlette:
        """Return the web application."""
        html = PAGE.read_text(encoding="utf-8")

        async def page(_: Request) -> Response:
            return Response(
                html, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY}
            )

        async def data(request: Request) -> Response:
            since = request.query_params.get("since", "0")
            answer = JSONResponse(self._answer(int(since) if since.isdecimal() else 0))
            answer.headers["Cache-Control"] = "no-store"
            return answer

        run = service_application(self._run.status_store, clock=self._run.clock)
        return Starlette(routes=[Route("/", page), Route("/demo.json", data), Mount("/", run)])

    def _answer(self, since: int) -> dict[str, Any]:
        self._requested_s = time.monotonic()
        return page_data(self._run, since, speed=self._speed, ended=self._ended)

    def start(self) -> bool:
        """Start to answer; return False where that fails."""
        self._web.start()
        return self._web.wait()

    def end(self) -> None:
        """Show the end on an open page, and stop."""
        self._ended = True
        if self._requested_s is not None and time.monotonic() - self._requested_s < WATCHED_S:
            time.sleep(FAREWELL_S)
        self._web.stop()


def free_port(preferred: int) -> int:
    """Return the preferred port where it is free, else any free one."""
    try:
        return _bound(preferred)
    except OSError:
        return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as probe:
        # As in the web server: a port that another process has just released is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])
