"""Define the rows of one file of traffic, and check their values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import InvalidValue, invalid_value, missing_columns

REQUIRED = ("timestamp", "series", "requests")
OPTIONAL = "service_time_s"

LAST_SECOND = 10**11
"""Unix seconds of the year 5138.  A larger time is not in seconds."""


@dataclass(frozen=True, eq=False)
class ExportRows:
    """The columns of one file, as m rows.

    source    the file, for messages.
    times_s   (m,) int64 Unix seconds, start of the interval.
    codes     (m,) int64 index into `names`.
    names     names of the series.
    requests  (m,) float64 count in the interval; NaN = not observed.
    served_s  (m,) float64 service time in seconds; NaN = not known.
    notes     what was left out of the file, as text for a person.
    """

    source: str
    times_s: NDArray[np.int64]
    codes: NDArray[np.int64]
    names: tuple[str, ...]
    requests: NDArray[np.float64]
    served_s: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def check_header(source: str, found: Sequence[str]) -> tuple[str, ...]:
    """Check the columns of a file; return notes on columns that are not used.

    Raises:
        InvalidValue: a column is missing, or there twice.
    """
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise missing_columns(source, found, missing)
    duplicates = sorted({name for name in found if list(found).count(name) > 1})
    if duplicates:
        raise InvalidValue(f"{source}: column {', '.join(duplicates)} is there twice")
    other = [name for name in found if name not in (*REQUIRED, OPTIONAL)]
    return (f"{source}: column {', '.join(other)} is not used",) if other else ()


def check_rows(rows: ExportRows) -> ExportRows:
    """Check every value; return the same rows.

    Raises:
        InvalidValue: a value is not allowed; names the first one.
    """
    if rows.times_s.size == 0:
        raise InvalidValue(f"{rows.source}: no rows")
    _check_times(rows)
    _check(rows, "requests", rows.requests, rows.requests < 0, "a count is 0 or more")
    _check(rows, "requests", rows.requests, np.isinf(rows.requests), "a count is finite")
    invalid = (rows.served_s < 0) | np.isinf(rows.served_s)
    _check(rows, OPTIONAL, rows.served_s, invalid, "seconds, 0 or more")
    empty = np.array([not name.strip() for name in rows.names], np.bool_)
    if empty.any():
        row = int(np.flatnonzero(empty[rows.codes])[0])
        raise invalid_value(rows.source, row + 1, "series", "empty", "a series has a name")
    return rows


def _check_times(rows: ExportRows) -> None:
    invalid = (rows.times_s < 0) | (rows.times_s >= LAST_SECOND)
    if not invalid.any():
        return
    row = int(np.argmax(invalid))
    value = int(rows.times_s[row])
    unit = "milli" if value < LAST_SECOND * 10**2 * 10 else "micro or nano"
    hint = f"; this looks like {unit}seconds" if value > 0 else ""
    raise invalid_value(rows.source, row + 1, "timestamp", value, f"Unix seconds are allowed{hint}")


def _check(
    rows: ExportRows, column: str, values: NDArray[np.float64], invalid: NDArray[np.bool_], allowed: str
) -> None:
    if invalid.any():
        row = int(np.argmax(invalid))
        raise invalid_value(rows.source, row + 1, column, f"{values[row]:g}", allowed)
