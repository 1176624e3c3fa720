"""Compiles functions with numba, and keeps the machine code for the next process.

It is kept under $NUMBA_CACHE_DIR where that is set, else under the user's cache directory.  numba looks at
the file of a function alone to see whether its code is still good, not at the files of what it calls; so the
directory carries a digest of all folders that hold compiled code.  Where nothing can be kept, each process
compiles anew.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

FOLDERS = ("models", "scaler/simulation", "scaler/plan", "scaler/shadow")
"""Where compiled code is, and the constants that go into it."""
_ROOT = Path(__file__).parents[2]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function as machine code, put into whoever calls it; it makes no arrays.

    Calls between small functions that pass arrays cost more than what the functions do, and so does numba's
    count of who holds an array: an atomic addition wherever a part of one is taken, for which threads wait.
    Who makes no array needs no count.
    """
    return _compile(function, into_callers=True)


def compiled_loop(function: _Function) -> _Function:
    """The function as machine code of its own, for what is called once and goes on for long.

    It may make arrays.  Rows that an inner loop needs are taken outside of it.
    """
    return _compile(function, into_callers=False)


def _compile(function: _Function, *, into_callers: bool) -> _Function:
    directory, config = _directory(), cast(Any, numba.config)
    before = config.CACHE_DIR
    # numba asks for the directory while it decorates: no other user of numba sees ours.
    config.CACHE_DIR = directory or before
    try:
        as_asked = cast(Any, numba.njit)(
            cache=directory is not None,
            nogil=True,  # it runs without Python's lock
            error_model="numpy",
            forceinline=into_callers,
            _nrt=not into_callers,  # numba's own name for it; its type stubs do not have it
        )
        return cast(_Function, as_asked(function))
    finally:
        config.CACHE_DIR = before


@cache
def _directory() -> str | None:
    """Where machine code is kept; None where nothing can be written."""
    files = sorted(file for folder in FOLDERS for file in (_ROOT / folder).rglob("*.py"))
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    try:
        directory = _caches() / digest
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return str(directory)
    except (OSError, RuntimeError):  # of pathlib, where nobody's home is known
        return None


def _caches() -> Path:
    if asked := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(asked)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tidecast" / "numba"
