"""One connection to a Kubernetes API: its address, its credentials, and requests that end in time.

The `kubernetes` package finds the configuration and keeps tokens fresh; requests go through its pool as they
are and answers come back as bytes, since building its models costs more than all else.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config

from scaler.knative.errors import ApiError, Denied, NotConfigured, Unreachable, from_status

JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

CONNECTIONS = 24
"""Kept open: one a watch, one a writer, and the Lease's."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long to wait for the API server, seconds."""

    connect_s: float = 5.0
    read_s: float = 15.0
    stream_s: float = 90.0
    """Between two pieces of a watch.  A healthy one has a bookmark about once a minute."""


class Connection:
    """Requests to one API server.  Safe to use from several threads."""

    def __init__(self, client: Any, timeouts: Timeouts | None = None) -> None:
        self._client = client
        self._timeouts = timeouts or Timeouts()

    @classmethod
    def open(cls, kubeconfig: Path | None = None, timeouts: Timeouts | None = None) -> Self:
        """The API server of that kubeconfig; else of $KUBECONFIG, of our own cluster, of ~/.kube/config.

        Raises:
            NotConfigured: there is none of these, or it cannot be used.
        """
        configuration = client.Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        try:
            if (
                kubeconfig is None
                and "KUBECONFIG" not in os.environ
                and "KUBERNETES_SERVICE_HOST" in os.environ
            ):
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                given = str(kubeconfig) if kubeconfig else None
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=given, client_configuration=configuration
                )
        except (config.ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError) as e:
            where = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
            raise NotConfigured(f"no Kubernetes API to talk to: {where}: {e}"[:512]) from e
        return cls(client.ApiClient(configuration), timeouts)

    @property
    def server(self) -> str:
        """The address, such as https://10.0.0.1:443."""
        return str(self._client.configuration.host)

    def get(self, path: str, **query: str) -> bytes:
        """The body of a GET."""
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer.

        Raises:
            ApiError: as the tree in `scaler.knative.errors` says.
        """
        try:
            answer = self._send(
                method, path, body, kind=kind, query=query or {}, read_s=self._timeouts.read_s
            )
            content = bytes(answer.data)
        except urllib3.exceptions.HTTPError as e:
            raise self._unreachable(method, path, e) from e
        if answer.status >= 300:
            raise from_status(f"{method} {path}", answer.status, content, answer.headers)
        return content

    def stream(self, path: str, query: Mapping[str, str]) -> "Stream":
        """A GET whose answer is read piece by piece.

        Raises:
            ApiError: where the answer does not begin.
        """
        try:
            answer = self._send("GET", path, None, kind=JSON, query=query, read_s=self._timeouts.stream_s)
            if answer.status < 300:
                return Stream(answer, f"GET {path}")
            content = bytes(answer.data)
        except urllib3.exceptions.HTTPError as e:
            raise self._unreachable("GET", path, e) from e
        raise from_status(f"GET {path}", answer.status, content, answer.headers)

    def _send(
        self, method: str, path: str, body: Any, *, kind: str, query: Mapping[str, str], read_s: float
    ) -> Any:
        headers = {"Accept": JSON, "User-Agent": "tidecast", **self._credentials()}
        if body is not None:
            headers["Content-Type"] = kind
        return self._client.rest_client.pool_manager.request(
            method,
            f"{self.server}{path}{f'?{urlencode(query)}' if query else ''}",
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=self._timeouts.connect_s, read=read_s),
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _credentials(self) -> dict[str, str]:
        """Headers, read anew each time: a ServiceAccount's token is replaced while we run."""
        try:
            settings = self._client.configuration.auth_settings().values()
        except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as e:
            # Half-way through a rotation there may be none; a thread must not end by that.
            raise Denied(f"no credential for {self.server} can be read: {type(e).__name__}: {e}"[:512]) from e
        headers = {s["key"]: s["value"] for s in settings if s["in"] == "header" and s["value"]}
        if not all(str(value).isprintable() for value in headers.values()):
            raise Denied(f"the credential for {self.server} is no single line of text")
        return headers

    def _unreachable(self, method: str, path: str, cause: Exception) -> ApiError:
        return Unreachable(f"{method} {self.server}{path}: {type(cause).__name__}: {cause}"[:512])


class Stream:
    """An answer that comes in lines, for as long as it comes."""

    def __init__(self, answer: Any, request: str) -> None:
        self._answer = answer
        self._request = request

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their end.  A last line that has no end is half a line, and is left out.

        Raises:
            Unreachable: the stream broke, or nothing came for too long.
        """
        pending = b""
        try:
            # Many events may come in one piece, and one event in many.
            for piece in self._answer.stream(1 << 16):
                *whole, pending = (pending + piece).split(b"\n")
                yield from (line for line in whole if line)
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, ValueError) as e:
            # The last two: `stop` took the socket away between two reads.
            raise Unreachable(f"{self._request}: {type(e).__name__}: {e}"[:512]) from e
        finally:
            self._answer.close()

    def stop(self) -> None:
        """Make a read that waits in another thread end at once."""
        try:
            self._answer.shutdown()
        except (ValueError, RuntimeError, OSError):
            # It has ended by itself.
            return
