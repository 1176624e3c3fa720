"""Choose how many columns of a long range to query next."""

from dataclasses import dataclass, replace

from forecaster.sources.prometheus.client import MAX_POINTS

MAX_SAMPLES = 1_000_000
"""Samples of one answer: about 25 MB of JSON, and about five seconds of a server's time for a counter."""

FIRST_COLUMNS = 60
"""Columns of the first query, when the number of rows of an answer is not known.  Chosen by hand."""


@dataclass(frozen=True)
class ChunkSizer:
    """How many columns to query next."""

    columns: int = FIRST_COLUMNS
    ceiling: int = MAX_POINTS
    """Largest number of columns; lowered when a query was too large for the server."""

    def after(self, rows: int, lookahead: int) -> "ChunkSizer":
        """The sizer after an answer.

        rows        rows of the answer
        lookahead   columns that every query has in addition to those of the chunk
        """
        fit = MAX_SAMPLES // max(rows, 1) - lookahead
        return replace(self, columns=max(1, min(fit, self.ceiling - lookahead)))

    def halved(self, columns: int) -> "ChunkSizer | None":
        """The sizer after a query of `columns` was too large; None if it cannot be smaller."""
        if columns == 1:
            return None
        half = columns // 2
        return replace(self, columns=half, ceiling=min(self.ceiling, half))
