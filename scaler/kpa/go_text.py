"""Texts as Go's strconv and time.ParseDuration read them.

Each function raises ValueError on a text that Go refuses.  Infinity, NaN and hexadecimal numbers are refused
too: Go reads them, but the first two mean nothing to the KPA, and nobody writes the third.
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
    """A finite number: strconv.ParseFloat(text, 64)."""
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_int32(text: str) -> int:
    """A whole number of 32 bits: strconv.ParseInt(text, 10, 32)."""
    if not _WHOLE.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        raise ValueError(text)
    return int(text)


def read_bool(text: str) -> bool:
    """True or false: strconv.ParseBool(text)."""
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


def read_duration_ns(text: str) -> int:
    """Nanoseconds: time.ParseDuration(text).  A unit may be left out of a plain 0 only."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total_ns, at = 0, 0
    while part := _PART.match(rest, at):
        whole, decimals, unit = part.groups()
        if unit not in _UNIT_NS or not (whole or decimals):
            raise ValueError(text)
        total_ns += int(whole or 0) * _UNIT_NS[unit]
        if decimals:
            total_ns += int(decimals) * _UNIT_NS[unit] // 10 ** len(decimals)
        at = part.end()
    if at == 0 or at < len(rest) or total_ns >= 2**63:
        raise ValueError(text)
    return sign * total_ns


def read_duration_s(text: str) -> float:
    """Seconds of a duration, to the nanosecond."""
    return read_duration_ns(text) / 1e9


def read_whole_seconds(text: str) -> int:
    """Seconds of a duration; ValueError where they are not whole."""
    seconds, rest_ns = divmod(read_duration_ns(text), 1_000_000_000)
    if rest_ns:
        raise ValueError(text)
    return seconds
