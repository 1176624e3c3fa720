"""The connection: each failure of an API server is an error that names its cause."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from scaler.knative.connection import Connection
from scaler.knative.errors import (
    ApiError,
    Conflict,
    Denied,
    Gone,
    Missing,
    NotConfigured,
    Refused,
    Throttled,
    Unreachable,
)

Status = Callable[..., dict[str, Any]]
PATH = "/apis/serving.knative.dev/v1/revisions"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, Denied),
        (403, Denied),
        (404, Missing),
        (409, Conflict),
        (410, Gone),
        (400, Refused),
        (422, Refused),
        (500, Unreachable),
        (503, Unreachable),
        (302, Unreachable),
    ],
)
def test_http_status_becomes_an_error_with_the_message_of_the_server(
    api: HTTPServer, connection: Connection, status: Status, code: int, kind: type[ApiError]
) -> None:
    api.expect_request(PATH).respond_with_json(status(code, "because of this"), status=code)
    with pytest.raises(kind, match=rf"GET {PATH}: {code} because of this"):
        connection.get(PATH)


def test_throttled_request_has_the_seconds_of_retry_after(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH).respond_with_data("slow down", status=429, headers={"Retry-After": "7"})
    with pytest.raises(Throttled) as caught:
        connection.get(PATH)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("header", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "nan"])
def test_invalid_retry_after_is_one_second(api: HTTPServer, connection: Connection, header: str) -> None:
    api.expect_request(PATH).respond_with_data("", status=429, headers={"Retry-After": header})
    with pytest.raises(Throttled) as caught:
        connection.get(PATH)
    assert caught.value.retry_after_s == 1


def test_conflict_lists_the_field_managers(api: HTTPServer, connection: Connection, status: Status) -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "field": ".metadata.annotations.x",
            "message": f'conflict with "{manager}" using serving.knative.dev/v1',
        }
        for manager in ("controller", "kubectl-annotate")
    ]
    api.expect_request(PATH).respond_with_json(
        status(409, "Apply failed", details={"causes": causes}), status=409
    )
    with pytest.raises(Conflict) as caught:
        connection.get(PATH)
    assert caught.value.managers == {"controller", "kubectl-annotate"}


def test_body_without_a_status_is_not_in_the_message(api: HTTPServer, connection: Connection) -> None:
    """The page of a proxy may contain secrets, such as the token of the request."""
    api.expect_request(PATH).respond_with_data("<html>Bearer a-secret-token</html>", status=502)
    with pytest.raises(Unreachable) as caught:
        connection.get(PATH)
    assert str(caught.value) == f"GET {PATH}: 502"


def test_closed_port_is_unreachable(unreachable_connection: Connection) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        unreachable_connection.get(PATH)


def test_server_without_an_answer_is_unreachable_after_the_timeout(
    api: HTTPServer, connection: Connection
) -> None:
    timed_out = threading.Event()

    def answer_late(_: Request) -> Response:
        timed_out.wait(30)
        return Response("{}")

    api.expect_request(PATH).respond_with_handler(answer_late)
    try:
        with pytest.raises(Unreachable, match="timed out"):
            connection.get(PATH)
    finally:
        timed_out.set()


def test_request_contains_the_token(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH, headers={"Authorization": "Bearer a-secret-token"}).respond_with_data("{}")
    assert connection.get(PATH) == b"{}"


@pytest.mark.parametrize("content", ["", "a: [", "just words", "apiVersion: v1\nkind: Config\n"])
def test_invalid_kubeconfig_error_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken"
    path.write_text(content)
    with pytest.raises(NotConfigured, match=str(path)):
        Connection.open(path)


def test_missing_kubeconfig_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="absent") as caught:
        Connection.open(tmp_path / "absent")
    assert caught.value.exit_code == 4


def fail_to_read(configuration: Any) -> None:
    raise FileNotFoundError("/var/run/token")


def set_two_lines(configuration: Any) -> None:
    configuration.api_key = {"authorization": "Bearer a-secret\nX-Other: token"}


def set_one_line(configuration: Any) -> None:
    configuration.api_key = {"authorization": "Bearer a-secret-token"}


@pytest.mark.parametrize("refresh", [fail_to_read, set_two_lines])
def test_unreadable_token_is_denied_until_readable(api: HTTPServer, refresh: Callable[[Any], None]) -> None:
    """As during the rotation of a token: any other exception would end the thread of a watch for good."""
    configuration: Any = client.Configuration()
    configuration.host = api.url_for("").rstrip("/")
    configuration.api_key = {"authorization": "Bearer a-secret-token"}
    api.expect_request(PATH).respond_with_data("{}")
    connection = Connection(client.ApiClient(configuration))
    configuration.refresh_api_key_hook = refresh
    with pytest.raises(Denied, match="credential for http") as caught:
        connection.get(PATH)
    with pytest.raises(Denied, match="credential for http"):
        connection.stream(PATH, {})
    assert "secret" not in str(caught.value)
    configuration.refresh_api_key_hook = set_one_line
    assert connection.get(PATH) == b"{}"
