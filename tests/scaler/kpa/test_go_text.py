"""Numbers, booleans and durations as Go parses them."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.kpa.go_text import (
    read_bool,
    read_duration_ns,
    read_duration_s,
    read_float,
    read_int32,
    read_whole_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("+0", 0.0),
        ("90s", 90.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1500ms", 1.5),
        ("1us", 1e-6),
        ("1\u00b5s", 1e-6),
        ("1\u03bcs", 1e-6),
        ("1ns", 1e-9),
        ("-1s", -1.0),
        ("30s1m", 90.0),
    ],
)
def test_valid_durations(text: str, seconds: float) -> None:
    assert read_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "s", ".s", "1", "-", "1d", "1 s", " 1s", "1s ", "1_0s", "10000000h", "\u0661s", "--1s"]
)
def test_invalid_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read_duration_ns(text)


def test_fractions_of_a_second_are_not_whole_seconds() -> None:
    assert read_whole_seconds("90s") == 90
    assert read_whole_seconds("1000ms") == 1
    assert read_whole_seconds("-1s") == -1
    with pytest.raises(ValueError, match=r"1\.5s"):
        read_whole_seconds("1.5s")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (read_float, "70", 70.0),
        (read_float, "+1.5e2", 150.0),
        (read_float, ".5", 0.5),
        (read_float, "5.", 5.0),
        (read_int32, "+7", 7),
        (read_int32, "007", 7),
        (read_int32, "-2147483648", -(2**31)),
        (read_bool, "T", True),
        (read_bool, "FALSE", False),
    ],
)
def test_valid_numbers_and_booleans(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_float, "1_000"),
        (read_float, " 1"),
        (read_float, "1e999"),
        (read_float, "NaN"),
        (read_float, "Inf"),
        (read_float, "\u0661"),
        (read_int32, "1.0"),
        (read_int32, "2147483648"),
        (read_int32, "1_0"),
        (read_int32, ""),
        (read_bool, "yes"),
        (read_bool, "tRUE"),
    ],
)
def test_invalid_numbers_and_booleans_are_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read(text)


@given(st.text(alphabet="0123456789.smhnuµ+-d ", max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = read_duration_s(text)
    except ValueError:
        return
    assert isinstance(seconds, float)
