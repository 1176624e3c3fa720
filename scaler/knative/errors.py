"""Define the errors of the Kubernetes API, split by who must act.

* ApiError
  + NotConfigured   no address or no credential: the user must give one
  + Unreachable     no answer, or 5xx: try again later
  + Denied          401, 403: an administrator must grant a permission
  + Missing         404: the object does not exist (any more)
  + Conflict        409: another client wrote first: read the object again
  + Gone            410: the resource version is too old: list the objects again
  + Throttled       429: wait for as long as the server asks
  + Refused         any other 4xx: invalid, or denied by a webhook; the same request cannot succeed
"""

import json
import re
from collections.abc import Mapping

MESSAGE_LIMIT = 512
"""Characters of an error message; chosen by hand: a message of a webhook can hold a whole object."""
MAX_RETRY_AFTER_S = 300.0
"""Longest wait that a server may ask for; chosen by hand."""


class ApiError(Exception):
    """The Kubernetes API could not be read or written."""

    exit_code = 4


class NotConfigured(ApiError):
    """No kubeconfig and not inside a cluster, or a kubeconfig that cannot be used."""


class Unreachable(ApiError):
    """The API server gave no usable answer; a later attempt may succeed."""


class Denied(ApiError):
    """The API server does not permit the request to this account."""


class Missing(ApiError):
    """The object, or its resource, does not exist."""


class Conflict(ApiError):
    """The object has another version, or another field manager holds the field.

    managers   the managers of the fields in conflict; empty where the version of the object differs
    """

    def __init__(self, message: str, managers: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.managers = managers


class Gone(ApiError):
    """The resource version is no longer kept."""


class Throttled(ApiError):
    """The API server has too many requests.

    retry_after_s   seconds that the server asks clients to wait
    """

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(ApiError):
    """The request is invalid, or a webhook denied it."""


def from_status(request: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ApiError:
    """Return the error of an answer with an HTTP status; its message begins with `request`, such as "GET
    /api".

    The message shows only that of a Kubernetes `Status`: any other body may contain secrets.
    """
    text, managers = _status(body)
    message = f"{request}: {status}{f' {text}' if text else ''}"[:MESSAGE_LIMIT]
    if status == 429:
        return Throttled(message, _seconds((headers or {}).get("Retry-After", "")))
    if status == 409:
        return Conflict(message, managers)
    kinds: dict[int, type[ApiError]] = {401: Denied, 403: Denied, 404: Missing, 410: Gone}
    return kinds.get(status, Unreachable if status >= 500 or status < 400 else Refused)(message)


def from_watch(request: str, event_object: Mapping[str, object]) -> ApiError:
    """Return the error that a watch sends as an event of type ERROR."""
    code = event_object.get("code")
    return from_status(request, code if isinstance(code, int) else 500, json.dumps(event_object).encode())


def _status(body: bytes) -> tuple[str, frozenset[str]]:
    """Return (message, managers in conflict) of a Kubernetes Status; both are empty for another body."""
    try:
        status = json.loads(body)
    except ValueError:
        return "", frozenset()
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return "", frozenset()
    causes = (status.get("details") or {}).get("causes") or []
    conflicts = (str(c.get("message", "")) for c in causes if c.get("reason") == "FieldManagerConflict")
    # An example: conflict with "kubectl-annotate" using serving.knative.dev/v1
    named = (re.match(r'conflict with "([^"]*)"', text) for text in conflicts)
    return str(status.get("message", "")), frozenset(found[1] for found in named if found)


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After header.  The API server sends a number; any other value counts as
    1.
    """
    return min(float(retry_after), MAX_RETRY_AFTER_S) if re.fullmatch(r"\d+(\.\d+)?", retry_after) else 1.0
