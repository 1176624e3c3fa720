"""Files that are rejected: the error names file, row, column and value."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from forecaster.sources.exports import InvalidValue, Unreadable, read_export

T = 1_700_000_040
HEADER = "timestamp,series,requests\n"
Write = Callable[..., Path]


def rows(*values: object, series: str = "a", step_s: int = 60, start_s: int = T) -> str:
    return "".join(f"{start_s + step_s * i},{series},{value}\n" for i, value in enumerate(values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "column timestamp, series, requests is missing, found none", id="empty"),
        pytest.param(
            "time,count\n1,2\n",
            "column timestamp, series, requests is missing, found time, count",
            id="columns",
        ),
        pytest.param("timestamp;series;requests\n", "found timestamp;series;requests", id="semicolons"),
        pytest.param(
            "timestamp,series,requests,requests\n", "column requests is there twice", id="duplicate column"
        ),
        pytest.param(HEADER, "no rows", id="no rows"),
        pytest.param(HEADER + rows(1, -3, 2), "row 2, requests: -3: a count is 0 or more", id="negative"),
        pytest.param(HEADER + rows(1, "inf"), "row 2, requests: inf: a count is finite", id="infinite"),
        pytest.param(HEADER + rows(1, 2, "many"), "row 3, requests: 'many': a number", id="a word"),
        pytest.param(HEADER + "soon,a,1\n", "row 1, timestamp: 'soon': Unix seconds", id="no time"),
        pytest.param(
            HEADER + f"{T}.5,a,1\n", f"row 1, timestamp: '{T}.5': Unix seconds, a whole", id="half a second"
        ),
        pytest.param(
            HEADER + rows(1, 2, start_s=T * 1000),
            f"row 1, timestamp: {T}000: Unix seconds are allowed; this looks like milliseconds",
            id="ms",
        ),
        pytest.param(HEADER + rows(1, 2, start_s=T * 10**9), "micro or nanoseconds", id="ns"),
        pytest.param(HEADER + f"{10**30},a,1\n", "row 1, timestamp: 1000000", id="beyond 64 bits"),
        pytest.param(HEADER + "-5,a,1\n", "row 1, timestamp: -5: Unix seconds are allowed", id="before 1970"),
        pytest.param(HEADER + f"{T},,1\n", "row 1, series: empty: a series has a name", id="no name"),
        pytest.param(HEADER + f"{T},a\n", "row 1: 2 values: 3 are allowed", id="short row"),
        pytest.param(
            HEADER + rows(1, 2) + rows(7),
            f"row 3, timestamp: {T}: series a has a row of this time",
            id="duplicate",
        ),
        pytest.param(HEADER + rows(1), "one row per series; two are needed", id="one row"),
        pytest.param(
            HEADER + rows(1, 2, 3) + rows(9, start_s=T + 150),
            f"row 4, timestamp: {T + 150}: rows are 60 s apart",
            id="off the grid",
        ),
        pytest.param(
            HEADER + rows(*range(9)) + rows(*range(9), series="b", step_s=300),
            f"row 11, timestamp: {T + 300}: series b continues in steps of 300 s, most rows in 60 s",
            id="two steps",
        ),
        pytest.param(
            HEADER + rows(*range(30)) + rows(*range(20), step_s=300, start_s=T + 2100),
            "series a continues in steps of 300 s",
            id="a step that changes",
        ),
        pytest.param(
            HEADER + rows(1, 2) + rows(1, 2, series="b", start_s=T + 7), "rows are 60 s apart", id="two grids"
        ),
        pytest.param(
            HEADER + rows(1, 2, 3, 4, 5) + f"{T * 50},a,1\n",
            "values; 1,000,000,000 are allowed",
            id="far off",
        ),
        pytest.param(
            "timestamp,series,requests,service_time_s\n" + f"{T},a,1,-1\n",
            "row 1, service_time_s: -1: seconds, 0 or more",
            id="service time",
        ),
    ],
)
def test_invalid_value_is_reported_with_file_and_row(write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(InvalidValue) as caught:
        read_export(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_duplicate_row_in_second_file_is_reported_with_second_file(write: Write) -> None:
    first, second = (
        write(HEADER + rows(1, 2, 3), "1.csv"),
        write(HEADER + rows(3, 4, start_s=T + 120), "2.csv"),
    )
    with pytest.raises(
        InvalidValue, match=rf"^{second}: row 1, timestamp: {T + 120}: series a has a row of this time"
    ):
        read_export([first, second])


def test_file_that_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "d.csv").mkdir()
    for name, message in (("none.csv", "no such file"), ("notes.txt", "are read"), ("d.csv", "not a file")):
        with pytest.raises(Unreadable, match=message):
            read_export(tmp_path / name)
    with pytest.raises(Unreadable, match="no file"):
        read_export([])


def test_damaged_gzip_file_is_unreadable(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "t.csv.gz"
    whole = gzip.compress((HEADER + rows(*range(5000))).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="cut off or damaged"):
        read_export(path)
    path.write_bytes(whole[:-100] + bytes(92) + whole[-8:])
    with pytest.raises(Unreadable, match=r"cut off or damaged|not a gzip"):
        read_export(path)
    path.write_text(HEADER + rows(1, 2))
    with pytest.raises(Unreadable, match="not a gzip file"):
        read_export(path)


def test_bytes_that_are_not_utf8_are_unreadable(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(HEADER.encode() + f"{T},caf\xe9,1\n".encode("latin-1"))
    with pytest.raises(Unreadable, match="not text in UTF-8"):
        read_export(path)
