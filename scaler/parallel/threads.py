"""Apply a function to many items on threads; Ctrl-C ends the work and keeps what is completed."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from scaler.parallel.interface import Item, Output


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """An executor with a number of threads, which can be stopped.

    The threads are daemons: an item that is incomplete when they are stopped is abandoned.
    """

    def __init__(self, jobs: int) -> None:
        self.stopped = False
        self._jobs = jobs
        self._completed: SimpleQueue[Any] = SimpleQueue()

    @property
    def jobs(self) -> int:
        """Number of threads."""
        return self._jobs

    def stop(self) -> None:
        """Start no more items and yield no more outputs; a signal handler may call this."""
        self.stopped = True
        self._completed.put(None)

    def serial(self, work: Callable[[Item], Output], items: Sequence[Item]) -> Iterator[tuple[Item, Output]]:
        """Apply the function without threads, so that `work` may use them; stop between two items."""
        for item in items:
            if self.stopped:
                return
            yield item, work(item)

    def __call__(
        self, work: Callable[[Item], Output], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Output]]:
        """Yield each item with the output of `work`, as they are completed.

        Raises:
            Exception: whatever `work` raises.
        """
        completed: SimpleQueue[Any] = SimpleQueue()
        self._completed, remaining, lock = completed, iter(items), threading.Lock()

        def run() -> None:
            while not self.stopped:
                with lock:
                    item = next(remaining, None)
                if item is None:
                    return
                try:
                    completed.put((item, work(item), None))
                except BaseException as error:  # raised again where the outputs are awaited
                    completed.put((item, None, error))
                    return

        for _ in range(0 if self.stopped else min(self._jobs, len(items))):
            threading.Thread(target=run, daemon=True).start()
        for _ in items:
            entry = None if self.stopped and completed.empty() else completed.get()
            if entry is None:
                return
            item, output, error = entry
            if error is not None:
                self.stopped = True
                raise error
            yield item, output


@contextmanager
def threads(jobs: int | None) -> Iterator[Threads]:
    """Yield an executor that Ctrl-C stops; a second Ctrl-C ends the process.

    jobs   number of threads; None = one per processor
    """
    executor = Threads(processors() if jobs is None else jobs)

    def stop(_: int, __: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        executor.stop()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield executor
    finally:
        signal.signal(signal.SIGINT, previous)
