"""CSV: what is read from it, what is put right."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import (
    read_export,
)

NASA = Path(__file__).parents[2] / "data" / "nasa_http_60s.csv.gz"


T = 1_700_000_040


HEAD = "timestamp,series,requests\n"


Write = Callable[..., Path]


def rows(*values: object, series: str = "a", step_s: int = 60, start_s: int = T) -> str:
    return "".join(f"{start_s + step_s * i},{series},{value}\n" for i, value in enumerate(values))


def test_the_nasa_trace() -> None:
    export = read_export(NASA)
    assert export.series == ("nasa_jul95",)
    assert (export.start_s, export.step_s, export.counts.shape) == (804571200, 60, (1, 39693))
    assert export.counts.sum(dtype=np.float64) == 1891714
    assert export.repairs == ()
    assert np.isnan(export.service_time_s).all()
    assert export.end_s == 804571200 + 39693 * 60


def test_several_series_of_which_one_begins_later(write: Write) -> None:
    export = read_export(write(HEAD + rows(1, 2, 3) + rows(4, 5, series="b", start_s=T + 60)))
    np.testing.assert_array_equal(export.counts, [[1, 2, 3], [math.nan, 4, 5]])
    assert (export.series, export.start_s, export.step_s) == (("a", "b"), T, 60)
    assert export.repairs == ()


def test_rows_in_the_order_of_time_need_no_repair(write: Write) -> None:
    mixed = f"{T},a,1\n{T},b,2\n{T + 60},a,3\n{T + 60},b,4\n"
    export = read_export(write(HEAD + mixed))
    np.testing.assert_array_equal(export.counts, [[1, 3], [2, 4]])
    assert export.repairs == ()


def test_rows_out_of_order_are_sorted_and_it_is_said(write: Write) -> None:
    lines = rows(1, 2, 3, 4).splitlines(keepends=True)
    path = write(HEAD + "".join(reversed(lines)))
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, 2, 3, 4]])
    assert export.repairs == (f"{path}: rows that were not in order are sorted",)


def test_an_absent_row_is_not_observed(write: Write) -> None:
    lines = rows(1, 2, 3, 4).splitlines(keepends=True)
    np.testing.assert_array_equal(
        read_export(write(HEAD + "".join(lines[:2] + lines[3:]))).counts, [[1, 2, math.nan, 4]]
    )


def test_nan_or_nothing_is_not_observed_and_it_is_said(write: Write) -> None:
    path = write(HEAD + rows(1, "NaN", "", 4))
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, math.nan, math.nan, 4]])
    assert export.repairs == (f"{path}: 2 rows without a number of requests count as not observed",)


def test_the_service_time_is_weighted_by_requests(write: Write) -> None:
    text = "timestamp,series,requests,service_time_s\n"
    text += f"{T},a,10,0.1\n{T + 60},a,30,0.3\n{T + 120},a,5,\n{T + 180},a,0,9\n"
    assert read_export(write(text)).service_time_s[0] == pytest.approx(0.25)


def test_columns_in_any_order_with_one_that_is_not_used(write: Write) -> None:
    path = write(f"pod,requests,series,timestamp\nx,1,a,{T}\ny,2,a,{T + 60}\n")
    export = read_export(path)
    np.testing.assert_array_equal(export.counts, [[1, 2]])
    assert export.repairs == (f"{path}: column pod is not used",)


def test_a_mark_of_byte_order_and_names_in_quotes(write: Write) -> None:
    export = read_export(write("\ufeff" + HEAD + f'{T},"a, ""b""\nc",1\n\n{T + 60},"a, ""b""\nc",2\n'))
    assert export.series == ('a, "b"\nc',)
    np.testing.assert_array_equal(export.counts, [[1, 2]])


def test_times_and_counts_with_a_point(write: Write) -> None:
    export = read_export(write(HEAD + f"{T}.0,a,1.5\n{T + 60}.0,a,1e1\n"))
    np.testing.assert_array_equal(export.counts, [[1.5, 10]])


def test_two_files_are_one_history(write: Write) -> None:
    first, second = write(HEAD + rows(1, 2), "1.csv"), write(HEAD + rows(3, 4, start_s=T + 120), "2.csv")
    export = read_export([second, first])
    np.testing.assert_array_equal(export.counts, [[1, 2, 3, 4]])
    assert export.where == f"{second}, {first}"
