"""What can be wrong with a file of traffic.  All of it is for the one who gave the file.

* ExportError
  + Unreadable   not there, cut off, of another format, or of one that needs an extra
  + Faulty       readable, and a value in it is not allowed; names file, row, column, value, what is allowed
"""

from collections.abc import Iterable


class ExportError(Exception):
    """A file of traffic cannot be used."""

    exit_code = 2


class Unreadable(ExportError):
    """The file cannot be read."""


class Faulty(ExportError):
    """A value in the file is not allowed."""


def faulty(where: str, row: int, column: str, value: object, allowed: str) -> Faulty:
    """The fault of one value.  `row` counts from 1, without the heading."""
    return Faulty(f"{where}: row {row}, {column}: {value}: {allowed}")


def missing_columns(where: str, found: Iterable[str], missing: Iterable[str]) -> Faulty:
    """The fault of a heading."""
    return Faulty(
        f"{where}: column {', '.join(missing)} is missing, found {', '.join(found) or 'none'}: "
        "timestamp, series, requests and, if known, service_time_s are read"
    )
