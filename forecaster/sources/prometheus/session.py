"""The HTTP session under prometheus-api-client: credentials, retries, and an answer that decodes fast.

The client takes any `requests.Session`.  This one
asks for plain bytes (gzip costs the server more than it saves in a cluster: 3.5 s against 1.0 s for a day of
1,000 series), sends long queries in the body, reads credentials anew for every request because tokens rotate,
and turns whatever goes wrong into a `ReadError`.
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util.retry import Retry

from config.sources import Sources
from forecaster.sources.prometheus.answer import Answer, Complaint, read_answer, read_complaint
from forecaster.sources.prometheus.errors import Malformed, Overtaxed, Refused, Unreachable

RETRY = Retry(
    total=3,
    # A reader that was too slow once is asked once more, not thrice: the loop has its own next time.
    read=1,
    status=2,
    backoff_factor=0.2,
    status_forcelist=(408, 429, 500, 502, 503, 504),
    # Queries go by POST, which urllib3 does not retry unless told; they change nothing.
    allowed_methods=None,
    raise_on_status=False,
    # A proxy may ask for an hour.
    respect_retry_after_header=False,
)

_TOO_MUCH = ("too many samples", "timed out", "maximum resolution", "exceeds the limit", "query is too large")


class Bearer(AuthBase):
    """A bearer token in a file, read for each request."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {_secret(self.path, 'token file')}"
        return request


class Basic(AuthBase):
    """A name, and a password in a file, read for each request."""

    def __init__(self, username: str, password_file: str | None) -> None:
        self.username = username
        self.password_file = password_file

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        password = _secret(self.password_file, "password file") if self.password_file else ""
        HTTPBasicAuth(self.username.encode(), password.encode())(request)
        return request


class Decoded:
    """An answer in the form in which prometheus-api-client wants to meet it."""

    status_code = 200
    content = b""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def json(self) -> dict[str, Any]:
        """As much of the body as the client looks at."""
        names = self.answer.names
        return {"data": {"result": self.answer.series} if names is None else names}


class Session(requests.Session):
    """A session to one Prometheus.

    Its `request` returns only answers; all else is raised as a `ReadError`.  What the last answer said beside
    its data stays in `warnings`, because the client above passes the data alone.
    """

    def __init__(self, sources: Sources) -> None:
        super().__init__()
        self.shown_url, user_auth = split_user(sources.prometheus_url)
        self.auth = _auth(sources) or user_auth
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

    def request(self, method: str | bytes, url: str | bytes, **how: Any) -> Any:  # type: ignore[override]
        """The answer to one question.  Raises ReadError.

        Narrower than its parent: arguments by name, as the client gives them.
        """
        # The client passes what it was made without; ours would be lost.
        how = {name: value for name, value in how.items() if value is not None}
        response = self._send(str(method), str(url), how)
        if response.status_code in (405, 501) and method == "POST":
            # Proxies that let only reading pass take GET; the same step back as in client_golang's
            # DoGetFallback.
            self._post = False
            response = self._send(str(method), str(url), how)
        if response.status_code != 200:
            raise self._failed(response)
        try:
            answer = read_answer(response.content)
        except Malformed as e:
            raise Malformed(f"{self.shown_url}: {e}") from e
        self.warnings = answer.warnings
        return Decoded(answer)

    def _send(self, method: str, url: str, how: dict[str, Any]) -> requests.Response:
        if method == "POST" and self._post:
            # The client puts a query into the address even when it posts.
            how = {**how, "data": how.get("params"), "params": None}
        elif method == "POST":
            method = "GET"
        try:
            return super().request(method, url, **how)
        except requests.exceptions.Timeout as e:
            raise Unreachable(f"{self.shown_url}: no answer within {how.get('timeout')} s") from e
        except requests.exceptions.SSLError as e:
            raise Unreachable(f"{self.shown_url}: TLS: {_reason(e)}") from e
        except requests.exceptions.InvalidURL as e:
            raise Refused(f"{self.shown_url}: not an address") from e
        except (requests.exceptions.RequestException, OSError) as e:
            if _is_timeout(e):
                raise Unreachable(f"{self.shown_url}: no answer within {how.get('timeout')} s") from e
            raise Unreachable(f"{self.shown_url}: {_reason(e)}") from e

    def _failed(self, response: requests.Response) -> Exception:
        complaint = read_complaint(response.content)
        text = f"{self.shown_url}: HTTP {response.status_code}: {complaint.message or response.reason}"
        if _is_too_much(complaint):
            return Overtaxed(text)
        if response.status_code >= 500 or response.status_code in (408, 429):
            return Unreachable(text)
        return Refused(text)


def split_user(url: str) -> tuple[str, HTTPBasicAuth | None]:
    """An address without its user part, which may be shown, and that part as credentials."""
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


def _secret(path: str, what: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise Unreachable(f"{what} {path}: {getattr(e, 'strerror', None) or 'not text'}") from e
    if not text or not text.isprintable():
        raise Unreachable(f"{what} {path}: not one line of text")
    return text


def _is_too_much(complaint: Complaint) -> bool:
    said = complaint.message.lower()
    return complaint.kind in ("execution", "timeout", "bad_data") and any(sign in said for sign in _TOO_MUCH)


def _is_timeout(error: BaseException) -> bool:
    return "Read timed out" in str(error)


def _reason(error: BaseException) -> str:
    """The innermost cause in its own words: the outer ones repeat the address and the query."""
    seen: BaseException = error
    while True:
        inner = getattr(seen, "reason", None) or next(
            (a for a in seen.args if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    text = seen.strerror if isinstance(seen, OSError) and seen.strerror else str(seen)
    return text.partition(": ")[2] or text
