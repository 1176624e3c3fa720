"""Parquet files: the traffic that is read, and files that are rejected."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forecaster.sources.exports import InvalidValue, Unreadable, read_export

ROOT = Path(__file__).parents[4]
T = 1_700_000_040


def parquet(path: Path, group_rows: int = 1000, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=group_rows)
    return path


def test_dictionary_series_and_integer_counts_are_read(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "t.parquet",
        group_rows=2,
        timestamp=pa.array([T, T + 60, T, T + 60, T + 120], pa.int32()),
        series=pa.array(["b", "b", "a", "a", "b"]).dictionary_encode(),
        requests=pa.array([1, 2, 3, None, 5], pa.uint16()),
    )
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[3, math.nan, math.nan], [1, 2, 5]])
    assert export.series == ("a", "b")


def test_text_series_and_timestamp_with_unit_are_read(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "t.parquet",
        timestamp=pa.array([T * 1000, (T + 60) * 1000], pa.timestamp("ms", "UTC")),
        series=pa.array(["a", "a"], pa.large_string()),
        requests=pa.array([1.5, 2.0], pa.float32()),
        service_time_s=pa.array([0.5, None], pa.float32()),
    )
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1.5, 2]])
    assert (export.start_s, export.service_time_s[0]) == (T, 0.5)


def valid_columns(**other: pa.Array) -> dict[str, pa.Array]:
    return {
        "timestamp": pa.array([T, T + 60]),
        "series": pa.array(["a", "a"]),
        "requests": pa.array([1, 2]),
        **other,
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param(
            {"n": pa.array([1])}, "column timestamp, series, requests is missing, found n", id="columns"
        ),
        pytest.param(valid_columns(timestamp=pa.array([T, None])), "row 2, timestamp: empty", id="no time"),
        pytest.param(
            valid_columns(timestamp=pa.array(["x", "y"])),
            "column timestamp is of type string",
            id="time as text",
        ),
        pytest.param(
            valid_columns(timestamp=pa.array([T, math.nan])), "row 2, timestamp: nan", id="time nan"
        ),
        pytest.param(valid_columns(timestamp=pa.array([T * 1000, T * 1000])), "milliseconds", id="ms"),
        pytest.param(
            valid_columns(series=pa.array([1, 2])), "column series is of type int64", id="series of numbers"
        ),
        pytest.param(valid_columns(series=pa.array(["a", None])), "row 2, series: empty", id="no series"),
        pytest.param(
            valid_columns(requests=pa.array(["1", "2"])),
            "column requests is of type string",
            id="requests as text",
        ),
        pytest.param(valid_columns(requests=pa.array([1, -2])), "row 2, requests: -2", id="negative"),
        pytest.param({name: array[:0] for name, array in valid_columns().items()}, "no rows", id="no rows"),
    ],
)
def test_invalid_value_is_reported_with_row(
    tmp_path: Path, columns: dict[str, pa.Array], message: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_export(parquet(tmp_path / "t.parquet", **columns))
    assert message in str(caught.value)


def test_cut_off_parquet_file_is_unreadable(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", **valid_columns())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Unreadable, match="not a Parquet file, or cut off"):
        read_export(path)


def test_parquet_without_pyarrow_names_install_command(tmp_path: Path) -> None:
    """In a Python process in which pyarrow cannot be imported."""
    path = parquet(tmp_path / "t.parquet", **valid_columns())
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from forecaster.sources.exports import ExportError, read_export\n"
        f"try: read_export({str(path)!r})\n"
        "except ExportError as e: print(e, e.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "pip install 'tidecast[parquet]' 2" in done.stdout
