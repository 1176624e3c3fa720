"""The demo's page on localhost, beside /metrics and /healthz as `tidecast run` answers them.

It reads what the show has told; its clock for what is late is the simulated one.
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

from scaler.demo.scene import Scene
from scaler.demo.show import Show
from scaler.demo.story import PERCENT, REVISIONS, SERVICE
from scaler.demo.table import for_people, totals
from scaler.demo.worlds import POLICIES
from scaler.server.http import application as answers_of_run
from scaler.server.service import Web

HOST = "127.0.0.1"
PAGE = Path(__file__).with_name("page.html")
# Nothing is loaded from anywhere, and what the page asks for is here.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
LATELY_S, FAREWELL_S = 3.0, 1.2
"""Somebody watches where the page asked within the first; then the end is shown for the second."""


def told(show: Show, since: int, *, speed: float, ended: bool) -> dict[str, Any]:
    """What the page draws: the scenes from number `since` on, and the figures so far."""
    scenes: Sequence[Scene] = show.scenes[since:]
    return {
        "service": str(SERVICE),
        "revisions": [key.name for key in REVISIONS],
        "percent": PERCENT,
        "policies": list(POLICIES),
        "speed": speed,
        "begin_s": show.story.begin_s,
        "end_s": show.end_s,
        "now_s": show.now_s,
        "ended": ended,
        "since": since,
        "scenes": [_without_key(asdict(one)) for one in scenes],
        "table": [for_people(*row) for row in totals(show.worlds, show.story.scenario.memory_mb)],
    }


def _without_key(scene: dict[str, Any]) -> dict[str, Any]:
    for half in scene["halves"]:
        del half["key"]
    return scene


class Page:
    """The page of one show, on a thread of its own."""

    def __init__(self, show: Show, *, speed: float, port: int) -> None:
        """`port`: 0 = any that is free; one that is taken makes way for any that is free."""
        self._show, self._speed = show, speed
        self._port = free_port(port)
        self._ended = False
        self._asked_s: float | None = None
        self._web = Web(self.application(), HOST, self._port)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self._port}/"

    def application(self) -> Starlette:
        """The web application."""
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

        run = answers_of_run(self._show.status_store, clock=self._show.clock)
        return Starlette(routes=[Route("/", page), Route("/demo.json", data), Mount("/", run)])

    def _answer(self, since: int) -> dict[str, Any]:
        self._asked_s = time.monotonic()
        return told(self._show, since, speed=self._speed, ended=self._ended)

    def start(self) -> bool:
        """Begin to answer; False where that cannot be."""
        self._web.start()
        return self._web.wait()

    def end(self) -> None:
        """Show the end to who is watching, and stop answering."""
        self._ended = True
        if self._asked_s is not None and time.monotonic() - self._asked_s < LATELY_S:
            time.sleep(FAREWELL_S)
        self._web.stop()


def free_port(wanted: int) -> int:
    """`wanted` where it is free, else any."""
    try:
        return _bound(wanted)
    except OSError:
        return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as probe:
        # As the web server will have it: a port that another process has just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])
