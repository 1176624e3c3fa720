"""The actuator, against a fake API server: bodies of writes and results of answers.

A real control plane accepts the same bodies (test_on_cluster).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from models.fleet.keys import RevisionKey
from scaler.controller.changes import Change, Result, WriteResult
from scaler.knative.actuator import Actuator, Write
from scaler.knative.connection import Connection
from scaler.knative.marks import AUTOSCALING, FLOOR, OWNER, SET
from scaler.knative.objects import ENDPOINTS, Resource, Revision, decode

Status = Callable[..., dict[str, Any]]
MIN, WINDOW = AUTOSCALING + FLOOR, AUTOSCALING + "window"
ROOT = "/apis/serving.knative.dev/v1/namespaces/default/revisions/"


def revision(
    name: str = "hello-00001",
    annotations: Mapping[str, str] | None = None,
    *,
    uid: str = "",
    version: str = "5",
) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": version}
    return {"metadata": meta | {"annotations": dict(annotations or {})}}


def write(observed: dict[str, Any], floor: int | None, **settings: str) -> Write:
    obj = decode(json.dumps(observed).encode(), Revision)
    key = RevisionKey("default", obj.metadata.name)
    desired = {FLOOR: None if floor is None else str(floor), **settings}
    return Write(Change(key, obj.metadata.uid, floor), Resource.REVISION, obj, desired)


@dataclass
class FakeRevisions:
    """The endpoint of Revisions.

    objects    name -> Revision; a PATCH replaces one, a GET returns one
    refusals   name -> answers to its next PATCH requests, which then change nothing
    requests   (method, name, query, body) of every request
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, list[Response]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        name = request.path.removeprefix(ROOT)
        body = json.loads(request.data) if request.data else {}
        self.requests.append((request.method, name, dict(request.args), body))
        if request.method == "PATCH":
            if self.refusals.get(name):
                return self.refusals[name].pop(0)
            kept = {n: text for n, text in body["metadata"]["annotations"].items() if text is not None}
            self.objects[name] = revision(name, kept, version="6")
        if name not in self.objects:
            return refusal(404, "not found")
        return Response(json.dumps(self.objects[name]), mimetype="application/json")

    def patches(self) -> list[tuple[str, dict[str, str], Any]]:
        return [(name, query, body) for method, name, query, body in self.requests if method == "PATCH"]


def refusal(code: int, message: str, managers: tuple[str, ...] = (), retry_after: str = "") -> Response:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using v1'}
        for manager in managers
    ]
    status = {"kind": "Status", "code": code, "message": message, "details": {"causes": causes}}
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Response(json.dumps(status), code, headers, mimetype="application/json")


@pytest.fixture
def server(api: HTTPServer) -> FakeRevisions:
    handler = FakeRevisions()
    for name in ("hello-00001", "other-00001", *(f"many-{i:05d}" for i in range(20))):
        api.expect_request(ROOT + name).respond_with_handler(handler)
    return handler


def write_one(connection: Connection, change: Write, returned: list[Any] | None = None) -> WriteResult:
    """Send one write; append the object that the server returns to `returned`."""
    objects: list[Any] = [] if returned is None else returned
    (result,) = Actuator(connection, lambda _, obj: objects.append(obj)).write([change])
    return result


def test_floor_is_applied_with_marks_and_uid(connection: Connection, server: FakeRevisions) -> None:
    returned: list[Any] = []
    assert write_one(connection, write(revision(), 3), returned).result is Result.APPLIED
    ((name, query, body),) = server.patches()
    assert name == "hello-00001"
    assert query == {"fieldManager": "tidecast", "force": "false"}
    assert body == {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": "hello-00001",
            "namespace": "default",
            "uid": "uid-hello-00001",
            "annotations": {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: ""},
        },
    }
    assert returned[0].metadata.resource_version == "6"


def test_write_without_change_sends_no_request(connection: Connection, server: FakeRevisions) -> None:
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: ""}
    assert write_one(connection, write(revision(annotations=marked), 3)).result is Result.UNCHANGED
    assert write_one(connection, write(revision(), None)).result is Result.UNCHANGED
    assert server.requests == []


