"""A fake API server, for the answers that a real one cannot be made to give."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from scaler.knative.connection import Connection, Timeouts

Status = Callable[..., dict[str, Any]]


@pytest.fixture
def status() -> Status:
    """Return a builder of Kubernetes Status objects: (code, message, further fields)."""

    def build(code: int, message: str = "", **fields: Any) -> dict[str, Any]:
        return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message, **fields}

    return build


def kubeconfig(server: str, token: str = "a-secret-token") -> str:
    """Return a kubeconfig for a server without TLS."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    return json.dumps(config)


@pytest.fixture(scope="session")
def api_server() -> Iterator[HTTPServer]:
    # With threads: a watch must not block other requests.
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def api(api_server: HTTPServer) -> HTTPServer:
    api_server.clear()
    return api_server


@pytest.fixture
def connection(api: HTTPServer, tmp_path: Path) -> Connection:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(api.url_for("").rstrip("/")))
    return Connection.open(path, Timeouts(connect_s=1, read_s=1, stream_s=2))


@pytest.fixture
def unreachable_connection(tmp_path: Path) -> Connection:
    """Return a connection to a port on which no server listens."""
    path = tmp_path / "kubeconfig-unreachable"
    path.write_text(kubeconfig("http://127.0.0.1:9"))
    return Connection.open(path, Timeouts(connect_s=1, read_s=1, stream_s=2))
