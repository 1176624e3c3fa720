"""Rows of traffic as a file has them, checked value by value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import Faulty, faulty, missing_columns

NEEDED = ("timestamp", "series", "requests")
OPTIONAL = "service_time_s"

LAST_SECOND = 10**11
"""Year 5138.  A larger time is not in seconds."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of one file.

    where     the file, for messages.
    times_s   (m,) int64 Unix seconds, start of the interval.
    codes     (m,) int64 place in `names`.
    names     series.
    requests  (m,) float64 count in the interval; NaN = not observed.
    served_s  (m,) float64 service time, seconds; NaN = not known.
    notes     what was left out of the file.
    """

    where: str
    times_s: NDArray[np.int64]
    codes: NDArray[np.int64]
    names: tuple[str, ...]
    requests: NDArray[np.float64]
    served_s: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def heading(where: str, found: Sequence[str]) -> tuple[str, ...]:
    """Notes on a file's columns.  Raises Faulty where one is missing or there twice."""
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise missing_columns(where, found, missing)
    twice = sorted({name for name in found if list(found).count(name) > 1})
    if twice:
        raise Faulty(f"{where}: column {', '.join(twice)} is there twice")
    other = [name for name in found if name not in (*NEEDED, OPTIONAL)]
    return (f"{where}: column {', '.join(other)} is not used",) if other else ()


def checked(rows: Rows) -> Rows:
    """The same rows.  Raises Faulty at the first value that is not allowed."""
    if rows.times_s.size == 0:
        raise Faulty(f"{rows.where}: no rows")
    _check_times(rows)
    _refuse(rows, "requests", rows.requests, rows.requests < 0, "a count is 0 or more")
    _refuse(rows, "requests", rows.requests, np.isinf(rows.requests), "a count is finite")
    wrong = (rows.served_s < 0) | np.isinf(rows.served_s)
    _refuse(rows, OPTIONAL, rows.served_s, wrong, "seconds, 0 or more")
    empty = np.array([not name.strip() for name in rows.names], np.bool_)
    if empty.any():
        row = int(np.flatnonzero(empty[rows.codes])[0])
        raise faulty(rows.where, row + 1, "series", "empty", "a series has a name")
    return rows


def _check_times(rows: Rows) -> None:
    wild = (rows.times_s < 0) | (rows.times_s >= LAST_SECOND)
    if not wild.any():
        return
    row = int(np.argmax(wild))
    value = int(rows.times_s[row])
    unit = "milli" if value < LAST_SECOND * 10**2 * 10 else "micro or nano"
    hint = f"; this looks like {unit}seconds" if value > 0 else ""
    raise faulty(rows.where, row + 1, "timestamp", value, f"Unix seconds are allowed{hint}")


def _refuse(
    rows: Rows, column: str, values: NDArray[np.float64], wrong: NDArray[np.bool_], allowed: str
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise faulty(rows.where, row + 1, column, f"{values[row]:g}", allowed)
