"""CSV files: the traffic that is read, and the notes on what was corrected."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import read_export

NASA = Path(__file__).parents[3] / "data" / "nasa_http_60s.csv.gz"
T = 1_700_000_040
HEADER = "timestamp,series,requests\n"
Write = Callable[..., Path]


def rows(*values: object, series: str = "a", step_s: int = 60, start_s: int = T) -> str:
    return "".join(f"{start_s + step_s * i},{series},{value}\n" for i, value in enumerate(values))


def test_nasa_trace_is_read() -> None:
    export = read_export(NASA)
    assert export.series == ("nasa_jul95",)
    assert (export.start_s, export.step_s, export.counts.shape) == (804571200, 60, (1, 39693))
    assert export.counts.sum(dtype=np.float64) == 1891714
    assert export.notes == ()
    assert np.isnan(export.service_time_s).all()
    assert export.end_s == 804571200 + 39693 * 60


def test_series_that_begins_later_is_unobserved_before(write: Write) -> None:
    export = read_export(write(HEADER + rows(1, 2, 3) + rows(4, 5, series="b", start_s=T + 60)))
    np.testing.assert_array_equal(export.counts, [[1, 2, 3], [math.nan, 4, 5]])
    assert (export.series, export.start_s, export.step_s) == (("a", "b"), T, 60)
    assert export.notes == ()


def test_rows_in_order_of_time_are_not_sorted(write: Write) -> None:
    mixed = f"{T},a,1\n{T},b,2\n{T + 60},a,3\n{T + 60},b,4\n"
    export = read_export(write(HEADER + mixed))
    np.testing.assert_array_equal(export.counts, [[1, 3], [2, 4]])
    assert export.notes == ()


def test_rows_out_of_order_are_sorted_with_note(write: Write) -> None:
    lines = rows(1, 2, 3, 4).splitlines(keepends=True)
    path = write(HEADER + "".join(reversed(lines)))
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, 2, 3, 4]])
    assert export.notes == (f"{path}: rows that were not in order are sorted",)


def test_absent_row_is_unobserved(write: Write) -> None:
    lines = rows(1, 2, 3, 4).splitlines(keepends=True)
    np.testing.assert_array_equal(
        read_export(write(HEADER + "".join(lines[:2] + lines[3:]))).counts, [[1, 2, math.nan, 4]]
    )


def test_nan_and_empty_count_are_unobserved_with_note(write: Write) -> None:
    path = write(HEADER + rows(1, "NaN", "", 4))
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, math.nan, math.nan, 4]])
    assert export.notes == (f"{path}: 2 rows without a number of requests count as not observed",)


def test_service_time_is_weighted_by_requests(write: Write) -> None:
    text = "timestamp,series,requests,service_time_s\n"
    text += f"{T},a,10,0.1\n{T + 60},a,30,0.3\n{T + 120},a,5,\n{T + 180},a,0,9\n"
    assert read_export(write(text)).service_time_s[0] == pytest.approx(0.25)


def test_columns_have_any_order_and_unused_one_is_noted(write: Write) -> None:
    path = write(f"pod,requests,series,timestamp\nx,1,a,{T}\ny,2,a,{T + 60}\n")
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, 2]])
    assert export.notes == (f"{path}: column pod is not used",)


def test_byte_order_mark_and_quoted_names_are_read(write: Write) -> None:
    export = read_export(write("\ufeff" + HEADER + f'{T},"a, ""b""\nc",1\n\n{T + 60},"a, ""b""\nc",2\n'))
    assert export.series == ('a, "b"\nc',)
    np.testing.assert_array_equal(export.counts, [[1, 2]])


def test_times_and_counts_with_decimal_point_are_read(write: Write) -> None:
    export = read_export(write(HEADER + f"{T}.0,a,1.5\n{T + 60}.0,a,1e1\n"))
    np.testing.assert_array_equal(export.counts, [[1.5, 10]])


def test_two_files_are_joined_to_one_export(write: Write) -> None:
    first, second = write(HEADER + rows(1, 2), "1.csv"), write(HEADER + rows(3, 4, start_s=T + 120), "2.csv")
    export = read_export([second, first])
    np.testing.assert_array_equal(export.counts, [[1, 2, 3, 4]])
    assert export.source == f"{second}, {first}"
