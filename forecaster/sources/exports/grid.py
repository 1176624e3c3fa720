"""Place rows of files on one grid of time.

A file does not state the interval between its rows; it is detected, and every row must agree with it.  An
absent row was not observed, so a series may have gaps.  But a series whose rows are regularly farther apart
than those of the others has another interval, and its counts would be read as those of a shorter one: such a
file is rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import InvalidValue, invalid_value
from forecaster.sources.exports.export import Export
from forecaster.sources.exports.rows import ExportRows

MAX_CELLS = 1_000_000_000
"""Largest number of series times intervals, 4 GB.  A larger grid results from one time that is far from all
others."""

REGULAR_ROWS = 10
"""Number of equal distances in succession from which they are an interval, not gaps.  Chosen by hand."""

WHOLE_ROWS = 3
"""The same number for a series that has no other distances.  Chosen by hand."""


@dataclass(frozen=True, eq=False)
class _AllRows:
    """The m rows of all files, sorted by series and time.

    files      the files.
    names      (s,) names of the series.
    file       (m,) index of the file of each row.
    line       (m,) index of the row in its file.
    codes      (m,) index into `names`.
    times_s, requests, served_s   (m,) as in ExportRows.
    notes      as in Export.
    """

    files: Sequence[ExportRows]
    names: tuple[str, ...]
    file: NDArray[np.intp]
    line: NDArray[np.intp]
    codes: NDArray[np.int64]
    times_s: NDArray[np.int64]
    requests: NDArray[np.float64]
    served_s: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def source(self) -> str:
        return ", ".join(rows.source for rows in self.files)

    def invalid_time(self, row: int, allowed: str) -> InvalidValue:
        """The error of a row whose time is not allowed."""
        source = self.files[int(self.file[row])].source
        return invalid_value(source, int(self.line[row]) + 1, "timestamp", int(self.times_s[row]), allowed)


def to_grid(files: Sequence[ExportRows]) -> Export:
    """Place the rows of all files on one grid.

    Raises:
        InvalidValue: the rows do not have the same interval, two rows have the same series and time, or the
        grid
            is too large.
    """
    rows = _joined(files)
    step_s = _step_s(rows)
    start_s = int(rows.times_s.min())
    n = (int(rows.times_s.max()) - start_s) // step_s + 1
    if len(rows.names) * n > MAX_CELLS:
        raise InvalidValue(
            f"{rows.source}: {len(rows.names)} series from {start_s} to {int(rows.times_s.max())}"
            f" in steps of {step_s} s are {len(rows.names) * n:,} values; {MAX_CELLS:,} are allowed"
        )
    counts = np.full((len(rows.names), n), np.nan, np.float32)
    counts[rows.codes, (rows.times_s - start_s) // step_s] = rows.requests
    return Export(
        series=rows.names,
        counts=counts,
        start_s=start_s,
        step_s=step_s,
        service_time_s=_mean_service_time_s(rows),
        source=rows.source,
        notes=rows.notes,
    )


def _joined(files: Sequence[ExportRows]) -> _AllRows:
    used = [np.unique(rows.codes) for rows in files]
    names = tuple(
        sorted({rows.names[code] for rows, codes in zip(files, used, strict=True) for code in codes})
    )
    index = {name: i for i, name in enumerate(names)}
    codes = np.concatenate(
        [np.array([index.get(name, -1) for name in rows.names], np.int64)[rows.codes] for rows in files]
    )
    times = np.concatenate([rows.times_s for rows in files])
    notes = [note for rows in files for note in (*rows.notes, *_unobserved(rows))]
    order = np.argsort(codes, kind="stable")
    if np.any((np.diff(times[order]) < 0) & (np.diff(codes[order]) == 0)):
        order = np.lexsort((times, codes))
        notes.append(f"{', '.join(rows.source for rows in files)}: rows that were not in order are sorted")
    return _AllRows(
        files=files,
        names=names,
        file=np.concatenate([np.full(rows.times_s.size, i) for i, rows in enumerate(files)])[order],
        line=np.concatenate([np.arange(rows.times_s.size) for rows in files])[order],
        codes=codes[order],
        times_s=times[order],
        requests=np.concatenate([rows.requests for rows in files])[order],
        served_s=np.concatenate([rows.served_s for rows in files])[order],
        notes=tuple(notes),
    )


def _unobserved(rows: ExportRows) -> list[str]:
    absent = int(np.isnan(rows.requests).sum())
    if not absent:
        return []
    return [f"{rows.source}: {absent} rows without a number of requests count as not observed"]


def _step_s(rows: _AllRows) -> int:
    """The interval that most rows have, in seconds.

    Raises:
        InvalidValue: a row has another interval, or the time of another row of the same series.
    """
    same_series = np.diff(rows.codes) == 0
    distance = np.where(same_series, np.diff(rows.times_s), -1)
    duplicates = np.flatnonzero(distance == 0)
    if duplicates.size:
        row = int(duplicates[0]) + 1
        name = rows.names[int(rows.codes[row])]
        raise rows.invalid_time(row, f"series {name} has a row of this time already")
    if not same_series.any():
        raise InvalidValue(
            f"{rows.source}: one row per series; two are needed to know the interval between rows"
        )
    distances, counts = np.unique(distance[same_series], return_counts=True)
    step_s = int(distances[np.argmax(counts)])
    off_grid = np.flatnonzero((rows.times_s - rows.times_s.min()) % step_s)
    if off_grid.size:
        allowed = f"rows are {step_s} s apart, so whole steps after {int(rows.times_s.min())} are allowed"
        raise rows.invalid_time(int(off_grid[0]), allowed)
    _reject_other_steps(rows, distance, step_s)
    return step_s


def _reject_other_steps(rows: _AllRows, distance: NDArray[np.int64], step_s: int) -> None:
    """Check that no sequence of rows, and no whole series, has a longer interval.

    distance   (m - 1,) seconds from each row to the next one; -1 = the next one is of another series

    Raises:
        InvalidValue: there is such a sequence.
    """
    ends = np.flatnonzero(np.append(np.diff(distance) != 0, True))
    starts = np.append(0, ends[:-1] + 1)
    longer = distance[starts] > step_s
    length = ends - starts + 1
    # A sequence is a whole series if another series (-1), or nothing, comes before and after it.
    padded = np.concatenate([[-1], distance, [-1]])
    whole = (padded[starts] == -1) & (padded[ends + 2] == -1) & (length >= WHOLE_ROWS)
    regular = np.flatnonzero(longer & ((length >= REGULAR_ROWS) | whole))
    if regular.size:
        row = int(starts[regular[0]]) + 1
        name, other_s = rows.names[int(rows.codes[row])], int(distance[row - 1])
        allowed = (
            f"series {name} continues in steps of {other_s} s, most rows in {step_s} s; one step is allowed"
        )
        raise rows.invalid_time(row, allowed)


def _mean_service_time_s(rows: _AllRows) -> NDArray[np.float64]:
    """(s,) service time, the mean over rows weighted by their requests; NaN if no row has one."""
    known = ~np.isnan(rows.served_s) & (rows.requests > 0)
    codes, weight = rows.codes[known], rows.requests[known]
    s = len(rows.names)
    total = np.bincount(codes, weight * rows.served_s[known], minlength=s)
    count = np.bincount(codes, weight, minlength=s)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(s, np.nan), where=count > 0)
    return mean
