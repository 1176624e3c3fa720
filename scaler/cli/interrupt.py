"""Let Ctrl-C end the process at once while there is no work to keep.

Python raises Ctrl-C as an exception in the code that runs at that moment.  While modules load and code
compiles, that may be a callback whose exceptions are dropped, and the program would continue.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
"""Exit code that a shell reports for a process that Ctrl-C ended: 128 + SIGINT."""


@contextmanager
def interrupt_ends_process() -> Iterator[None]:
    """End the process without unwinding on Ctrl-C; a process that ignores Ctrl-C continues to ignore it."""
    previous = signal.getsignal(signal.SIGINT)
    if previous is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _end(_: int, __: Any) -> None:
    os._exit(INTERRUPTED)