@pytest.mark.parametrize(
    ("response", "expected", "text"),
    [
        pytest.param(lambda: refusal(403, "may not patch"), Result.DENIED, "may not patch", id="403"),
        pytest.param(lambda: refusal(404, "no such"), Result.GONE, "no such", id="404"),
        pytest.param(
            lambda: refusal(400, "admission webhook denied: max-scale"),
            Result.REFUSED,
            "max-scale",
            id="webhook",
        ),
        pytest.param(lambda: refusal(422, "invalid"), Result.REFUSED, "invalid", id="invalid"),
        pytest.param(lambda: refusal(500, "etcd failed"), Result.UNREACHABLE, "etcd failed", id="500"),
        pytest.param(lambda: refusal(429, "busy", retry_after="9"), Result.THROTTLED, "busy", id="429"),
        pytest.param(lambda: Response("<html>"), Result.UNREACHABLE, "not a Revision", id="HTML"),
    ],
)
def test_error_answer_becomes_a_result(
    connection: Connection,
    server: FakeRevisions,
    response: Callable[[], Response],
    expected: Result,
    text: str,
) -> None:
    server.objects["hello-00001"] = revision()
    server.refusals["hello-00001"] = [response()]
    result = write_one(connection, write(revision(), 3))
    assert result.result is expected
    assert text in result.message
    assert len(server.patches()) == 1


def test_refused_write_does_not_stop_other_writes(connection: Connection, server: FakeRevisions) -> None:
    server.objects["hello-00001"] = revision()
    server.refusals["hello-00001"] = [refusal(400, "no")]
    writes = [write(revision(), 3), write(revision("other-00001"), 3)]
    results = Actuator(connection, lambda _, __: None).write(writes)
    assert [(r.change.key.name, r.result) for r in results] == [
        ("hello-00001", Result.REFUSED),
        ("other-00001", Result.APPLIED),
    ]


def test_conflict_with_the_controller_is_forced_on_the_version_that_was_read(
    connection: Connection, server: FakeRevisions
) -> None:
    server.objects["hello-00001"] = revision(annotations={MIN: "1"}, version="77")
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("controller",))]
    assert write_one(connection, write(revision(annotations={MIN: "1"}), 3)).result is Result.APPLIED
    _, (_, query, body) = server.patches()
    assert query["force"] == "true"
    assert body["metadata"]["resourceVersion"] == "77"
    assert body["metadata"]["annotations"] == {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}


