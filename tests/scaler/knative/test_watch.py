"""The watch: after any behaviour of the server, the handler knows the current objects."""

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
FIRST_PAUSE_S = 0.02


def obj(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def list_response(*objects: dict[str, Any], version: int, next_page: str = "") -> Response:
    meta = {"resourceVersion": str(version), "continue": next_page}
    return Response(json.dumps({"metadata": meta, "items": list(objects)}), mimetype="application/json")


def stream_response(*chunks: bytes) -> Response:
    return Response(iter(chunks), mimetype="application/json")


@dataclass
class Script:
    """A server with scripted answers.

    lists     answers to lists, in order; the last one repeats
    watches   answers to watches, likewise
    queries   the query of every request
    """

    lists: Sequence[Callable[[], Response]]
    watches: Sequence[Callable[[], Response]]
    queries: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Response:
        with self.lock:
            is_watch = "watch" in request.args
            responses = self.watches if is_watch else self.lists
            n_before = sum(("watch" in query) == is_watch for query in self.queries)
            self.queries.append(dict(request.args))
            return responses[min(n_before, len(responses) - 1)]()

    def watch_versions(self) -> list[str]:
        return [query["resourceVersion"] for query in self.queries if "watch" in query]


@dataclass
class KnownNames:
    """The names that a handler has received, and when it received each list, seconds of a clock."""

    names: set[str] = field(default_factory=set)
    list_times_s: list[float] = field(default_factory=list)

    @property
    def lists(self) -> int:
        return len(self.list_times_s)

    def handler(self) -> EventHandler:
        def replace_names(objects: list[Any]) -> None:
            self.names = {item.metadata.name for item in objects}
            self.list_times_s.append(time.monotonic())

        return EventHandler(
            replace_names,
            lambda item: self.names.add(item.metadata.name),
            lambda item: self.names.discard(item.metadata.name),
        )


@contextmanager
def running_watch(connection: Connection, known: KnownNames) -> Iterator[Watch]:
    watch = Watch(connection, PATH, MetadataOnly, known.handler(), first_pause_s=FIRST_PAUSE_S)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
        watch.join()


def wait_until(condition: Callable[[], object], description: str, limit_s: float = 5.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, description
        time.sleep(0.005)


def silent_stream(duration_s: float = 0.4) -> Response:
    """Return a watch without events that ends after `duration_s`."""

    def wait() -> Iterator[bytes]:
        yield b"\n"
        time.sleep(duration_s)

    return Response(wait(), mimetype="application/json")


def register(api: HTTPServer, script: Script) -> Script:
    api.expect_request(PATH).respond_with_handler(script)
    return script


def test_pages_of_a_list_precede_the_events(api: HTTPServer, connection: Connection) -> None:
    script = register(
        api,
        Script(
            [
                lambda: list_response(obj("a", 1), version=7, next_page="next"),
                lambda: list_response(obj("b", 2), version=7),
            ],
            [
                lambda: stream_response(event("ADDED", obj("c", 8)), event("DELETED", obj("a", 9))),
                silent_stream,
            ],
        ),
    )
    known = KnownNames()
    with running_watch(connection, known) as watch:
        wait_until(lambda: known.names == {"b", "c"}, "events of the watch")
        assert watch.synced
        wait_until(lambda: len(script.watch_versions()) >= 2, "a second watch")
    assert script.queries[1]["continue"] == "next"
    assert script.watch_versions()[:2] == ["7", "9"]


def test_bookmark_advances_the_version_of_the_next_watch(api: HTTPServer, connection: Connection) -> None:
    bookmark = {"kind": "Namespace", "metadata": {"resourceVersion": "500", "creationTimestamp": None}}
    script = register(
        api,
        Script(
            [lambda: list_response(version=7)],
            [lambda: stream_response(event("BOOKMARK", bookmark)), silent_stream],
        ),
    )
    with running_watch(connection, KnownNames()):
        wait_until(lambda: len(script.watch_versions()) >= 2, "a second watch")
    assert script.watch_versions()[:2] == ["7", "500"]


def test_410_in_an_event_causes_a_new_list(api: HTTPServer, connection: Connection, status: Status) -> None:
    expired = event("ERROR", status(410, "too old resource version"))
    script = register(
        api,
        Script(
            [lambda: list_response(obj("a", 1), version=7), lambda: list_response(obj("b", 90), version=99)],
            [lambda: stream_response(event("ADDED", obj("c", 8)), expired), silent_stream],
        ),
    )
    known = KnownNames()
    with running_watch(connection, known):
        wait_until(lambda: len(script.watch_versions()) >= 2, "a second watch")
        assert known.names == {"b"}
    assert script.watch_versions()[:2] == ["7", "99"]


def test_410_as_the_answer_causes_a_new_list(api: HTTPServer, connection: Connection, status: Status) -> None:
    expired = Response(json.dumps(status(410, "expired")), 410, mimetype="application/json")
    known = KnownNames()
    register(api, Script([lambda: list_response(obj("a", 1), version=7)], [lambda: expired, silent_stream]))
    with running_watch(connection, known):
        wait_until(lambda: known.lists == 2, "a second list")


def test_repeated_410_is_answered_with_pauses(
    api: HTTPServer, connection: Connection, status: Status
) -> None:
    known = KnownNames()
    register(
        api,
        Script(
            [lambda: list_response(obj("a", 1), version=7)],
            [lambda: Response(json.dumps(status(410, "expired")), 410, mimetype="application/json")],
        ),
    )
    with running_watch(connection, known):
        wait_until(lambda: known.lists >= 5, "a list after three pauses")
    # The second list follows the first at once; the pauses after that double.
    assert known.list_times_s[4] - known.list_times_s[1] >= (1 + 2 + 4) * FIRST_PAUSE_S


def test_watch_resumes_before_an_incomplete_line(api: HTTPServer, connection: Connection) -> None:
    half = event("ADDED", obj("lost", 9))[:40]
    script = register(
        api,
        Script(
            [lambda: list_response(version=7)],
            [
                lambda: stream_response(event("ADDED", obj("a", 8)), half),
                lambda: stream_response(event("ADDED", obj("lost", 9))),
                silent_stream,
            ],
        ),
    )
    known = KnownNames()
    with running_watch(connection, known):
        wait_until(lambda: known.names == {"a", "lost"}, "the event of the incomplete line")
    assert script.watch_versions()[:2] == ["7", "8"]
    assert known.lists == 1


def test_event_in_many_chunks_is_one_event(api: HTTPServer, connection: Connection) -> None:
    events = event("ADDED", obj("a", 8)) + event("ADDED", obj("b", 9))
    chunks = [events[i : i + 7] for i in range(0, len(events), 7)]
    known = KnownNames()
    register(
        api, Script([lambda: list_response(version=7)], [lambda: stream_response(*chunks), silent_stream])
    )
    with running_watch(connection, known):
        wait_until(lambda: known.names == {"a", "b"}, "both events")


def test_invalid_line_ends_one_watch_only(api: HTTPServer, connection: Connection) -> None:
    known = KnownNames()
    script = register(
        api,
        Script(
            [lambda: list_response(version=7)],
            [
                lambda: stream_response(event("ADDED", obj("a", 8)), b"<html>busy</html>\n"),
                lambda: stream_response(event("ADDED", obj("b", 9))),
                silent_stream,
            ],
        ),
    )
    with running_watch(connection, known):
        wait_until(lambda: known.names == {"a", "b"}, "the event after the invalid line")
    assert script.watch_versions()[:2] == ["7", "8"]


def test_unavailable_server_is_retried_until_available(api: HTTPServer, connection: Connection) -> None:
    unavailable = Response("no", 503)
    known = KnownNames()
    register(
        api,
        Script(
            [lambda: unavailable, lambda: unavailable, lambda: list_response(obj("a", 1), version=7)],
            [silent_stream],
        ),
    )
    with running_watch(connection, known) as watch:
        wait_until(lambda: isinstance(watch.problem, Unreachable), "the problem is reported")
        wait_until(lambda: known.names == {"a"}, "the list")
        wait_until(lambda: watch.problem is None, "the problem is solved")


def test_missing_permission_is_a_problem_and_the_watch_is_not_synced(
    api: HTTPServer, connection: Connection, status: Status
) -> None:
    denied = Response(json.dumps(status(403, "may not list")), 403, mimetype="application/json")
    register(api, Script([lambda: denied], [silent_stream]))
    with running_watch(connection, KnownNames()) as watch:
        wait_until(lambda: isinstance(watch.problem, Denied), "the problem is reported")
        assert not watch.synced


def test_throttled_list_waits_for_retry_after(api: HTTPServer, connection: Connection) -> None:
    throttled = Response("", 429, headers={"Retry-After": "0.3"})
    known, began_s = KnownNames(), time.monotonic()
    register(api, Script([lambda: throttled, lambda: list_response(obj("a", 1), version=7)], [silent_stream]))
    with running_watch(connection, known):
        wait_until(lambda: known.names == {"a"}, "the list")
    assert time.monotonic() - began_s >= 0.3


def test_watch_without_events_stops_at_once(api: HTTPServer, connection: Connection) -> None:
    script = register(api, Script([lambda: list_response(version=7)], [lambda: silent_stream(3)]))
    watch = Watch(connection, PATH, MetadataOnly, KnownNames().handler())
    watch.start()
    wait_until(script.watch_versions, "the watch")
    began_s = time.monotonic()
    watch.stop()
    watch.join()
    assert time.monotonic() - began_s < 1.0


def test_closed_port_is_a_problem(unreachable_connection: Connection) -> None:
    with running_watch(unreachable_connection, KnownNames()) as watch:
        wait_until(lambda: isinstance(watch.problem, ApiError), "the problem is reported")
        assert not watch.wait(0.1)
