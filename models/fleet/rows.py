"""Alignment of the rows of arrays with the keys of another fleet, when services are added or removed."""

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
CHUNK_ROWS = 1000
"""Rows that are copied together: the temporary copy between the two arrays has this many.  Chosen by hand."""


def previous_rows(old_keys: Sequence[Hashable], new_keys: Sequence[Hashable]) -> NDArray[np.intp]:
    """(len(new_keys),) the row that each new key has in `old_keys`; -1 where it has none."""
    row = {key: i for i, key in enumerate(old_keys)}
    return np.array([row.get(key, -1) for key in new_keys], dtype=np.intp)


def align_rows(old: T, rows: NDArray[np.intp], fresh: T | None = None) -> T:
    """`old` with row i replaced by its row `rows[i]`; where that is -1, by row i of `fresh`.

    Works on arrays, tuples and dataclasses of them; the first axis of every array is the service or Revision.
    Without `fresh`, new rows of float arrays are NaN and those of other arrays 0.  Any other value is
    returned as it is in `old`.
    """
    value: Any = old
    if isinstance(value, np.ndarray):
        new: Any = fresh
        shape = (rows.size, *value.shape[1:])
        if new is not None:
            out = np.array(new, value.dtype)
        elif value.dtype.kind == "f":
            out = np.full(shape, np.nan, value.dtype)
        else:
            out = np.zeros(shape, value.dtype)
        kept = np.flatnonzero(rows >= 0)
        for first in range(0, kept.size, CHUNK_ROWS):
            chunk = kept[first : first + CHUNK_ROWS]
            out[chunk] = value[rows[chunk]]
        return out  # type: ignore[return-value]
    if isinstance(value, tuple):
        new_items = fresh if isinstance(fresh, tuple) else (None,) * len(value)
        return tuple(align_rows(o, rows, f) for o, f in zip(value, new_items, strict=True))  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        aligned = {
            f.name: align_rows(
                getattr(value, f.name), rows, None if fresh is None else getattr(fresh, f.name)
            )
            for f in fields(value)
        }
        renewed: Any = replace(value, **aligned)
        return renewed  # type: ignore[no-any-return]
    return old
