"""From rows to one grid of time.

The interval between rows is not written in a file; it is found, and every row has to agree with it.  A row
that is absent was not observed, so a series may have gaps.  But a series whose rows are regularly farther
apart than those of the others has another interval, and its counts would be read as those of a shorter one:
that is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import Faulty, faulty
from forecaster.sources.exports.export import Export
from forecaster.sources.exports.rows import Rows

MAX_CELLS = 1_000_000_000
"""Series times intervals, 4 GB.  More comes of one time that is far from all others."""

REGULAR_ROWS = 10
"""So many equal distances in a row are an interval, not gaps."""

WHOLE_ROWS = 3
"""So many are enough where a series has no other distances."""


@dataclass(frozen=True, eq=False)
class _All:
    """Rows of all files, those of a series together and in the order of time.  Arrays are (m,)."""

    files: Sequence[Rows]
    names: tuple[str, ...]
    file: NDArray[np.intp]
    line: NDArray[np.intp]
    codes: NDArray[np.int64]
    times_s: NDArray[np.int64]
    requests: NDArray[np.float64]
    served_s: NDArray[np.float64]
    repairs: tuple[str, ...]

    @property
    def where(self) -> str:
        return ", ".join(rows.where for rows in self.files)

    def fault(self, at: int, value: object, allowed: str) -> Faulty:
        """That the time of the row `at` is not allowed."""
        where = self.files[int(self.file[at])].where
        return faulty(where, int(self.line[at]) + 1, "timestamp", value, allowed)


def laid(files: Sequence[Rows]) -> Export:
    """All rows on one grid.  Raises Faulty where they do not share one."""
    every = _together(files)
    step_s = _step(every)
    start_s = int(every.times_s.min())
    n = (int(every.times_s.max()) - start_s) // step_s + 1
    if len(every.names) * n > MAX_CELLS:
        raise Faulty(
            f"{every.where}: {len(every.names)} series from {start_s} to {int(every.times_s.max())}"
            f" in steps of {step_s} s are {len(every.names) * n:,} values; {MAX_CELLS:,} are allowed"
        )
    counts = np.full((len(every.names), n), np.nan, np.float32)
    counts[every.codes, (every.times_s - start_s) // step_s] = every.requests
    return Export(
        series=every.names,
        counts=counts,
        start_s=start_s,
        step_s=step_s,
        service_time_s=_mean_served(every),
        where=every.where,
        repairs=every.repairs,
    )


def _together(files: Sequence[Rows]) -> _All:
    used = [np.unique(rows.codes) for rows in files]
    names = tuple(sorted({rows.names[code] for rows, some in zip(files, used, strict=True) for code in some}))
    place = {name: i for i, name in enumerate(names)}
    codes = np.concatenate(
        [np.array([place.get(name, -1) for name in rows.names], np.int64)[rows.codes] for rows in files]
    )
    times = np.concatenate([rows.times_s for rows in files])
    repairs = [note for rows in files for note in (*rows.notes, *_unobserved(rows))]
    order = np.argsort(codes, kind="stable")
    if np.any((np.diff(times[order]) < 0) & (np.diff(codes[order]) == 0)):
        order = np.lexsort((times, codes))
        repairs.append(f"{', '.join(rows.where for rows in files)}: rows that were not in order are sorted")
    return _All(
        files=files,
        names=names,
        file=np.concatenate([np.full(rows.times_s.size, i) for i, rows in enumerate(files)])[order],
        line=np.concatenate([np.arange(rows.times_s.size) for rows in files])[order],
        codes=codes[order],
        times_s=times[order],
        requests=np.concatenate([rows.requests for rows in files])[order],
        served_s=np.concatenate([rows.served_s for rows in files])[order],
        repairs=tuple(repairs),
    )


def _unobserved(rows: Rows) -> list[str]:
    absent = int(np.isnan(rows.requests).sum())
    if not absent:
        return []
    return [f"{rows.where}: {absent} rows without a number of requests count as not observed"]


def _step(every: _All) -> int:
    """The interval that most rows have, seconds.  Raises Faulty for a row that has another."""
    same = np.diff(every.codes) == 0
    distance = np.where(same, np.diff(every.times_s), -1)
    again = np.flatnonzero(distance == 0)
    if again.size:
        at = int(again[0]) + 1
        name = every.names[int(every.codes[at])]
        raise every.fault(at, int(every.times_s[at]), f"series {name} has a row of this time already")
    if not same.any():
        raise Faulty(f"{every.where}: one row per series; two are needed to know the interval between rows")
    found, often = np.unique(distance[same], return_counts=True)
    step_s = int(found[np.argmax(often)])
    off = np.flatnonzero((every.times_s - every.times_s.min()) % step_s)
    if off.size:
        at = int(off[0])
        allowed = f"rows are {step_s} s apart, so whole steps after {int(every.times_s.min())} are allowed"
        raise every.fault(at, int(every.times_s[at]), allowed)
    _refuse_other_steps(every, distance, step_s)
    return step_s


def _refuse_other_steps(every: _All, distance: NDArray[np.int64], step_s: int) -> None:
    """Raises Faulty for a stretch of rows, or a whole series, that keeps a longer distance."""
    ends = np.flatnonzero(np.append(np.diff(distance) != 0, True))
    starts = np.append(0, ends[:-1] + 1)
    longer = distance[starts] > step_s
    length = ends - starts + 1
    # A whole series: what comes before and after its one stretch is another series (-1), or nothing.
    padded = np.concatenate([[-1], distance, [-1]])
    whole = (padded[starts] == -1) & (padded[ends + 2] == -1) & (length >= WHOLE_ROWS)
    wrong = np.flatnonzero(longer & ((length >= REGULAR_ROWS) | whole))
    if wrong.size:
        at = int(starts[wrong[0]]) + 1
        name, other = every.names[int(every.codes[at])], int(distance[at - 1])
        allowed = f"series {name} goes on in steps of {other} s, most rows in {step_s} s; one step is allowed"
        raise every.fault(at, int(every.times_s[at]), allowed)


def _mean_served(every: _All) -> NDArray[np.float64]:
    """(s,) service time, each row's weighted by its requests; NaN where no row tells any."""
    told = ~np.isnan(every.served_s) & (every.requests > 0)
    codes, weight = every.codes[told], every.requests[told]
    s = len(every.names)
    total = np.bincount(codes, weight * every.served_s[told], minlength=s)
    counted = np.bincount(codes, weight, minlength=s)
    mean: NDArray[np.float64] = np.divide(total, counted, out=np.full(s, np.nan), where=counted > 0)
    return mean
