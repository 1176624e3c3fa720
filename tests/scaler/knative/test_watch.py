"""A watch that lasts: whatever the server does, the receiver ends up knowing what is there."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError, Denied, Unreachable
from scaler.knative.objects import MetadataOnly
from scaler.knative.watch import EventHandler, Watch

Status = Callable[..., dict[str, Any]]
PATH = "/api/v1/namespaces"


def obj(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def listing(*objects: dict[str, Any], version: int, more: str = "") -> Response:
    meta = {"resourceVersion": str(version), "continue": more}
    return Response(json.dumps({"metadata": meta, "items": list(objects)}), mimetype="application/json")


def stream(*pieces: bytes) -> Response:
    return Response(iter(pieces), mimetype="application/json")


@dataclass
class Script:
    """Answers in turn; the last one again and again.  Keeps the queries."""

    lists: Sequence[Callable[[], Response]]
    watches: Sequence[Callable[[], Response]]
    asked: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Response:
        with self.lock:
            watching = "watch" in request.args
            answers = self.watches if watching else self.lists
            before = sum(("watch" in query) == watching for query in self.asked)
            self.asked.append(dict(request.args))
            return answers[min(before, len(answers) - 1)]()

    def watched_from(self) -> list[str]:
        return [query["resourceVersion"] for query in self.asked if "watch" in query]


@dataclass
class Known:
    """What the receiver knows."""

    names: set[str] = field(default_factory=set)
    lists: int = 0

    def receiver(self) -> EventHandler:
        def listed(objects: list[Any]) -> None:
            self.names = {t.metadata.name for t in objects}
            self.lists += 1

        return EventHandler(
            listed,
            lambda t: self.names.add(t.metadata.name),
            lambda t: self.names.discard(t.metadata.name),
        )


@contextmanager
def watching(connection: Connection, known: Known) -> Iterator[Watch]:
    watch = Watch(connection, PATH, MetadataOnly, known.receiver(), first_pause_s=0.02)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
        watch.join()


def until(condition: Callable[[], object], what: str, limit_s: float = 5.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.005)


def silence(length_s: float = 0.4) -> Response:
    """A watch on which nothing happens, and which then ends."""

    def wait() -> Iterator[bytes]:
        yield b"\n"
        time.sleep(length_s)

    return Response(wait(), mimetype="application/json")


def serve(api: HTTPServer, script: Script) -> Script:
    api.expect_request(PATH).respond_with_handler(script)
    return script


def test_a_list_in_pages_then_events(api: HTTPServer, connection: Connection) -> None:
    script = serve(
        api,
        Script(
            [
                lambda: listing(obj("a", 1), version=7, more="next"),
                lambda: listing(obj("b", 2), version=7),
            ],
            [lambda: stream(event("ADDED", obj("c", 8)), event("DELETED", obj("a", 9))), silence],
        ),
    )
    known = Known()
    with watching(connection, known) as watch:
        until(lambda: known.names == {"b", "c"}, "events of the watch")
        assert watch.synced
        until(lambda: len(script.watched_from()) >= 2, "a second watch")
    assert script.asked[1]["continue"] == "next"
    assert script.watched_from()[:2] == ["7", "9"]


def test_a_bookmark_moves_the_place_where_a_watch_goes_on(api: HTTPServer, connection: Connection) -> None:
    bookmark = {"kind": "Namespace", "metadata": {"resourceVersion": "500", "creationTimestamp": None}}
    script = serve(
        api, Script([lambda: listing(version=7)], [lambda: stream(event("BOOKMARK", bookmark)), silence])
    )
    with watching(connection, Known()):
        until(lambda: len(script.watched_from()) >= 2, "a second watch")
    assert script.watched_from()[:2] == ["7", "500"]


def test_410_as_an_event_means_listing_anew(api: HTTPServer, connection: Connection, status: Status) -> None:
    expired = event("ERROR", status(410, "too old resource version"))
    script = serve(
        api,
        Script(
            [lambda: listing(obj("a", 1), version=7), lambda: listing(obj("b", 90), version=99)],
            [lambda: stream(event("ADDED", obj("c", 8)), expired), silence],
        ),
    )
    known = Known()
    with watching(connection, known):
        until(lambda: len(script.watched_from()) >= 2, "a second watch")
        assert known.names == {"b"}
    assert script.watched_from()[:2] == ["7", "99"]


def test_410_as_an_answer_means_listing_anew(api: HTTPServer, connection: Connection, status: Status) -> None:
    gone = Response(json.dumps(status(410, "expired")), 410, mimetype="application/json")
    known = Known()
    serve(api, Script([lambda: listing(obj("a", 1), version=7)], [lambda: gone, silence]))
    with watching(connection, known):
        until(lambda: known.lists == 2, "a second list")


def test_a_server_that_says_410_again_and_again_is_given_time(
    api: HTTPServer, connection: Connection, status: Status
) -> None:
    known = Known()
    serve(
        api,
        Script(
            [lambda: listing(obj("a", 1), version=7)],
            [lambda: Response(json.dumps(status(410, "expired")), 410, mimetype="application/json")],
        ),
    )
    with watching(connection, known):
        until(lambda: known.lists >= 2, "a second list at once")
        time.sleep(0.6)  # in which a server asked without pause would be asked a hundred times
        assert known.lists <= 8


def test_after_half_a_line_the_watch_goes_on_before_it(api: HTTPServer, connection: Connection) -> None:
    half = event("ADDED", obj("lost", 9))[:40]
    script = serve(
        api,
        Script(
            [lambda: listing(version=7)],
            [
                lambda: stream(event("ADDED", obj("a", 8)), half),
                lambda: stream(event("ADDED", obj("lost", 9))),
                silence,
            ],
        ),
    )
    known = Known()
    with watching(connection, known):
        until(lambda: known.names == {"a", "lost"}, "the event that was cut in two")
    assert script.watched_from()[:2] == ["7", "8"]
    assert known.lists == 1


def test_an_event_in_many_pieces_is_one_event(api: HTTPServer, connection: Connection) -> None:
    whole = event("ADDED", obj("a", 8)) + event("ADDED", obj("b", 9))
    pieces = [whole[i : i + 7] for i in range(0, len(whole), 7)]
    known = Known()
    serve(api, Script([lambda: listing(version=7)], [lambda: stream(*pieces), silence]))
    with watching(connection, known):
        until(lambda: known.names == {"a", "b"}, "both events")


def test_a_line_of_garbage_breaks_one_watch_and_no_more(api: HTTPServer, connection: Connection) -> None:
    known = Known()
    script = serve(
        api,
        Script(
            [lambda: listing(version=7)],
            [
                lambda: stream(event("ADDED", obj("a", 8)), b"<html>busy</html>\n"),
                lambda: stream(event("ADDED", obj("b", 9))),
                silence,
            ],
        ),
    )
    with watching(connection, known):
        until(lambda: known.names == {"a", "b"}, "the event after the garbage")
    assert script.watched_from()[:2] == ["7", "8"]


def test_a_server_that_is_away_is_asked_until_it_is_back(api: HTTPServer, connection: Connection) -> None:
    away = Response("no", 503)
    known = Known()
    serve(api, Script([lambda: away, lambda: away, lambda: listing(obj("a", 1), version=7)], [silence]))
    with watching(connection, known) as watch:
        until(lambda: isinstance(watch.problem, Unreachable), "the fault is shown")
        until(lambda: known.names == {"a"}, "the list")
        until(lambda: watch.problem is None, "the fault is over")


def test_a_missing_right_is_shown_and_tried_again(
    api: HTTPServer, connection: Connection, status: Status
) -> None:
    denied = Response(json.dumps(status(403, "may not list")), 403, mimetype="application/json")
    serve(api, Script([lambda: denied], [silence]))
    with watching(connection, Known()) as watch:
        until(lambda: isinstance(watch.problem, Denied), "the fault is shown")
        assert not watch.synced


def test_a_throttled_list_waits_as_told(api: HTTPServer, connection: Connection) -> None:
    busy = Response("", 429, headers={"Retry-After": "0.3"})
    known, began_s = Known(), time.monotonic()
    serve(api, Script([lambda: busy, lambda: listing(obj("a", 1), version=7)], [silence]))
    with watching(connection, known):
        until(lambda: known.names == {"a"}, "the list")
    assert time.monotonic() - began_s >= 0.3


def test_a_watch_on_which_nothing_happens_stops_at_once(api: HTTPServer, connection: Connection) -> None:
    script = serve(api, Script([lambda: listing(version=7)], [lambda: silence(3)]))
    watch = Watch(connection, PATH, MetadataOnly, Known().receiver())
    watch.start()
    until(script.watched_from, "the watch")
    began_s = time.monotonic()
    watch.stop()
    watch.join()
    assert time.monotonic() - began_s < 1.0


def test_nobody_listens(nobody: Connection) -> None:
    with watching(nobody, Known()) as watch:
        until(lambda: isinstance(watch.problem, ApiError), "the fault is shown")
        assert not watch.wait(0.1)
