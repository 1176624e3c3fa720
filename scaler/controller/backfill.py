"""A long range is read and taken in piece by piece: of a large fleet, all at once is much memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData

CELLS = 2_000_000
"""Steps of all Revisions in one piece, about; some six arrays of that size are in memory with it."""
FEWEST_STEPS = 120
LONGEST_S = 2 * 86400

Span = tuple[int, int]
"""From and until, Unix seconds."""


def spans(from_s: int, until_s: int, step_s: int, revisions: int) -> list[Span]:
    """[from_s, until_s) cut into pieces for so many Revisions, oldest first, on the grid of `step_s`."""
    steps = max(FEWEST_STEPS, CELLS // max(1, revisions))
    piece_s = step_s * max(1, min(steps, LONGEST_S // step_s))
    return [(start_s, min(until_s, start_s + piece_s)) for start_s in range(from_s, until_s, piece_s)]


def read_in_chunks(
    read: Callable[[int, int], Demand], pieces: Sequence[Span], take: Callable[[Demand], None]
) -> Demand:
    """Each piece is read and taken; comes to the last that there is, with the warnings of all.

    A piece of which nothing is there is left out.  Raises NoData where that is all of them, and what `read`
    raises else.
    """
    last: Demand | None = None
    warnings: dict[str, None] = {}
    nothing = NoData("there is no range to read")
    for start_s, end_s in pieces:
        try:
            # The one before is let go here, before this one is summed and learned from.
            last = read(start_s, end_s)
        except NoData as error:
            nothing = error
            continue
        warnings.update(dict.fromkeys(last.warnings))
        take(last)
    if last is None:
        raise nothing
    return replace(last, warnings=tuple(warnings))
