"""Ctrl-C while there is nothing yet that could be kept: it ends the process there and then.

Python turns Ctrl-C into an exception in whatever runs at that moment.  While modules load and code compiles
that may be a callback whose exceptions are dropped, and the program goes on as if nothing had been asked.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
"""What a shell reports of a process that Ctrl-C has ended: 128 + SIGINT."""


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Inside, Ctrl-C ends the process without unwinding; a process told to ignore it goes on ignoring it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(_: int, __: Any) -> None:
    os._exit(INTERRUPTED)
