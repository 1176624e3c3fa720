"""What can go wrong between a question and its answer.

* ReadError
  + Unreachable   no answer, an answer too late, 5xx or 429, a credential that cannot be read: try again
    - Overtaxed   the server gave up on the size or the time of this question: ask for less at once
  + Refused       4xx: the question, its credentials or its address are wrong; no retry helps
  + Malformed     an answer that is none: HTML, not JSON, another type of result, labels missing
  + NoData        the question was right and nothing is there

No message has a password, a token or the user part of an address in it.
"""

SHOWN_CHARACTERS = 256
"""So much of what a server says is shown; a proxy may answer with a page."""


class ReadError(Exception):
    """Demand could not be read."""

    exit_code = 3


class Unreachable(ReadError):
    """Prometheus gave no usable answer; the next try may."""


class Overtaxed(Unreachable):
    """Prometheus gave up on a question that is too large; a smaller one may pass."""


class Refused(ReadError):
    """Prometheus turned the question down; no retry helps."""


class Malformed(ReadError):
    """What came back is not the answer of a Prometheus."""


class NoData(ReadError):
    """The question was right and nothing is there."""


def shown(text: str) -> str:
    """`text` on one line, cut to what a message may show."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "…"
