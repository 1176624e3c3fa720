"""Apply a function to many items in processes of this machine, or on a Dask cluster.

    processes(jobs)            worker processes
    dask(address)              a cluster of `distributed` (the extra `dask`), with Tidecast on its workers too
    remote_or_local(address)   that cluster where it answers, else one process

Each returns an `Executor`.  A worker that is lost loses no work: the items that it had are sent out again.

* ClusterError   the user: there is no such cluster, or the extra is not installed
* LostError      workers are lost again and again
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from scaler.parallel.interface import Executor, Item, Output

CONNECT_S = 10
"""Seconds in which a Dask scheduler must answer."""
POLL_S = 0.5
"""Seconds from one check for a stop to the next."""
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit the threads of BLAS."""
MAX_TRIES = 5
"""An item whose worker was lost this often is the likely cause, and is not sent out again."""


class ClusterError(RuntimeError):
    """Work cannot be sent to the cluster."""

    exit_code = 2


class LostError(RuntimeError):
    """Workers were lost MAX_TRIES times at the same work."""


def stopped_by(executor: Executor, stopped: Callable[[], bool]) -> Executor:
    """Return an executor that awaits no more outputs once `stopped` returns True."""

    def until_stopped(work: Callable[[Item], Output], items: Sequence[Item]) -> Iterator[tuple[Item, Output]]:
        for completed in () if stopped() else executor(work, items):
            yield completed
            if stopped():
                return

    return until_stopped


def processes(jobs: int, stopped: Callable[[], bool] = lambda: False) -> Executor:
    """Return an executor with `jobs` new processes, which hold nothing of the threads of this process.

    Once `stopped` returns True, no more outputs are awaited, and incomplete items are abandoned.  The
    executor raises LostError where workers are lost MAX_TRIES times.
    """

    def run(work: Callable[[Item], Output], items: Sequence[Item]) -> Iterator[tuple[Item, Output]]:
        remaining, tries = list(range(len(items))), 0
        while remaining:
            completed: set[int] = set()
            try:
                with _one_blas_thread(), _pool(min(jobs, len(remaining)), stopped) as pool:
                    sent = {pool.submit(work, items[i]): i for i in remaining}
                    for future in _as_completed(set(sent), stopped):
                        output = future.result()
                        completed.add(sent[future])
                        yield items[sent[future]], output
                    if stopped():
                        return
            except BrokenProcessPool as error:
                tries += 1
                if tries >= MAX_TRIES:
                    raise LostError(f"worker processes were lost {tries} times") from error
            remaining = [i for i in remaining if i not in completed]

    return run


def _as_completed(sent: set[Future[Any]], stopped: Callable[[], bool]) -> Iterator[Future[Any]]:
    while sent and not stopped():
        completed, sent = wait(sent, timeout=POLL_S, return_when=FIRST_COMPLETED)
        yield from completed


@contextmanager
def _pool(jobs: int, stopped: Callable[[], bool]) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=not stopped(), cancel_futures=True)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread in processes that start meanwhile: more threads would wait and spin."""
    previous = {name: os.environ.get(name) for name in BLAS}
    os.environ.update({name: os.environ.get(name, "1") for name in BLAS})
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """Yield an executor on the Dask cluster whose scheduler is at `address`, such as
    tcp://dask-scheduler:8786.

    Raises:
        ClusterError: the scheduler cannot be reached, or the extra `dask` is not installed.
        LostError: raised by the executor where the workers of an item are lost MAX_TRIES times.
    """
    try:
        client_of = import_module("distributed").Client
    except ImportError as error:
        raise ClusterError("the extra `dask` is not installed: pip install 'tidecast[dask]'") from error
    try:
        client = client_of(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler at {address}: {str(error).splitlines()[0]}") from error
    with client:
        yield lambda work, items: _on_cluster(client, work, items)


@contextmanager
def remote_or_local(
    address: str | None, *, stopped: Callable[[], bool], missed: Callable[[str], None]
) -> Iterator[Executor]:
    """Yield an executor on the cluster at `address`; in one process here where that is None or does not
    answer.

    stopped   once it returns True, no more outputs are awaited
    missed    receives the reason why a cluster is not used
    """
    with ExitStack() as stack:
        executor: Executor = processes(1, stopped)
        if address is not None:
            try:
                executor = stopped_by(stack.enter_context(dask(address)), stopped)
            except ClusterError as error:
                missed(str(error))
        yield executor


def _on_cluster(
    client: Any, work: Callable[[Item], Output], items: Sequence[Item]
) -> Iterator[tuple[Item, Output]]:
    """Send the work once, as bytes (it may hold a fleet), then the items, and again those that were lost."""
    packed = import_module("distributed.protocol.pickle").dumps(work)
    shared = client.scatter(packed, direct=False, hash=False)
    sent, tries = {}, dict.fromkeys(range(len(items)), 0)

    def send(i: int) -> Any:
        future = client.submit(_run_packed, shared, items[i], pure=False)
        sent[future.key] = i
        return future

    futures = import_module("distributed").as_completed(
        [send(i) for i in range(len(items))], loop=client.loop
    )
    for future in futures:
        i = sent.pop(future.key)
        if not _lost(future):
            yield items[i], future.result()
            continue
        tries[i] += 1
        if tries[i] >= MAX_TRIES:
            raise LostError(f"workers were lost {MAX_TRIES} times at item {i}")
        if shared.status != "finished":
            shared = client.scatter(packed, direct=False, hash=False)
        futures.add(send(i))


def _lost(future: Any) -> bool:
    """Return whether the worker of a future failed, or its data are lost, rather than its work failed."""
    if future.status in {"cancelled", "lost"}:
        return True
    killed = import_module("distributed").KilledWorker
    return future.status == "error" and isinstance(future.exception(), killed)


def _run_packed(packed: bytes, item: Any) -> Any:
    """Run the work on a worker."""
    return import_module("distributed.protocol.pickle").loads(packed)(item)
