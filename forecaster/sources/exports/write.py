"""Write traffic to a file, in the form in which it is read: as a whole, or chunk by chunk.

While it is written, the file has a temporary name in the same folder.  It is renamed when it is closed, so
that no reader sees an incomplete file.
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
from forecaster.sources.exports.parquet_file import import_pyarrow
from forecaster.sources.exports.rows import OPTIONAL, REQUIRED

COLUMNS = (*REQUIRED, OPTIONAL)

WRITABLE = (".csv", ".csv.gz", ".parquet")
"""Suffixes of the formats that can be written."""


@dataclass(frozen=True, eq=False)
class ExportChunk:
    """Some columns of traffic.

    series          (s,) names.
    counts          (s, n) requests in [start_s + j*step_s, start_s + (j+1)*step_s); NaN is not written.
    service_time_s  (s, n) seconds; NaN = not known.
    """

    series: tuple[str, ...]
    counts: NDArray[np.float32]
    service_time_s: NDArray[np.floating[Any]]
    start_s: int
    step_s: int


@dataclass(frozen=True)
class _Sink:
    write_rows: Callable[[list[str], NDArray[np.int64], NDArray[np.intp], NDArray[Any], NDArray[Any]], None]
    """Receives names, and (m,) times, indices into the names, requests and service times."""
    close: Callable[[], None]


class Writer:
    """A file of traffic while it is written; a context manager.

    The file is kept after `close`, and if the context ends without an error, or by Ctrl-C with rows written.
    If it ends by any other error, no file is kept.
    """

    def __init__(self, path: Path | str) -> None:
        """Open a file.

        Raises:
            ExportError: the suffix is not in `WRITABLE`, or the file cannot be written.
        """
        self.path = Path(path)
        self.rows = 0
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        name = self.path.name.lower()
        if not name.endswith(WRITABLE):
            raise Unreadable(f"{self.path}: {', '.join(WRITABLE)} can be written")
        try:
            self._sink = (
                _parquet_sink(self._temporary, str(path))
                if name.endswith(".parquet")
                else _csv_sink(self._temporary, name)
            )
        except OSError as e:
            raise Unreadable(f"{self.path}: {e.strerror or e}") from e

    def write(self, chunk: ExportChunk) -> None:
        """Append the rows of a chunk that were observed, series by series."""
        row, column = np.nonzero(~np.isnan(chunk.counts))
        if row.size == 0:
            return
        times = chunk.start_s + column.astype(np.int64) * chunk.step_s
        requests = chunk.counts[row, column].astype(np.float64)
        served = chunk.service_time_s[row, column].astype(np.float64)
        self._sink.write_rows(list(chunk.series), times, row, requests, served)
        self.rows += row.size

    def close(self) -> None:
        """Complete the file under its final name."""
        self._sink.close()
        self._temporary.replace(self.path)

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
            self._temporary.unlink()


def write_export(path: Path | str, export: Export) -> None:
    """Write an export as a whole, in the format of the suffix of its name.

    Raises:
        ExportError: the suffix is not in `WRITABLE`, or the file cannot be written.
    """
    served = np.broadcast_to(export.service_time_s[:, None], export.counts.shape)
    with Writer(path) as writer:
        writer.write(ExportChunk(export.series, export.counts, served, export.start_s, export.step_s))


def _csv_sink(path: Path, name: str) -> _Sink:
    open_file = gzip.open if name.endswith(".gz") else open
    text: TextIO = open_file(path, "wt", encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)

    def write_rows(
        names: list[str],
        times: NDArray[np.int64],
        codes: NDArray[np.intp],
        requests: NDArray[Any],
        served: NDArray[Any],
    ) -> None:
        lines.writerows(
            zip(
                times.tolist(),
                map(names.__getitem__, codes.tolist()),
                _shortest(requests, digits=4),
                _shortest(served, digits=6),
                strict=True,
            )
        )

    return _Sink(write_rows, text.close)


def _shortest(values: NDArray[Any], *, digits: int) -> list[Any]:
    """Numbers as they are written: rounded, whole numbers without a decimal point, NaN as an empty text."""
    if np.isnan(values).all():
        return [""] * values.size
    rounded = np.round(values, digits)
    if not np.isnan(rounded).any():
        whole = np.array_equal(rounded, np.floor(rounded))
        return list((rounded.astype(np.int64) if whole else rounded).tolist())
    return ["" if isnan(value) else value for value in rounded.tolist()]


def _parquet_sink(path: Path, source: str) -> _Sink:
    pa, pq = import_pyarrow(source)
    types = (pa.int64(), pa.dictionary(pa.int32(), pa.string()), pa.float64(), pa.float64())
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["series"])

    def write_rows(
        names: list[str],
        times: NDArray[np.int64],
        codes: NDArray[np.intp],
        requests: NDArray[Any],
        served: NDArray[Any],
    ) -> None:
        series = pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int32)), pa.array(names, pa.string())
        )
        known = pa.array(served, mask=np.isnan(served))
        writer.write_table(pa.table([pa.array(times), series, pa.array(requests), known], schema=schema))

    return _Sink(write_rows, writer.close)
