"""Every way in which an API server can fail to give what was asked for, and what it is called."""

import time
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
def test_each_status_has_its_error_with_the_servers_words(
    api: HTTPServer, connection: Connection, status: Status, code: int, kind: type[ApiError]
) -> None:
    api.expect_request(PATH).respond_with_json(status(code, "because of this"), status=code)
    with pytest.raises(kind, match=rf"GET {PATH}: {code} because of this"):
        connection.get(PATH)


def test_a_throttled_request_says_how_long_to_wait(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH).respond_with_data("slow down", status=429, headers={"Retry-After": "7"})
    with pytest.raises(Throttled) as caught:
        connection.get(PATH)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("said", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "nan"])
def test_an_odd_retry_after_is_a_second(api: HTTPServer, connection: Connection, said: str) -> None:
    api.expect_request(PATH).respond_with_data("", status=429, headers={"Retry-After": said})
    with pytest.raises(Throttled) as caught:
        connection.get(PATH)
    assert caught.value.retry_after_s == 1


def test_a_conflict_names_the_managers(api: HTTPServer, connection: Connection, status: Status) -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "field": ".metadata.annotations.x",
            "message": f'conflict with "{who}" using serving.knative.dev/v1',
        }
        for who in ("controller", "kubectl-annotate")
    ]
    api.expect_request(PATH).respond_with_json(
        status(409, "Apply failed", details={"causes": causes}), status=409
    )
    with pytest.raises(Conflict) as caught:
        connection.get(PATH)
    assert caught.value.managers == {"controller", "kubectl-annotate"}


def test_what_is_no_status_is_not_shown(api: HTTPServer, connection: Connection) -> None:
    """A proxy's page may hold anything, such as the token it was sent."""
    api.expect_request(PATH).respond_with_data("<html>Bearer a-secret-token</html>", status=502)
    with pytest.raises(Unreachable) as caught:
        connection.get(PATH)
    assert str(caught.value) == f"GET {PATH}: 502"


def test_nobody_listens(nobody: Connection) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        nobody.get(PATH)


def test_a_server_that_does_not_answer_is_not_waited_for(api: HTTPServer, connection: Connection) -> None:
    def late(_: Request) -> Response:
        time.sleep(1.5)  # longer than the connection's time limit of one second
        return Response("{}")

    api.expect_request(PATH).respond_with_handler(late)
    with pytest.raises(Unreachable, match="timed out"):
        connection.get(PATH)


def test_the_token_is_sent(api: HTTPServer, connection: Connection) -> None:
    api.expect_request(PATH, headers={"Authorization": "Bearer a-secret-token"}).respond_with_data("{}")
    assert connection.get(PATH) == b"{}"


@pytest.mark.parametrize("content", ["", "a: [", "just words", "apiVersion: v1\nkind: Config\n"])
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken"
    path.write_text(content)
    with pytest.raises(NotConfigured, match=str(path)):
        Connection.open(path)


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="absent") as caught:
        Connection.open(tmp_path / "absent")
    assert caught.value.exit_code == 4


def read_token(configuration: Any) -> None:
    raise FileNotFoundError("/var/run/token")


def two_lines(configuration: Any) -> None:
    configuration.api_key = {"authorization": "Bearer a-secret\nX-Other: token"}


def one_line(configuration: Any) -> None:
    configuration.api_key = {"authorization": "Bearer a-secret-token"}


@pytest.mark.parametrize("refresh", [read_token, two_lines])
def test_a_token_that_cannot_be_read_for_a_while_is_an_error_like_others(
    api: HTTPServer, refresh: Callable[[Any], None]
) -> None:
    """As while a pod's token is being replaced: what ended a watch's thread would end it for good."""
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
    configuration.refresh_api_key_hook = one_line
    assert connection.get(PATH) == b"{}"
