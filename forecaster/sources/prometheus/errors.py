"""Define the errors of a read, by who must act.

* ReadError
  + PrometheusUnreachable   no answer, a late answer, 5xx or 429, unreadable credentials: try again
    - QueryTooLarge         the size or the time of the query is too large for the server: query less
  + QueryRejected           4xx: the query, its credentials or its address are wrong; a retry does not help +
  Malformed               not an answer of Prometheus: HTML, not JSON, another type of result, missing labels
  + NoData                  the query is correct and there are no data

No message contains a password, a token or the user part of an address.
"""

MAX_MESSAGE_LENGTH = 256
"""Characters of a server's answer that a message repeats; a proxy may answer with a whole page."""


class ReadError(Exception):
    """Demand could not be read."""

    exit_code = 3


class PrometheusUnreachable(ReadError):
    """Prometheus gave no usable answer; a retry may help."""


class QueryTooLarge(PrometheusUnreachable):
    """Prometheus aborted a query that is too large; a smaller query may succeed."""


class QueryRejected(ReadError):
    """Prometheus rejected the query; a retry does not help."""


class Malformed(ReadError):
    """The answer is not that of a Prometheus."""


class NoData(ReadError):
    """The query is correct and there are no data."""


def abbreviated(text: str) -> str:
    """A text on one line, cut to the length that a message may have."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE_LENGTH else line[:MAX_MESSAGE_LENGTH] + "…"
