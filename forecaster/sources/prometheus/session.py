"""Provide the HTTP session of prometheus-api-client: credentials, retries, and answers that decode fast.

The client accepts any `requests.Session`.  This session requests uncompressed answers (gzip costs the server
more than it saves in a cluster: 3.5 s against 1.0 s for a day of 1,000 series), sends long queries in the
body, reads credentials again for each request, because tokens rotate, and turns every failure into a
`ReadError`.
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util.retry import Retry

from config.sources import Sources
from forecaster.sources.prometheus.answer import Answer, ErrorAnswer, read_answer, read_error
from forecaster.sources.prometheus.errors import (
    Malformed,
    PrometheusUnreachable,
    QueryRejected,
    QueryTooLarge,
)

RETRY = Retry(
    total=3,
    # One retry after a timeout, not three: the control loop has its own next cycle.
    read=1,
    status=2,
    backoff_factor=0.2,
    status_forcelist=(408, 429, 500, 502, 503, 504),
    # None: also POST, which urllib3 does not retry by default; queries change nothing.
    allowed_methods=None,
    raise_on_status=False,
    # A proxy may request to wait for an hour.
    respect_retry_after_header=False,
)

_TOO_LARGE = (
    "too many samples",
    "timed out",
    "maximum resolution",
    "exceeds the limit",
    "query is too large",
)
"""Parts of the messages with which Prometheus aborts a query that is too large."""


class Bearer(AuthBase):
    """A bearer token from a file, which is read for each request."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {_secret(self.path, 'token file')}"
        return request


class Basic(AuthBase):
    """A user name, and a password from a file, which is read for each request."""

    def __init__(self, username: str, password_file: str | None) -> None:
        self.username = username
        self.password_file = password_file

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        password = _secret(self.password_file, "password file") if self.password_file else ""
        HTTPBasicAuth(self.username.encode(), password.encode())(request)
        return request


class DecodedResponse:
    """A decoded answer, with those members of `requests.Response` that prometheus-api-client uses."""

    status_code = 200
    content = b""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def json(self) -> dict[str, Any]:
        """The part of the body that the client reads."""
        names = self.answer.names
        return {"data": {"result": self.answer.series} if names is None else names}


class Session(requests.Session):
    """A session with one Prometheus.

    `request` returns successful answers only; everything else is raised as a `ReadError`.  Warnings of the
    last answer are in `warnings`, because the client returns the data alone.
    """

    def __init__(self, sources: Sources) -> None:
        super().__init__()
        self.shown_url, url_credentials = split_user(sources.prometheus_url)
        self.auth = _auth(sources) or url_credentials
        self.verify = sources.prometheus_ca_file or True
        if sources.prometheus_client_cert_file:
            key = sources.prometheus_client_key_file
            self.cert = (
                (sources.prometheus_client_cert_file, key) if key else sources.prometheus_client_cert_file
            )
        self.headers.update(sources.prometheus_headers)
        self.headers["Accept-Encoding"] = "identity"
        self.warnings: tuple[str, ...] = ()
        self._post = True

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> Any:  # type: ignore[override]
        """Send one query and return its answer.

        Narrower than the method of the parent class: options by name, as the client passes them.

        Raises:
            ReadError: there is no successful answer.
        """
        # The client passes None for options that it was created without; that would override the session's
        # own.
        options = {name: value for name, value in options.items() if value is not None}
        response = self._send(str(method), str(url), options)
        if response.status_code in (405, 501) and method == "POST":
            # Proxies that allow only reading accept GET; the same fallback as DoGetFallback of client_golang.
            self._post = False
            response = self._send(str(method), str(url), options)
        if response.status_code != 200:
            raise self._error(response)
        try:
            answer = read_answer(response.content)
        except Malformed as e:
            raise Malformed(f"{self.shown_url}: {e}") from e
        self.warnings = answer.warnings
        return DecodedResponse(answer)

    def _send(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        if method == "POST" and self._post:
            # The client puts a query into the address even with POST.
            options = {**options, "data": options.get("params"), "params": None}
        elif method == "POST":
            method = "GET"
        try:
            return super().request(method, url, **options)
        except requests.exceptions.Timeout as e:
            raise PrometheusUnreachable(
                f"{self.shown_url}: no answer within {options.get('timeout')} s"
            ) from e
        except requests.exceptions.SSLError as e:
            raise PrometheusUnreachable(f"{self.shown_url}: TLS: {_reason(e)}") from e
        except requests.exceptions.InvalidURL as e:
            raise QueryRejected(f"{self.shown_url}: not an address") from e
        except (requests.exceptions.RequestException, OSError) as e:
            if _is_timeout(e):
                raise PrometheusUnreachable(
                    f"{self.shown_url}: no answer within {options.get('timeout')} s"
                ) from e
            raise PrometheusUnreachable(f"{self.shown_url}: {_reason(e)}") from e

    def _error(self, response: requests.Response) -> Exception:
        answer = read_error(response.content)
        text = f"{self.shown_url}: HTTP {response.status_code}: {answer.message or response.reason}"
        if _is_too_large(answer):
            return QueryTooLarge(text)
        if response.status_code >= 500 or response.status_code in (408, 429):
            return PrometheusUnreachable(text)
        return QueryRejected(text)


def split_user(url: str) -> tuple[str, HTTPBasicAuth | None]:
    """An address without its user part, which a message may show; and the user part as credentials."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    if parts.username is None:
        return bare, None
    return bare, HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))


def _auth(sources: Sources) -> AuthBase | None:
    if sources.prometheus_token_file:
        return Bearer(sources.prometheus_token_file)
    if sources.prometheus_username:
        return Basic(sources.prometheus_username, sources.prometheus_password_file)
    return None


def _secret(path: str, purpose: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        problem = getattr(e, "strerror", None) or "not text"
        raise PrometheusUnreachable(f"{purpose} {path}: {problem}") from e
    if not text or not text.isprintable():
        raise PrometheusUnreachable(f"{purpose} {path}: not one line of text")
    return text


def _is_too_large(answer: ErrorAnswer) -> bool:
    message = answer.message.lower()
    return answer.kind in ("execution", "timeout", "bad_data") and any(part in message for part in _TOO_LARGE)


def _is_timeout(error: BaseException) -> bool:
    return "Read timed out" in str(error)


def _reason(error: BaseException) -> str:
    """The message of the innermost cause; the outer ones repeat the address and the query."""
    cause: BaseException = error
    while True:
        inner = getattr(cause, "reason", None) or next(
            (a for a in cause.args if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return text.partition(": ")[2] or text
