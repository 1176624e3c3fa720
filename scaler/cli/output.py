"""Write data to stdout, and nothing else: as a table for people, as JSON or YAML for programs."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from scaler.cli.options import Format

Row = Mapping[str, Any]


def write_rows(rows: Sequence[Row], output: Format, *, columns: Sequence[str] | None = None) -> None:
    """Write rows.

    rows      name -> value; values are those that `plain` accepts
    columns   names of the columns of a table, in their order; default those of the first row.
              JSON and YAML have all names.
    """
    if output is not Format.TABLE:
        write_value([dict(row) for row in rows], output)
        return
    names = list(columns if columns is not None else rows[0] if rows else ())
    heads = [name.replace("_", " ").upper() for name in names]
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    right = [any(isinstance(plain(row.get(name)), int | float) for row in rows) for name in names]
    if not names:
        return
    if sys.stdout.isatty():
        _rich_table(heads, cells, right)
    else:
        sys.stdout.write(aligned([heads, *cells], right))


def write_value(value: Any, output: Format) -> None:
    """Write one value of any shape; as a table it is written as YAML, which people can read."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    import yaml

    sys.stdout.write(yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True, width=110))


def plain(value: Any) -> Any:
    """Return a value of JSON's types for a value of numbers, arrays, dataclasses, enums and sets.

    NaN and infinity become None: JSON has neither.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif is_dataclass(value) and type(value).__str__ is object.__str__:
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return lines of columns that are two spaces apart; `right` marks the columns that are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, right, strict=True)
        padded = [cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in cells]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool):
        return value
    # An enum of numbers is written by its name, a value with its own text (a key) by that text.
    if isinstance(value, Enum) and not isinstance(value, str):
        return value.name.lower()
    return int(value) if isinstance(value, int) else str(value)


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    if isinstance(value, list):
        return ",".join(_cell(item) for item in value) or "-"
    return str(value)


def _rich_table(heads: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for head, to_right in zip(heads, right, strict=True):
        table.add_column(head, justify="right" if to_right else "left")
    for row in cells:
        # Text, not str: brackets are data here, not rich's markup.
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)
