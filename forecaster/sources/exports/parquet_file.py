"""Read Parquet with pyarrow (the extra `parquet`), row group by row group."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports.errors import InvalidValue, Unreadable, invalid_value
from forecaster.sources.exports.rows import OPTIONAL, REQUIRED, ExportRows, check_header


def read_parquet(path: Path, source: str) -> ExportRows:
    """Read the rows of a Parquet file: numbers of any type, series as text or dictionary.

    source   names the file in messages

    Raises:
        ExportError: the file cannot be read, or a value in it is not allowed.
    """
    pa, pq = import_pyarrow(source)
    try:
        found = pq.read_schema(path).names
        notes = check_header(source, found)
        with pq.ParquetFile(path, read_dictionary=["series"]) as file:
            columns = [name for name in (*REQUIRED, OPTIONAL) if name in found]
            groups = []
            n_read = 0
            for i in range(file.num_row_groups):
                groups.append(_read_group(file.read_row_group(i, columns=columns), source, n_read, notes))
                n_read += groups[-1].times_s.size
    except (pa.ArrowException, OSError) as e:
        if isinstance(e, FileNotFoundError | PermissionError | IsADirectoryError):
            raise Unreadable(f"{source}: {e.strerror}") from e
        raise Unreadable(f"{source}: not a Parquet file, or cut off: {' '.join(str(e).split())[:200]}") from e
    return _joined(groups, source, notes)


def import_pyarrow(source: str) -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
        Unreadable: they are not installed; the message names the file and the command that installs them.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as e:
        raise Unreadable(
            f"{source}: Parquet needs pyarrow; this gets it: pip install 'tidecast[parquet]'"
        ) from e
    return pa, pq


def _read_group(table: Any, source: str, n_before: int, notes: tuple[str, ...]) -> ExportRows:
    """The rows of one row group, before which the file has `n_before` rows."""
    import pyarrow as pa  # noqa: PLC0415

    for column in ("timestamp", "series"):
        if table[column].null_count:
            row = int(np.argmax(table[column].is_null().to_numpy())) + 1 + n_before
            raise invalid_value(source, row, column, "empty", "every row has one")
    series = table["series"].combine_chunks()
    if isinstance(series, pa.ChunkedArray):
        series = pa.concat_arrays(series.chunks) if series.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(series.type):
        series = series.dictionary_encode()
    if not (pa.types.is_string(series.type.value_type) or pa.types.is_large_string(series.type.value_type)):
        raise InvalidValue(f"{source}: column series is of type {series.type.value_type}: text is allowed")
    return ExportRows(
        source=source,
        times_s=_seconds(table["timestamp"], source, n_before),
        codes=series.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        names=tuple(series.dictionary.to_pylist()),
        requests=_numbers(table, "requests", source),
        served_s=_numbers(table, OPTIONAL, source)
        if OPTIONAL in table.column_names
        else np.full(table.num_rows, np.nan),
        notes=notes,
    )


def _seconds(column: Any, source: str, n_before: int) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        # The type of a timestamp has its unit, so the unit is not guessed.
        exact = column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy()
        values = exact / 1e9
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = column.to_numpy()
    else:
        raise InvalidValue(f"{source}: column timestamp is of type {column.type}: Unix seconds are allowed")
    if values.dtype.kind == "f":
        fractional = ~np.isfinite(values) | (np.floor(values) != values)
        if fractional.any():
            row = int(np.argmax(fractional))
            allowed = "Unix seconds, a whole number"
            raise invalid_value(source, row + 1 + n_before, "timestamp", values[row], allowed)
    whole: NDArray[np.int64] = values.astype(np.int64)
    return whole


def _numbers(table: Any, name: str, source: str) -> NDArray[np.float64]:
    import pyarrow as pa  # noqa: PLC0415

    column = table[name]
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_null(column.type)
        or pa.types.is_decimal(column.type)
    ):
        raise InvalidValue(f"{source}: column {name} is of type {column.type}: numbers are allowed")
    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return numbers


def _joined(groups: list[ExportRows], source: str, notes: tuple[str, ...]) -> ExportRows:
    """The rows of all row groups; each group has a dictionary of its own."""
    codes_by_name: dict[str, int] = {}
    codes = [np.empty(0, np.int64)]
    for group in groups:
        new = (name for name in group.names if name not in codes_by_name)
        codes_by_name.update({name: len(codes_by_name) + i for i, name in enumerate(new)})
        codes.append(np.array([codes_by_name[name] for name in group.names], np.int64)[group.codes])
    return ExportRows(
        source=source,
        times_s=np.concatenate([np.empty(0, np.int64), *(group.times_s for group in groups)]),
        codes=np.concatenate(codes),
        names=tuple(codes_by_name),
        requests=np.concatenate([np.empty(0), *(group.requests for group in groups)]),
        served_s=np.concatenate([np.empty(0), *(group.served_s for group in groups)]),
        notes=notes,
    )
