"""Which part of a long range to ask for next."""

from dataclasses import dataclass, replace

from forecaster.sources.prometheus.client import MAX_POINTS

MAX_SAMPLES = 1_000_000
"""Samples of one answer: some 25 MB as it comes, and five seconds or so of a server's time for a counter."""

FIRST_COLUMNS = 60
"""Columns asked for before it is known how many rows an answer has."""


@dataclass(frozen=True)
class ChunkSizer:
    """How many columns to ask for at once."""

    columns: int = FIRST_COLUMNS
    ceiling: int = MAX_POINTS
    """Lowered when the server gave up on a question."""

    def after(self, rows: int, ahead: int) -> "ChunkSizer":
        """The pace once an answer had `rows` rows; `ahead` columns are asked for beside those wanted."""
        fit = MAX_SAMPLES // max(rows, 1) - ahead
        return replace(self, columns=max(1, min(fit, self.ceiling - ahead)))

    def halved(self, asked: int) -> "ChunkSizer | None":
        """The pace after a question for `asked` columns was too large; None where it cannot be smaller."""
        if asked == 1:
            return None
        half = asked // 2
        return replace(self, columns=half, ceiling=min(self.ceiling, half))
