"""Work that is the same for many, spread over threads; Ctrl-C ends it with what is done."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """So many threads at a time, and whether someone stopped them.

    They are daemons: what a thread is at when it is stopped is not waited for.
    """

    def __init__(self, jobs: int) -> None:
        self.stopped = False
        self._jobs = jobs
        self._done: SimpleQueue[Any] = SimpleQueue()

    @property
    def jobs(self) -> int:
        """Threads at a time."""
        return self._jobs

    def stop(self) -> None:
        """No more is begun or given out; a signal handler may call it."""
        self.stopped = True
        self._done.put(None)

    def serial(self, work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[Item, Made]]:
        """Without threads, so that the work may use them; stopped between two items."""
        for item in items:
            if self.stopped:
                return
            yield item, work(item)

    def __call__(self, work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[Item, Made]]:
        """Each item with what `work` made of it, as they are done.  What `work` raises is raised here."""
        done: SimpleQueue[Any] = SimpleQueue()
        self._done, todo, lock = done, iter(items), threading.Lock()

        def go_on() -> None:
            while not self.stopped:
                with lock:
                    item = next(todo, None)
                if item is None:
                    return
                try:
                    done.put((item, work(item), None))
                except BaseException as e:  # raised again where the results are awaited
                    done.put((item, None, e))
                    return

        for _ in range(0 if self.stopped else min(self._jobs, len(items))):
            threading.Thread(target=go_on, daemon=True).start()
        for _ in items:
            got = None if self.stopped and done.empty() else done.get()
            if got is None:
                return
            item, made, error = got
            if error is not None:
                self.stopped = True
                raise error
            yield item, made


@contextmanager
def threads(jobs: int | None) -> Iterator[Threads]:
    """Threads that Ctrl-C stops, one for each processor where no number is given.

    The second Ctrl-C ends the process.
    """
    its = Threads(processors() if jobs is None else jobs)

    def stop(_: int, __: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        its.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield its
    finally:
        signal.signal(signal.SIGINT, before)
