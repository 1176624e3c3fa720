"""Define the errors of files of traffic.  The person who passed the file must act on all of them.

* ExportError
  + Unreadable     not there, cut off, of another format, or of a format that needs an extra
  + InvalidValue   readable, and a value in it is not allowed; names file, row, column, value, what is allowed
"""

from collections.abc import Iterable


class ExportError(Exception):
    """A file of traffic cannot be used."""

    exit_code = 2


class Unreadable(ExportError):
    """The file cannot be read."""


class InvalidValue(ExportError):
    """A value in the file is not allowed."""


def invalid_value(source: str, row: int, column: str, value: object, allowed: str) -> InvalidValue:
    """The error of one value.  `row` counts from 1, without the header; `source` is the file."""
    return InvalidValue(f"{source}: row {row}, {column}: {value}: {allowed}")


def missing_columns(source: str, found: Iterable[str], missing: Iterable[str]) -> InvalidValue:
    """The error of a header that lacks columns."""
    return InvalidValue(
        f"{source}: column {', '.join(missing)} is missing, found {', '.join(found) or 'none'}: "
        "timestamp, series, requests and, if known, service_time_s are read"
    )
