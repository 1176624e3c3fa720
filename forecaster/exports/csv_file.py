"""CSV, plain or gzip: by pyarrow where it is installed and the file is clean, else row by row.

pyarrow reads two million rows in under a second, and tells of a bad value neither where it is nor what it is.
So whatever it refuses is read once more by the slow way, which says.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

import numpy as np

from forecaster.exports.errors import Faulty, Unreadable, faulty
from forecaster.exports.rows import NEEDED, OPTIONAL, Rows, heading

_ABSENT = {"", "nan", "null", "na", "n/a", "none"}


def read_csv(path: Path, where: str) -> Rows:
    """The rows of a CSV file with a heading.  Raises ExportError."""
    with opened(path, where) as text:
        found = [name.strip() for name in next(csv.reader(text), [])]
    notes = heading(where, found)
    rows = _by_arrow(path, where, notes, found) if find_spec("pyarrow") else None
    return rows or _by_row(path, where, notes)


@contextmanager
def opened(path: Path, where: str) -> Iterator[TextIO]:
    """The text of a file, unpacked where its name ends in .gz.  Raises Unreadable, also while it is read."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
                yield text
        else:
            with path.open(encoding="utf-8-sig", newline="") as text:
                yield text
    except (EOFError, zlib.error) as e:
        raise Unreadable(f"{where}: the gzip file is cut off or damaged") from e
    except gzip.BadGzipFile as e:
        raise Unreadable(f"{where}: not a gzip file") from e
    except UnicodeDecodeError as e:
        raise Unreadable(f"{where}: not text in UTF-8 (byte {e.start})") from e
    except csv.Error as e:
        raise Unreadable(f"{where}: not CSV: {e}") from e
    except OSError as e:
        raise Unreadable(f"{where}: {e.strerror or e}") from e


def _by_arrow(path: Path, where: str, notes: tuple[str, ...], found: list[str]) -> Rows | None:
    """The rows; None where anything in the file is not as it should be."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    types = {
        "timestamp": pa.int64(),
        "series": pa.dictionary(pa.int32(), pa.string()),
        "requests": pa.float64(),
        OPTIONAL: pa.float64(),
    }
    columns = [name for name in (*NEEDED, OPTIONAL) if name in found]
    options = arrow_csv.ConvertOptions(column_types=types, include_columns=columns)
    try:
        table = arrow_csv.read_csv(path, convert_options=options).unify_dictionaries().combine_chunks()
        if table.num_rows == 0 or table["timestamp"].null_count or table["series"].null_count:
            return None
        series = table["series"].combine_chunks()
        return Rows(
            where=where,
            times_s=table["timestamp"].to_numpy(),
            codes=series.indices.to_numpy().astype(np.int64),
            names=tuple(series.dictionary.to_pylist()),
            requests=table["requests"].to_numpy(),
            served_s=table[OPTIONAL].to_numpy() if OPTIONAL in columns else np.full(table.num_rows, np.nan),
            notes=notes,
        )
    except (pa.ArrowException, OSError, KeyError):
        return None


def _by_row(path: Path, where: str, notes: tuple[str, ...]) -> Rows:
    places: dict[str, int] = {}
    times: list[int] = []
    codes: list[int] = []
    requests: list[float] = []
    served: list[float] = []
    with opened(path, where) as text:
        lines = csv.reader(text)
        columns = [name.strip() for name in next(lines)]
        at_time, at_series, at_requests = (columns.index(name) for name in NEEDED)
        at_served = columns.index(OPTIONAL) if OPTIONAL in columns else None
        for row, line in enumerate(_filled(lines), start=1):
            if len(line) != len(columns):
                raise Faulty(
                    f"{where}: row {row}: {len(line)} values: {len(columns)} are allowed, as in the heading"
                )
            times.append(_time(where, row, line[at_time]))
            codes.append(places.setdefault(line[at_series], len(places)))
            requests.append(_number(where, row, "requests", line[at_requests]))
            if at_served is not None:
                served.append(_number(where, row, OPTIONAL, line[at_served]))
    return Rows(
        where=where,
        times_s=np.array(times, np.int64),
        codes=np.array(codes, np.int64),
        names=tuple(places),
        requests=np.array(requests, np.float64),
        served_s=np.array(served) if at_served is not None else np.full(len(times), np.nan),
        notes=notes,
    )


def _filled(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    return (line for line in lines if line)


def _time(where: str, row: int, text: str) -> int:
    allowed = "Unix seconds, a whole number"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise faulty(where, row, "timestamp", repr(text), allowed)


def _number(where: str, row: int, column: str, text: str) -> float:
    if text.strip().lower() in _ABSENT:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise faulty(where, row, column, repr(text), "a number, or nothing where it is not known") from None
