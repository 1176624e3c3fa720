"""Traffic in files: what other systems wrote, and what Tidecast writes.

Columns: `timestamp` (Unix seconds UTC, the interval's start), `series`, `requests` (a count in the interval),
and where it is known `service_time_s`.  An absent row or NaN is not observed; 0 is no traffic.
"""

from collections.abc import Sequence
from pathlib import Path

from forecaster.sources.exports.csv_file import read_csv
from forecaster.sources.exports.errors import ExportError, Faulty, Unreadable
from forecaster.sources.exports.export import Export
from forecaster.sources.exports.grid import laid
from forecaster.sources.exports.parquet_file import read_parquet
from forecaster.sources.exports.prometheus_json import Values, read_prometheus_json
from forecaster.sources.exports.rows import Rows, checked
from forecaster.sources.exports.write import WRITTEN, Part, Writer, write_export

__all__ = [
    "WRITTEN",
    "Export",
    "ExportError",
    "Faulty",
    "Part",
    "Unreadable",
    "Values",
    "Writer",
    "read_export",
    "write_export",
]

ALLOWED = ".csv, .csv.gz, .parquet, or .json as Prometheus answers a range query"


def read_export(paths: Path | str | Sequence[Path | str], values: Values = "rate") -> Export:
    """What one or more files say, on one grid.

    Args:
        paths: files; their kind is told by their name's end.
        values: what the values of a Prometheus answer are: requests per second, or a count.

    Raises:
        ExportError: with the file, row, column and value, and what is allowed.
    """
    files = [paths] if isinstance(paths, Path | str) else list(paths)
    if not files:
        raise Unreadable(f"no file: {ALLOWED} are read")
    return laid([checked(_read(Path(file), values)) for file in files])


def _read(path: Path, values: Values) -> Rows:
    where = str(path)
    name = path.name.lower()
    if not path.is_file():
        raise Unreadable(f"{where}: {'not a file' if path.exists() else 'no such file'}")
    if name.endswith((".csv", ".csv.gz")):
        return read_csv(path, where)
    if name.endswith(".parquet"):
        return read_parquet(path, where)
    if name.endswith(".json"):
        return read_prometheus_json(path, where, values)
    raise Unreadable(f"{where}: {ALLOWED} are read")
