"""Parquet, by pyarrow (the extra `parquet`), row group by row group."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import Faulty, Unreadable, faulty
from forecaster.sources.exports.rows import NEEDED, OPTIONAL, Rows, heading


def read_parquet(path: Path, where: str) -> Rows:
    """The rows of a Parquet file; numbers of any type, series as text or dictionary.  Raises ExportError."""
    pa, pq = arrow(where)
    try:
        found = pq.read_schema(path).names
        notes = heading(where, found)
        with pq.ParquetFile(path, read_dictionary=["series"]) as file:
            columns = [name for name in (*NEEDED, OPTIONAL) if name in found]
            groups = []
            seen = 0
            for i in range(file.num_row_groups):
                groups.append(_group(file.read_row_group(i, columns=columns), where, seen, notes))
                seen += groups[-1].times_s.size
    except (pa.ArrowException, OSError) as e:
        if isinstance(e, FileNotFoundError | PermissionError | IsADirectoryError):
            raise Unreadable(f"{where}: {e.strerror}") from e
        raise Unreadable(f"{where}: not a Parquet file, or cut off: {' '.join(str(e).split())[:200]}") from e
    return _joined(groups, where, notes)


def arrow(where: str) -> tuple[Any, Any]:
    """Pyarrow and pyarrow.parquet.  Raises Unreadable where they are not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as e:
        raise Unreadable(
            f"{where}: Parquet needs pyarrow; this gets it: pip install 'tidecast[parquet]'"
        ) from e
    return pa, pq


def _group(table: Any, where: str, seen: int, notes: tuple[str, ...]) -> Rows:
    import pyarrow as pa  # noqa: PLC0415

    for column in ("timestamp", "series"):
        if table[column].null_count:
            row = int(np.argmax(table[column].is_null().to_numpy())) + 1 + seen
            raise faulty(where, row, column, "empty", "every row has one")
    series = table["series"].combine_chunks()
    if isinstance(series, pa.ChunkedArray):
        series = pa.concat_arrays(series.chunks) if series.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(series.type):
        series = series.dictionary_encode()
    if not (pa.types.is_string(series.type.value_type) or pa.types.is_large_string(series.type.value_type)):
        raise Faulty(f"{where}: column series is of type {series.type.value_type}: text is allowed")
    return Rows(
        where=where,
        times_s=_seconds(table["timestamp"], where, seen),
        codes=series.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        names=tuple(series.dictionary.to_pylist()),
        requests=_numbers(table, "requests", where),
        served_s=_numbers(table, OPTIONAL, where)
        if OPTIONAL in table.column_names
        else np.full(table.num_rows, np.nan),
        notes=notes,
    )


def _seconds(column: Any, where: str, seen: int) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        # A timestamp says its unit, so there is nothing to guess.
        exact = column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy()
        values = exact / 1e9
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.to_numpy()
    else:
        raise Faulty(f"{where}: column timestamp is of type {column.type}: Unix seconds are allowed")
    if values.dtype.kind == "f":
        broken = ~np.isfinite(values) | (np.floor(values) != values)
        if broken.any():
            row = int(np.argmax(broken))
            raise faulty(where, row + 1 + seen, "timestamp", values[row], "Unix seconds, a whole number")
    whole: NDArray[np.int64] = values.astype(np.int64)
    return whole


def _numbers(table: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415

    column = table[name]
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_null(column.type)
        or pa.types.is_decimal(column.type)
    ):
        raise Faulty(f"{where}: column {name} is of type {column.type}: numbers are allowed")
    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return numbers


def _joined(groups: list[Rows], where: str, notes: tuple[str, ...]) -> Rows:
    """The row groups as one; each has a dictionary of its own."""
    places: dict[str, int] = {}
    codes = [np.empty(0, np.int64)]
    for group in groups:
        places.update(
            {name: len(places) + i for i, name in enumerate(n for n in group.names if n not in places)}
        )
        codes.append(np.array([places[name] for name in group.names], np.int64)[group.codes])
    return Rows(
        where=where,
        times_s=np.concatenate([np.empty(0, np.int64), *(group.times_s for group in groups)]),
        codes=np.concatenate(codes),
        names=tuple(places),
        requests=np.concatenate([np.empty(0), *(group.requests for group in groups)]),
        served_s=np.concatenate([np.empty(0), *(group.served_s for group in groups)]),
        notes=notes,
    )
