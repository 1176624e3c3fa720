"""Kubernetes Events: contents, repetition and rate."""

import json

from pytest_httpserver import HTTPServer

from scaler.knative.connection import Connection
from scaler.knative.errors import Denied
from scaler.knative.events import Events, ObjectReference

PATH = "/api/v1/namespaces/default/events"
HELLO = ObjectReference("serving.knative.dev/v1", "Revision", "default", "hello-00001", "uid-1")


def test_event_refers_to_the_object(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH, "POST").respond_with_json({})
    assert Events(connection, wall_clock=lambda: 1_800_000_000.0).warn(HELLO, "FloorRefused", "too high")
    sent = json.loads(api.log[0][0].data)
    assert sent["involvedObject"]["uid"] == "uid-1"
    assert (sent["reason"], sent["message"], sent["type"]) == ("FloorRefused", "too high", "Warning")
    assert sent["firstTimestamp"] == "2027-01-15T08:00:00Z"
    assert sent["metadata"]["namespace"] == "default"


def test_equal_event_is_written_once_in_ten_minutes(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH, "POST").respond_with_json({})
    now_s = [1000.0]
    events = Events(connection, clock=lambda: now_s[0])
    written = []
    for moment_s in (1000.0, 1030.0, 1599.0, 1601.0):
        now_s[0] = moment_s
        written.append(events.warn(HELLO, "FloorRefused", "too high"))
    assert written == [True, False, False, True]


def test_events_are_limited_to_thirty_in_a_minute(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH, "POST").respond_with_json({})
    events = Events(connection, clock=lambda: 1000.0)
    assert sum(events.warn(HELLO, "FloorRefused", f"number {i}") for i in range(100)) == 30


def test_missing_permission_is_a_problem_without_an_exception(
    api: HTTPServer, connection: Connection
) -> None:
    api.expect_request(PATH, "POST").respond_with_data("", status=403)
    events = Events(connection)
    assert not events.warn(HELLO, "FloorRefused", "too high")
    assert isinstance(events.problem, Denied)
