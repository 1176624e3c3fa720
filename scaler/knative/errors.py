"""What the Kubernetes API answers instead of what was asked for, split by who must act.

* ApiError
  + NotConfigured   there is no address or no credential: the user must give one
  + Unreachable     no answer, or 5xx: try again later
  + Denied          401, 403: an administrator must grant a right
  + Missing         404: what was asked for is gone
  + Conflict        409: somebody else wrote; look again
  + Gone            410: the resource version is too old; list anew
  + Throttled       429: wait as long as the server says
  + Refused         any other 4xx: invalid, or a webhook says no; the same request will not do
"""

import json
import re
from collections.abc import Mapping

MESSAGE_LIMIT = 512


class ApiError(Exception):
    """The Kubernetes API could not be read or written."""

    exit_code = 4


class NotConfigured(ApiError):
    """No kubeconfig and not inside a cluster, or a kubeconfig that cannot be used."""


class Unreachable(ApiError):
    """The API server gave no usable answer; later it may."""


class Denied(ApiError):
    """The API server does not let this account do it."""


class Missing(ApiError):
    """The object, or its kind, is not there."""


class Conflict(ApiError):
    """Another version of the object is there, or another manager holds the field.

    managers: who holds the fields in conflict; empty where the object as a whole has changed.
    """

    def __init__(self, message: str, managers: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.managers = managers


class Gone(ApiError):
    """The resource version is no longer kept."""


class Throttled(ApiError):
    """The API server has too much to do.

    retry_after_s: seconds that it asks us to wait.
    """

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(ApiError):
    """The request is wrong, or a webhook has turned it down."""


def from_status(request: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ApiError:
    """The error of an answer with that HTTP status; its message begins with `request`, such as "GET /api".

    Only the message of a Kubernetes `Status` is shown: anything else may hold what no log should.
    """
    said, managers = _status(body)
    message = f"{request}: {status}{f' {said}' if said else ''}"[:MESSAGE_LIMIT]
    if status == 429:
        return Throttled(message, _seconds((headers or {}).get("Retry-After", "")))
    if status == 409:
        return Conflict(message, managers)
    kinds: dict[int, type[ApiError]] = {401: Denied, 403: Denied, 404: Missing, 410: Gone}
    return kinds.get(status, Unreachable if status >= 500 or status < 400 else Refused)(message)


def from_watch(request: str, event_object: Mapping[str, object]) -> ApiError:
    """The error that a watch sends as an event of type ERROR."""
    code = event_object.get("code")
    return from_status(request, code if isinstance(code, int) else 500, json.dumps(event_object).encode())


def _status(body: bytes) -> tuple[str, frozenset[str]]:
    """(message, managers of the fields in conflict) of a Kubernetes Status; empty for anything else."""
    try:
        status = json.loads(body)
    except ValueError:
        return "", frozenset()
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return "", frozenset()
    causes = (status.get("details") or {}).get("causes") or []
    said = (str(c.get("message", "")) for c in causes if c.get("reason") == "FieldManagerConflict")
    # Such as: conflict with "kubectl-annotate" using serving.knative.dev/v1
    named = (re.match(r'conflict with "([^"]*)"', text) for text in said)
    return str(status.get("message", "")), frozenset(found[1] for found in named if found)


def _seconds(retry_after: str) -> float:
    """Seconds of a Retry-After; the API server sends a number, 1 stands for anything else."""
    return min(float(retry_after), 300.0) if re.fullmatch(r"\d+(\.\d+)?", retry_after) else 1.0
