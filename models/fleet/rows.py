"""Carrying arrays over from one fleet to the next, when services come and go."""

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
AT_ONCE = 1000
"""Rows that are copied at once: what is between the two arrays is a copy of so many."""


def previous_rows(before: Sequence[Hashable], after: Sequence[Hashable]) -> NDArray[np.intp]:
    """(len(after),) the row each key had before; -1 where it is new."""
    row = {key: i for i, key in enumerate(before)}
    return np.array([row.get(key, -1) for key in after], dtype=np.intp)


def align_rows(old: T, rows: NDArray[np.intp], fresh: T | None = None) -> T:
    """`old` with its rows taken as `rows` says, and rows of `fresh` (else NaN, 0) where that is -1.

    Works on arrays, tuples and dataclasses of them; the first axis of every array is the service or revision.
    Anything else stays as it is in `old`.
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
        for first in range(0, kept.size, AT_ONCE):
            some = kept[first : first + AT_ONCE]
            out[some] = value[rows[some]]
        return out  # type: ignore[return-value]
    if isinstance(value, tuple):
        news = fresh if isinstance(fresh, tuple) else (None,) * len(value)
        return tuple(align_rows(o, rows, f) for o, f in zip(value, news, strict=True))  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {
            f.name: align_rows(
                getattr(value, f.name), rows, None if fresh is None else getattr(fresh, f.name)
            )
            for f in fields(value)
        }
        renewed: Any = replace(value, **parts)
        return renewed  # type: ignore[no-any-return]
    return old