def test_floor_written_by_a_person_stays(connection: Connection, server: FakeRevisions) -> None:
    server.objects["hello-00001"] = revision(annotations={MIN: "2"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    result = write_one(connection, write(revision(annotations={MIN: "2"}), 3))
    assert result.result is Result.CONFLICT
    assert "kubectl-annotate" in result.message
    assert len(server.patches()) == 1


def test_settings_are_written_beside_a_floor_of_a_person(
    connection: Connection, server: FakeRevisions
) -> None:
    server.objects["hello-00001"] = revision(annotations={MIN: "2"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    result = write_one(connection, write(revision(), 3, window="15s"))
    assert result.result is Result.APPLIED
    assert "kubectl-annotate" in result.message
    _, (_, query, body) = server.patches()
    assert query["force"] == "true"
    assert body["metadata"]["annotations"] == {WINDOW: "15s", SET + "window": "15s", OWNER + "window": ""}


def test_floor_is_written_beside_a_setting_of_a_person(connection: Connection, server: FakeRevisions) -> None:
    server.objects["hello-00001"] = revision(annotations={WINDOW: "40s"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    assert write_one(connection, write(revision(), 3, window="15s")).result is Result.APPLIED
    _, (_, _, body) = server.patches()
    assert body["metadata"]["annotations"] == {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: ""}


def test_value_equal_to_the_mark_is_forced_against_any_manager(
    connection: Connection, server: FakeRevisions
) -> None:
    """As after the restore of a backup: the manager of the backup program holds a value of Tidecast."""
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}
    server.objects["hello-00001"] = revision(annotations=marked)
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("velero-server",))]
    assert write_one(connection, write(revision(annotations=marked), None)).result is Result.APPLIED
    assert server.objects["hello-00001"]["metadata"]["annotations"] == {MIN: "1"}


def test_floor_below_a_value_raised_since_the_read_is_not_written(
    connection: Connection, server: FakeRevisions
) -> None:
    server.objects["hello-00001"] = revision(annotations={MIN: "9"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("controller",))]
    assert write_one(connection, write(revision(), 3)).result is Result.UNCHANGED


def test_object_changed_between_read_and_forced_write_is_a_conflict(
    connection: Connection, server: FakeRevisions
) -> None:
    server.objects["hello-00001"] = revision()
    server.refusals["hello-00001"] = [
        refusal(409, "conflict", ("controller",)),
        refusal(409, "the object has been modified"),
    ]
    assert write_one(connection, write(revision(), 3)).result is Result.CONFLICT


def test_revision_deleted_before_the_write_is_gone(connection: Connection, server: FakeRevisions) -> None:
    """An apply with the uid of a missing object is answered with 409 and creates no object."""
    server.refusals["hello-00001"] = [refusal(409, "uid mismatch: no existing object was found")]
    assert write_one(connection, write(revision(), 3)).result is Result.GONE
    assert server.objects == {}


@pytest.mark.parametrize("code", [409, 422])
def test_revision_created_again_before_the_write_is_gone(
    connection: Connection, server: FakeRevisions, code: int
) -> None:
    server.objects["hello-00001"] = revision(uid="another")
    server.refusals["hello-00001"] = [refusal(code, "metadata.uid: field is immutable")]
    assert write_one(connection, write(revision(), 3)).result is Result.GONE
    assert len(server.patches()) == 1


def test_marks_of_other_managers_are_removed_by_a_second_patch(
    connection: Connection, server: FakeRevisions
) -> None:
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}

    partly_applied = Response(json.dumps(revision(annotations=marked | {MIN: "1"}, version="8")))
    server.refusals["hello-00001"] = [partly_applied]
    assert write_one(connection, write(revision(annotations=marked), None)).result is Result.APPLIED
    first, second = server.patches()
    assert first[2]["metadata"]["annotations"] == {MIN: "1"}
    assert second[2]["metadata"] == {
        "uid": "uid-hello-00001",
        "resourceVersion": "8",
        "annotations": {SET + FLOOR: None, OWNER + FLOOR: None},
    }


def test_no_request_is_sent_until_retry_after_has_passed(
    connection: Connection, server: FakeRevisions
) -> None:
    server.refusals["hello-00001"] = [refusal(429, "busy", retry_after="9")]
    now_s = [100.0]
    actuator = Actuator(connection, lambda _, __: None, clock=lambda: now_s[0])
    results = []
    for moment_s in (100.0, 101.0, 108.9, 109.1):
        now_s[0] = moment_s
        results += [r.result for r in actuator.write([write(revision(), 3)])]
    assert results == [Result.THROTTLED] * 3 + [Result.APPLIED]
    assert len(server.patches()) == 2


def test_unreachable_server_stops_writes_that_have_not_begun(unreachable_connection: Connection) -> None:
    writes = [write(revision(f"many-{i:05d}"), 3) for i in range(20)]
    results = Actuator(unreachable_connection, lambda _, __: None).write(writes)
    assert {r.result for r in results} == {Result.UNREACHABLE}
    assert any("not sent" in r.message for r in results)


def test_results_have_the_order_of_the_writes(connection: Connection, server: FakeRevisions) -> None:
    writes = [write(revision(f"many-{i:05d}"), 3) for i in range(20)]
    results = Actuator(connection, lambda _, __: None).write(writes)
    assert [r.change.key.name for r in results] == [f"many-{i:05d}" for i in range(20)]
    assert {r.result for r in results} == {Result.APPLIED}


def test_path_of_a_podautoscaler() -> None:
    assert ENDPOINTS[Resource.POD_AUTOSCALER].object_path("a", "b") == (
        "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/a/podautoscalers/b"
    )
