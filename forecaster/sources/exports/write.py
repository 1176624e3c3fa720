"""Writes traffic in the form in which it is read: as a whole, or part by part while it comes.

A file is written beside its name and put in its place when it is closed, so that nobody reads a half.
"""

import csv
import gzip
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import Unreadable
from forecaster.sources.exports.export import Export
from forecaster.sources.exports.parquet_file import arrow
from forecaster.sources.exports.rows import NEEDED, OPTIONAL

COLUMNS = (*NEEDED, OPTIONAL)

WRITTEN = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, eq=False)
class Part:
    """Some columns of traffic.

    series          (s,) names.
    counts          (s, n) requests in [start_s + j*step_s, start_s + (j+1)*step_s); NaN is not written.
    service_time_s  (s, n) seconds; NaN where it is not known.
    """

    series: tuple[str, ...]
    counts: NDArray[np.float32]
    service_time_s: NDArray[np.floating[Any]]
    start_s: int
    step_s: int


@dataclass(frozen=True)
class _Sink:
    rows: Callable[[list[str], NDArray[np.int64], NDArray[np.intp], NDArray[Any], NDArray[Any]], None]
    """Takes names, and (m,) times, places in names, requests and service times."""
    close: Callable[[], None]


class Writer:
    """A file of traffic while it is written; a context manager.

    `close`, and leaving without an error or, with rows written, by Ctrl-C, keeps what was written; leaving by
    any other error keeps nothing.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises ExportError where the name's end is none of `WRITTEN`, or nothing can be written there."""
        self.path = Path(path)
        self.rows = 0
        self._making = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        name = self.path.name.lower()
        if not name.endswith(WRITTEN):
            raise Unreadable(f"{self.path}: {', '.join(WRITTEN)} can be written")
        try:
            self._sink = (
                _parquet(self._making, str(path)) if name.endswith(".parquet") else _csv(self._making, name)
            )
        except OSError as e:
            raise Unreadable(f"{self.path}: {e.strerror or e}") from e

    def write(self, part: Part) -> None:
        """Appends the rows of `part` that were observed, series by series."""
        row, column = np.nonzero(~np.isnan(part.counts))
        if row.size == 0:
            return
        times = part.start_s + column.astype(np.int64) * part.step_s
        requests = part.counts[row, column].astype(np.float64)
        served = part.service_time_s[row, column].astype(np.float64)
        self._sink.rows(list(part.series), times, row, requests, served)
        self.rows += row.size

    def close(self) -> None:
        """Puts the file in its place."""
        self._sink.close()
        self._making.replace(self.path)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or (issubclass(kind, KeyboardInterrupt) and self.rows):
            self.close()
            return
        self._sink.close()
        with suppress(FileNotFoundError):
            self._making.unlink()


def write_export(path: Path | str, export: Export) -> None:
    """Writes all of `export`, in the form of the name's end.  Raises ExportError."""
    served = np.broadcast_to(export.service_time_s[:, None], export.counts.shape)
    with Writer(path) as writer:
        writer.write(Part(export.series, export.counts, served, export.start_s, export.step_s))


def _csv(path: Path, name: str) -> _Sink:
    opens = gzip.open if name.endswith(".gz") else open
    text: TextIO = opens(path, "wt", encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)

    def rows(
        names: list[str],
        times: NDArray[np.int64],
        places: NDArray[np.intp],
        requests: NDArray[Any],
        served: NDArray[Any],
    ) -> None:
        lines.writerows(
            zip(
                times.tolist(),
                map(names.__getitem__, places.tolist()),
                _shortest(requests, digits=4),
                _shortest(served, digits=6),
                strict=True,
            )
        )

    return _Sink(rows, text.close)


def _shortest(values: NDArray[Any], *, digits: int) -> list[Any]:
    """Numbers as they are written: rounded, whole ones without a point, nothing for NaN."""
    if np.isnan(values).all():
        return [""] * values.size
    rounded = np.round(values, digits)
    if not np.isnan(rounded).any():
        whole = np.array_equal(rounded, np.floor(rounded))
        return list((rounded.astype(np.int64) if whole else rounded).tolist())
    return ["" if isnan(value) else value for value in rounded.tolist()]


def _parquet(path: Path, where: str) -> _Sink:
    pa, pq = arrow(where)
    types = (pa.int64(), pa.dictionary(pa.int32(), pa.string()), pa.float64(), pa.float64())
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["series"])

    def rows(
        names: list[str],
        times: NDArray[np.int64],
        places: NDArray[np.intp],
        requests: NDArray[Any],
        served: NDArray[Any],
    ) -> None:
        series = pa.DictionaryArray.from_arrays(
            pa.array(places.astype(np.int32)), pa.array(names, pa.string())
        )
        known = pa.array(served, mask=np.isnan(served))
        writer.write_table(pa.table([pa.array(times), series, pa.array(requests), known], schema=schema))

    return _Sink(rows, writer.close)
