"""Writes, and all that can come of them.  The bodies are what a real control plane took (test_on_cluster)."""

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


def write(seen: dict[str, Any], floor: int | None, **settings: str) -> Write:
    obj = decode(json.dumps(seen).encode(), Revision)
    key = RevisionKey("default", obj.metadata.name)
    wishes = {FLOOR: None if floor is None else str(floor), **settings}
    return Write(Change(key, obj.metadata.uid, floor), Resource.REVISION, obj, wishes)


@dataclass
class Server:
    """Answers PATCH as told, else by carrying it out; GET with what there is.  Keeps what came."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, list[Response]] = field(default_factory=dict)
    came: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        name = request.path.removeprefix(ROOT)
        body = json.loads(request.data) if request.data else {}
        self.came.append((request.method, name, dict(request.args), body))
        if request.method == "PATCH":
            if self.refusals.get(name):
                return self.refusals[name].pop(0)
            left = {n: text for n, text in body["metadata"]["annotations"].items() if text is not None}
            self.there[name] = revision(name, left, version="6")
        if name not in self.there:
            return refusal(404, "not found")
        return Response(json.dumps(self.there[name]), mimetype="application/json")

    def patches(self) -> list[tuple[str, dict[str, str], Any]]:
        return [(name, query, body) for method, name, query, body in self.came if method == "PATCH"]


def refusal(code: int, message: str, managers: tuple[str, ...] = (), retry_after: str = "") -> Response:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using v1'}
        for manager in managers
    ]
    said = {"kind": "Status", "code": code, "message": message, "details": {"causes": causes}}
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Response(json.dumps(said), code, headers, mimetype="application/json")


@pytest.fixture
def server(api: HTTPServer) -> Server:
    made = Server()
    for name in ("hello-00001", "other-00001", *(f"many-{i:05d}" for i in range(20))):
        api.expect_request(ROOT + name).respond_with_handler(made)
    return made


def only(connection: Connection, wanted: Write, seen: list[Any] | None = None) -> WriteResult:
    told: list[Any] = [] if seen is None else seen
    (outcome,) = Actuator(connection, lambda _, obj: told.append(obj)).write([wanted])
    return outcome


def test_a_floor_is_applied_with_its_marks_and_the_uid(connection: Connection, server: Server) -> None:
    seen: list[Any] = []
    assert only(connection, write(revision(), 3), seen).result is Result.APPLIED
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
    assert seen[0].metadata.resource_version == "6"


def test_nothing_is_sent_when_nothing_changes(connection: Connection, server: Server) -> None:
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: ""}
    assert only(connection, write(revision(annotations=marked), 3)).result is Result.UNCHANGED
    assert only(connection, write(revision(), None)).result is Result.UNCHANGED
    assert server.came == []


@pytest.mark.parametrize(
    ("answer", "result", "words"),
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
        pytest.param(lambda: refusal(500, "etcd is sad"), Result.UNREACHABLE, "etcd is sad", id="500"),
        pytest.param(lambda: refusal(429, "busy", retry_after="9"), Result.THROTTLED, "busy", id="429"),
        pytest.param(lambda: Response("<html>"), Result.UNREACHABLE, "no Revision", id="HTML"),
    ],
)
def test_each_refusal_is_an_outcome(
    connection: Connection, server: Server, answer: Callable[[], Response], result: Result, words: str
) -> None:
    server.there["hello-00001"] = revision()
    server.refusals["hello-00001"] = [answer()]
    outcome = only(connection, write(revision(), 3))
    assert outcome.result is result
    assert words in outcome.message
    assert len(server.patches()) == 1


def test_one_bad_revision_stops_no_other(connection: Connection, server: Server) -> None:
    server.there["hello-00001"] = revision()
    server.refusals["hello-00001"] = [refusal(400, "no")]
    writes = [write(revision(), 3), write(revision("other-00001"), 3)]
    outcomes = Actuator(connection, lambda _, __: None).write(writes)
    assert [(o.change.key.name, o.result) for o in outcomes] == [
        ("hello-00001", Result.REFUSED),
        ("other-00001", Result.APPLIED),
    ]


def test_against_the_templates_manager_it_is_forced_on_the_version_looked_at(
    connection: Connection, server: Server
) -> None:
    server.there["hello-00001"] = revision(annotations={MIN: "1"}, version="77")
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("controller",))]
    assert only(connection, write(revision(annotations={MIN: "1"}), 3)).result is Result.APPLIED
    _, (_, query, body) = server.patches()
    assert query["force"] == "true"
    assert body["metadata"]["resourceVersion"] == "77"
    assert body["metadata"]["annotations"] == {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}


def test_what_a_person_wrote_by_hand_is_left(connection: Connection, server: Server) -> None:
    server.there["hello-00001"] = revision(annotations={MIN: "2"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    outcome = only(connection, write(revision(annotations={MIN: "2"}), 3))
    assert outcome.result is Result.CONFLICT
    assert "kubectl-annotate" in outcome.message
    assert len(server.patches()) == 1


def test_beside_a_floor_written_by_hand_the_settings_are_written(
    connection: Connection, server: Server
) -> None:
    server.there["hello-00001"] = revision(annotations={MIN: "2"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    outcome = only(connection, write(revision(), 3, window="15s"))
    assert outcome.result is Result.APPLIED
    assert "kubectl-annotate" in outcome.message
    _, (_, query, body) = server.patches()
    assert query["force"] == "true"
    assert body["metadata"]["annotations"] == {WINDOW: "15s", SET + "window": "15s", OWNER + "window": ""}


def test_beside_a_setting_written_by_hand_the_floor_is_written(
    connection: Connection, server: Server
) -> None:
    server.there["hello-00001"] = revision(annotations={WINDOW: "40s"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("kubectl-annotate",))]
    assert only(connection, write(revision(), 3, window="15s")).result is Result.APPLIED
    _, (_, _, body) = server.patches()
    assert body["metadata"]["annotations"] == {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: ""}


def test_what_our_mark_says_is_ours_is_forced_whoever_holds_it(
    connection: Connection, server: Server
) -> None:
    """A backup that another program restored: its manager holds what we once wrote."""
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}
    server.there["hello-00001"] = revision(annotations=marked)
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("velero-server",))]
    assert only(connection, write(revision(annotations=marked), None)).result is Result.APPLIED
    assert server.there["hello-00001"]["metadata"]["annotations"] == {MIN: "1"}


def test_a_value_raised_in_the_meantime_needs_no_write(connection: Connection, server: Server) -> None:
    server.there["hello-00001"] = revision(annotations={MIN: "9"})
    server.refusals["hello-00001"] = [refusal(409, "conflict", ("controller",))]
    assert only(connection, write(revision(), 3)).result is Result.UNCHANGED


def test_written_by_another_at_the_very_moment_is_a_conflict(connection: Connection, server: Server) -> None:
    server.there["hello-00001"] = revision()
    server.refusals["hello-00001"] = [
        refusal(409, "conflict", ("controller",)),
        refusal(409, "the object has been modified"),
    ]
    assert only(connection, write(revision(), 3)).result is Result.CONFLICT


def test_deleted_between_read_and_write(connection: Connection, server: Server) -> None:
    """An apply that names the uid of what is not there is answered 409, and makes nothing."""
    server.refusals["hello-00001"] = [refusal(409, "uid mismatch: no existing object was found")]
    assert only(connection, write(revision(), 3)).result is Result.GONE
    assert server.there == {}


@pytest.mark.parametrize("code", [409, 422])
def test_made_anew_between_read_and_write(connection: Connection, server: Server, code: int) -> None:
    server.there["hello-00001"] = revision(uid="another")
    server.refusals["hello-00001"] = [refusal(code, "metadata.uid: field is immutable")]
    assert only(connection, write(revision(), 3)).result is Result.GONE
    assert len(server.patches()) == 1


def test_marks_held_by_another_are_dropped_by_a_second_patch(connection: Connection, server: Server) -> None:
    marked = {MIN: "3", SET + FLOOR: "3", OWNER + FLOOR: "1"}

    half = Response(json.dumps(revision(annotations=marked | {MIN: "1"}, version="8")))
    server.refusals["hello-00001"] = [half]
    assert only(connection, write(revision(annotations=marked), None)).result is Result.APPLIED
    first, second = server.patches()
    assert first[2]["metadata"]["annotations"] == {MIN: "1"}
    assert second[2]["metadata"] == {
        "uid": "uid-hello-00001",
        "resourceVersion": "8",
        "annotations": {SET + FLOOR: None, OWNER + FLOOR: None},
    }


def test_after_429_nobody_is_asked_until_the_time_is_over(connection: Connection, server: Server) -> None:
    server.refusals["hello-00001"] = [refusal(429, "busy", retry_after="9")]
    now_s = [100.0]
    actuator = Actuator(connection, lambda _, __: None, clock=lambda: now_s[0])
    results = []
    for moment_s in (100.0, 101.0, 108.9, 109.1):
        now_s[0] = moment_s
        results += [o.result for o in actuator.write([write(revision(), 3)])]
    assert results == [Result.THROTTLED] * 3 + [Result.APPLIED]
    assert len(server.patches()) == 2


def test_with_the_server_away_not_every_write_is_tried(nobody: Connection) -> None:
    writes = [write(revision(f"many-{i:05d}"), 3) for i in range(20)]
    outcomes = Actuator(nobody, lambda _, __: None).write(writes)
    assert {o.result for o in outcomes} == {Result.UNREACHABLE}
    assert any("not tried" in o.message for o in outcomes)


def test_many_are_written_and_told_in_order(connection: Connection, server: Server) -> None:
    writes = [write(revision(f"many-{i:05d}"), 3) for i in range(20)]
    outcomes = Actuator(connection, lambda _, __: None).write(writes)
    assert [o.change.key.name for o in outcomes] == [f"many-{i:05d}" for i in range(20)]
    assert {o.result for o in outcomes} == {Result.APPLIED}


def test_addresses_of_what_is_written() -> None:
    assert ENDPOINTS[Resource.POD_AUTOSCALER].object_path("a", "b") == (
        "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/a/podautoscalers/b"
    )
