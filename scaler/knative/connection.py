"""Send requests to one Kubernetes API server, with its credentials and with timeouts.

The `kubernetes` package finds the configuration and refreshes tokens.  Requests use its connection pool
directly and return bytes, since building the models of the package costs more than everything else.
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
"""Open connections: one for each watch, one for each writer, and one for the Lease."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Timeouts of requests in seconds.  All are chosen by hand."""

    connect_s: float = 5.0
    read_s: float = 15.0
    stream_s: float = 90.0
    """Longest silence of a watch.  A healthy API server sends a bookmark about once a minute."""


class Connection:
    """A client of one API server.  It is thread-safe."""

    def __init__(self, client: Any, timeouts: Timeouts | None = None) -> None:
        self._client = client
        self._timeouts = timeouts or Timeouts()

    @classmethod
    def open(cls, kubeconfig: Path | None = None, timeouts: Timeouts | None = None) -> Self:
        """Return a client of the API server in a kubeconfig.

        Without `kubeconfig`: that of $KUBECONFIG, else the cluster of this pod, else that of ~/.kube/config.

        Raises:
            NotConfigured: none of these exists, or the first one is not usable.
        """
        configuration = client.Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        try:
            if (
                kubeconfig is None
                and "KUBECONFIG" not in os.environ
                and "KUBERNETES_SERVICE_HOST" in os.environ
            ):
                config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
            else:
                file = str(kubeconfig) if kubeconfig else None
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=file, client_configuration=configuration
                )
        except (config.ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError) as e:
            source = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
            raise NotConfigured(f"no usable Kubernetes configuration: {source}: {e}"[:512]) from e
        return cls(client.ApiClient(configuration), timeouts)

    @property
    def server(self) -> str:
        """The address of the API server, such as https://10.0.0.1:443."""
        return str(self._client.configuration.host)

    def get(self, path: str, **query: str) -> bytes:
        """Return the body of the answer to a GET.

        Raises:
            ApiError: as in `scaler.knative.errors`.
        """
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
        """Return the body of the answer.

        Raises:
            ApiError: as in `scaler.knative.errors`.
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
        """Send a GET whose answer is read line by line.

        Raises:
            ApiError: the answer does not begin.
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
        """Return the headers, read for each request: Kubernetes replaces the token of a ServiceAccount."""
        try:
            settings = self._client.configuration.auth_settings().values()
        except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as e:
            # A rotation may leave none for a moment, and a thread must survive that.
            raise Denied(f"cannot read a credential for {self.server}: {type(e).__name__}: {e}"[:512]) from e
        headers = {s["key"]: s["value"] for s in settings if s["in"] == "header" and s["value"]}
        if not all(str(value).isprintable() for value in headers.values()):
            raise Denied(f"the credential for {self.server} must be one line of printable text")
        return headers

    def _unreachable(self, method: str, path: str, cause: Exception) -> ApiError:
        return Unreachable(f"{method} {self.server}{path}: {type(cause).__name__}: {cause}"[:512])


class Stream:
    """An answer that is read in lines while it arrives."""

    def __init__(self, answer: Any, request: str) -> None:
        self._answer = answer
        self._request = request

    def lines(self) -> Iterator[bytes]:
        """Yield complete lines without their newline.  A last line without a newline is incomplete and
        skipped.

        Raises:
            Unreachable: the stream broke, or was silent for longer than its timeout.
        """
        pending = b""
        try:
            # One chunk may hold many events, and one event many chunks.
            for chunk in self._answer.stream(1 << 16):
                *complete, pending = (pending + chunk).split(b"\n")
                yield from (line for line in complete if line)
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, ValueError) as e:
            # AttributeError and ValueError: `stop` closed the socket between two reads.
            raise Unreachable(f"{self._request}: {type(e).__name__}: {e}"[:512]) from e
        finally:
            self._answer.close()

    def stop(self) -> None:
        """End a read that waits in another thread at once."""
        try:
            self._answer.shutdown()
        except (ValueError, RuntimeError, OSError):
            # The stream has ended already.
            return
