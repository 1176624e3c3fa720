"""Read and write traffic in files: receives paths of CSV, Parquet or JSON files, returns an Export.

Columns: `timestamp` (Unix seconds UTC, start of the interval), `series`, `requests` (a count in the interval)
and, if known, `service_time_s`.  An absent row or NaN is not observed; 0 is no traffic.

csv_file           CSV, plain or gzip -> rows
parquet_file       Parquet -> rows
prometheus_json    the answer of Prometheus to a range query -> rows
rows               rows of one file, with checked values
grid               rows of all files -> one grid of time
export             the traffic of several series on one grid
write              traffic -> a file
errors             the errors of files
"""

from collections.abc import Sequence
from pathlib import Path

from forecaster.sources.exports.csv_file import read_csv
from forecaster.sources.exports.errors import ExportError, InvalidValue, Unreadable
from forecaster.sources.exports.export import Export
from forecaster.sources.exports.grid import to_grid
from forecaster.sources.exports.parquet_file import read_parquet
from forecaster.sources.exports.prometheus_json import Values, read_prometheus_json
from forecaster.sources.exports.rows import ExportRows, check_rows
from forecaster.sources.exports.write import WRITABLE, ExportChunk, Writer, write_export

__all__ = [
    "WRITABLE",
    "Export",
    "ExportChunk",
    "ExportError",
    "InvalidValue",
    "Unreadable",
    "Values",
    "Writer",
    "read_export",
    "write_export",
]

ALLOWED = ".csv, .csv.gz, .parquet, or .json as Prometheus answers a range query"


def read_export(paths: Path | str | Sequence[Path | str], values: Values = "rate") -> Export:
    """Read the traffic of one or more files onto one grid.

    Args:
        paths: files; the suffix of each name determines its format.
        values: what the values of an answer of Prometheus are: requests per second, or a count.

    Raises:
        ExportError: a file cannot be read, or a value in it is not allowed; names file, row, column and
        value,
            and what is allowed.
    """
    files = [paths] if isinstance(paths, Path | str) else list(paths)
    if not files:
        raise Unreadable(f"no file: {ALLOWED} are read")
    return to_grid([check_rows(_read(Path(file), values)) for file in files])


def _read(path: Path, values: Values) -> ExportRows:
    source = str(path)
    name = path.name.lower()
    if not path.is_file():
        raise Unreadable(f"{source}: {'not a file' if path.exists() else 'no such file'}")
    if name.endswith((".csv", ".csv.gz")):
        return read_csv(path, source)
    if name.endswith(".parquet"):
        return read_parquet(path, source)
    if name.endswith(".json"):
        return read_prometheus_json(path, source, values)
    raise Unreadable(f"{source}: {ALLOWED} are read")
