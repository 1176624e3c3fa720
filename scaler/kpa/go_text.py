"""Parse numbers, booleans and durations as Go's strconv and time.ParseDuration do.

Infinity, NaN and hexadecimal numbers are refused, although Go parses them: the first two have no meaning for
the KPA, and the third is not in use.
"""

import math
import re

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "f", "F", "false", "False", "FALSE"})


def read_float(text: str) -> float:
    """Return a finite number, as strconv.ParseFloat(text, 64).

    Raises:
        ValueError: Go refuses the text, or the number is not finite.
    """
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_int32(text: str) -> int:
    """Return a whole number of 32 bits, as strconv.ParseInt(text, 10, 32).

    Raises:
        ValueError: Go refuses the text.
    """
    if not _WHOLE.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        raise ValueError(text)
    return int(text)


def read_bool(text: str) -> bool:
    """Return a boolean, as strconv.ParseBool(text).

    Raises:
        ValueError: Go refuses the text.
    """
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


def read_duration_ns(text: str) -> int:
    """Return a duration in nanoseconds, as time.ParseDuration(text).  Only a plain 0 needs no unit.

    Raises:
        ValueError: Go refuses the text.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total_ns, end = 0, 0
    while part := _PART.match(rest, end):
        whole, decimals, unit = part.groups()
        if unit not in _UNIT_NS or not (whole or decimals):
            raise ValueError(text)
        total_ns += int(whole or 0) * _UNIT_NS[unit]
        if decimals:
            total_ns += int(decimals) * _UNIT_NS[unit] // 10 ** len(decimals)
        end = part.end()
    if end == 0 or end < len(rest) or total_ns >= 2**63:
        raise ValueError(text)
    return sign * total_ns


def read_duration_s(text: str) -> float:
    """Return a duration in seconds, exact to the nanosecond.

    Raises:
        ValueError: Go refuses the text.
    """
    return read_duration_ns(text) / 1e9


def read_whole_seconds(text: str) -> int:
    """Return a duration in whole seconds.

    Raises:
        ValueError: Go refuses the text, or the seconds are not whole.
    """
    seconds, rest_ns = divmod(read_duration_ns(text), 1_000_000_000)
    if rest_ns:
        raise ValueError(text)
    return seconds
