"""Define how long work reports its progress."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Receives the share that is done, 0..1."""
ProgressOf = Callable[[str], Progress]
"""Returns the receiver for a named activity."""


def no_progress(_: str) -> Progress:
    """Report no progress."""
    return lambda _: None
