"""Compiles functions with numba and caches the machine code for the next process.

The cache is under $NUMBA_CACHE_DIR if that is set, else under the user's cache directory.  To decide whether
cached code is still valid, numba looks at the source file of the function alone, not at the files of the
functions that it calls; so the name of the directory contains a digest of all folders that hold compiled
code.  Where no directory can be written, each process compiles again.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

FOLDERS = ("models", "scaler/kpa", "scaler/simulation", "scaler/plan", "scaler/shadow")
"""Folders with compiled code and with the constants that are compiled into it."""
_ROOT = Path(__file__).parents[2]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a function that is inlined into its callers and makes no arrays.

    Calls between small functions that pass arrays cost more than the work of these functions.  So does the
    reference counting of numba: an atomic addition wherever a slice of an array is taken, for which threads
    wait.  A function that makes no array needs no reference counting.
    """
    return _compile(function, into_callers=True)


def compiled_loop(function: _Function) -> _Function:
    """Compile a function that is called once and runs for long; it is not inlined and may make arrays.

    Slices that an inner loop needs are taken outside of that loop.
    """
    return _compile(function, into_callers=False)


def _compile(function: _Function, *, into_callers: bool) -> _Function:
    directory, config = _directory(), cast(Any, numba.config)
    configured = config.CACHE_DIR
    # numba reads the directory while it decorates: other users of numba in this process keep their own.
    config.CACHE_DIR = directory or configured
    try:
        decorator = cast(Any, numba.njit)(
            cache=directory is not None,
            nogil=True,
            error_model="numpy",
            forceinline=into_callers,
            _nrt=not into_callers,  # numba's own name for reference counting; its type stubs do not have it
        )
        return cast(_Function, decorator(function))
    finally:
        config.CACHE_DIR = configured


@cache
def _directory() -> str | None:
    """The directory of the cached machine code; None if it cannot be written."""
    files = sorted(file for folder in FOLDERS for file in (_ROOT / folder).rglob("*.py"))
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    try:
        directory = _cache_root() / digest
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return str(directory)
    except (OSError, RuntimeError):  # pathlib raises RuntimeError where the home directory is not known
        return None


def _cache_root() -> Path:
    if configured := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(configured)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tidecast" / "numba"
