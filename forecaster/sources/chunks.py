"""Which part of a long range to ask for next."""

from dataclasses import dataclass, replace

from forecaster.sources.prometheus.client import MOST_POINTS

MOST_SAMPLES = 1_000_000
"""Samples of one answer: some 25 MB as it comes, and five seconds or so of a server's time for a counter."""

FIRST_COLUMNS = 60
"""Columns asked for before it is known how many rows an answer has."""


@dataclass(frozen=True)
class Pace:
    """How many columns to ask for at once."""

    columns: int = FIRST_COLUMNS
    ceiling: int = MOST_POINTS
    """Lowered when the server gave up on a question."""

    def after(self, rows: int, ahead: int) -> "Pace":
        """The pace once an answer had `rows` rows; `ahead` columns are asked for beside those wanted."""
        fit = MOST_SAMPLES // max(rows, 1) - ahead
        return replace(self, columns=max(1, min(fit, self.ceiling - ahead)))

    def halved(self, asked: int) -> "Pace | None":
        """The pace after a question for `asked` columns was too large; None where it cannot be smaller."""
        if asked == 1:
            return None
        half = asked // 2
        return replace(self, columns=half, ceiling=min(self.ceiling, half))
