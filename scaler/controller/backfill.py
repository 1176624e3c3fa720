"""Read a long range of demand in chunks: a large fleet would need too much memory at once."""

from collections.abc import Callable, Iterator, Sequence

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData

CELLS = 2_000_000
"""Steps times Revisions of one chunk, about; some six arrays of that size are in memory with it."""
MIN_STEPS = 120
"""Steps of a chunk, at least: shorter ones cost more in queries than they save in memory."""
MAX_SPAN_S = 2 * 86400
"""Seconds of a chunk, at most."""

Span = tuple[int, int]
"""First second, and the second after the last; Unix seconds."""


def spans(from_s: int, until_s: int, step_s: int, revisions: int) -> list[Span]:
    """Return [from_s, until_s) cut into spans on the grid of `step_s`, oldest first."""
    steps = max(MIN_STEPS, CELLS // max(1, revisions))
    span_s = step_s * max(1, min(steps, MAX_SPAN_S // step_s))
    return [(start_s, min(until_s, start_s + span_s)) for start_s in range(from_s, until_s, span_s)]


def read_in_chunks(read: Callable[[int, int], Demand], chunks: Sequence[Span]) -> Iterator[Demand]:
    """Yield the demand of each span, oldest first; a span without data is left out.

    Raises:
        NoData: no span has data.
        ReadError: what `read` raises otherwise.
    """
    no_data, found = NoData("there is no range to read"), False
    for start_s, end_s in chunks:
        try:
            demand = read(start_s, end_s)
        except NoData as error:
            no_data = error
            continue
        found = True
        yield demand
    if not found:
        raise no_data
