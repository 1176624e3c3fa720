"""Files that are written, as a whole or chunk by chunk, are read again unchanged."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.sources.exports import (
    Export,
    ExportChunk,
    Unreadable,
    Writer,
    read_export,
    write_export,
)

T = 1_700_000_040


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_written_export_is_read_again(tmp_path: Path, name: str) -> None:
    export = Export(
        series=("shop/cron", "shop/web"),
        counts=np.array([[0, math.nan, 3, 0], [1.5, 2, 0, 7]], np.float32),
        start_s=T,
        step_s=60,
        service_time_s=np.array([math.nan, 0.25]),
        source="memory",
    )
    write_export(tmp_path / name, export)
    got = read_export(tmp_path / name)
    np.testing.assert_array_equal(got.counts, export.counts)
    np.testing.assert_array_equal(got.service_time_s, export.service_time_s)
    assert (got.series, got.start_s, got.step_s) == (export.series, T, 60)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(
    st.lists(st.lists(st.integers(0, 10**6), min_size=2, max_size=5), min_size=1, max_size=4),
    st.integers(1, 7200),
)
def test_any_counts_are_read_again_from_csv(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[int]], step_s: int
) -> None:
    n = max(map(len, table))
    counts = np.full((len(table), n), np.nan, np.float32)
    for row, values in enumerate(table):
        counts[row, : len(values)] = values
    names = tuple(f"ns/{i}" for i in range(len(table)))
    path = tmp_path_factory.mktemp("any") / "t.csv"
    write_export(path, Export(names, counts, T, step_s, np.full(len(table), np.nan), "memory"))
    np.testing.assert_array_equal(read_export(path).counts, counts)
    shutil.rmtree(path.parent)


def chunk(start_s: int) -> ExportChunk:
    return ExportChunk(("a",), np.ones((1, 2), np.float32), np.full((1, 2), np.nan), start_s, 60)


def write_and_raise(path: Path, error: BaseException) -> None:
    with Writer(path) as writer:
        writer.write(chunk(T))
        raise error


def test_error_while_writing_keeps_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("before")
    with pytest.raises(RuntimeError):
        write_and_raise(path, RuntimeError())
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_ctrl_c_while_writing_keeps_written_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(path, KeyboardInterrupt())
    assert read_export(path).counts.tolist() == [[1, 1]]


def test_path_that_cannot_be_written_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        Writer(tmp_path / "no" / "t.csv")
    with pytest.raises(Unreadable, match="No such file"):
        Writer(tmp_path / "no" / "t.parquet")
    with pytest.raises(Unreadable, match="can be written"):
        Writer(tmp_path / "t.xlsx")
