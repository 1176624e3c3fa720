"""The same function for many, somewhere else: in processes of this machine, or on a Dask cluster.

    processes(jobs)      worker processes
    dask(address)        a cluster of `distributed`, the extra `dask`, with Tidecast on its workers too
    remote_or_local(address)   that cluster where it answers, else one process

Each gives a Executor as scaler.parallel.interface describes it.  A worker that is lost takes nothing along: what
it was at, and what it alone had been given, is sent out again.

* ClusterError   the user: there is no such cluster, or the extra is not installed
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from importlib import import_module
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

Made = TypeVar("Made")

CONNECT_S = 10
LOOK_S = 0.5
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
TRIES = 5
"""An item whose worker was lost so often is the reason itself, and is not sent out again."""


class ClusterError(RuntimeError):
    """Work cannot be sent to the cluster."""

    exit_code = 2


class LostError(RuntimeError):
    """Workers were lost so often, at the same work, that it is not sent out again."""


class Executor(Protocol):
    """Does the same for many."""

    def __call__(self, work: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[tuple[Any, Made]]:
        """Each item with what `work` made of it, as they are done.  What `work` raises is raised here."""
        ...


def stopped_by(executor: Executor, stopped: Callable[[], bool]) -> Executor:
    """The same, but no more is awaited once `stopped` says so."""

    def until(work: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[tuple[Any, Made]]:
        for each in () if stopped() else executor(work, items):
            yield each
            if stopped():
                return

    return until


def serial(work: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[tuple[Any, Made]]:
    """Here, one after the other."""
    return ((item, work(item)) for item in items)


def processes(jobs: int, stopped: Callable[[], bool] = lambda: False) -> Executor:
    """So many processes at a time; they are new ones, which hold nothing of this one's threads.

    Once `stopped` says so no more is awaited; what is being worked at then is let go.
    """

    def executor(work: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[tuple[Any, Made]]:
        todo, tries = list(range(len(items))), 0
        while todo:
            done: set[int] = set()
            try:
                with _one_thread_each(), _pool(min(jobs, len(todo)), stopped) as pool:
                    sent = {pool.submit(work, items[i]): i for i in todo}
                    for future in _as_completed(set(sent), stopped):
                        made = future.result()
                        done.add(sent[future])
                        yield items[sent[future]], made
                    if stopped():
                        return
            except BrokenProcessPool as e:
                tries += 1
                if tries >= TRIES:
                    raise LostError(f"worker processes were lost {tries} times") from e
            todo = [i for i in todo if i not in done]

    return executor


def _as_completed(sent: set[Future[Any]], stopped: Callable[[], bool]) -> Iterator[Future[Any]]:
    while sent and not stopped():
        done, sent = wait(sent, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        yield from done


@contextmanager
def _pool(jobs: int, stopped: Callable[[], bool]) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=not stopped(), cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """For processes begun meanwhile: threads of BLAS in several processes wait for each other, and spin."""
    before = {name: os.environ.get(name) for name in BLAS}
    os.environ.update({name: os.environ.get(name, "1") for name in BLAS})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """A cluster whose scheduler is at `address`, such as tcp://dask-scheduler:8786.

    Raises ClusterError where it cannot be reached.
    """
    try:
        client_of = import_module("distributed").Client
    except ImportError as e:
        raise ClusterError("the extra `dask` is not installed: pip install 'tidecast[dask]'") from e
    try:
        client = client_of(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as e:
        raise ClusterError(f"no Dask scheduler at {address}: {str(e).splitlines()[0]}") from e
    with client:
        yield lambda work, items: _on_cluster(client, work, items)


@contextmanager
def remote_or_local(
    address: str | None, *, stopped: Callable[[], bool], missed: Callable[[str], None]
) -> Iterator[Executor]:
    """On the cluster at `address`, or in one process of this machine where it is None or does not answer.

    stopped   once it says so no more is awaited; missed: is told why a cluster does not serve
    """
    with ExitStack() as stack:
        executor: Executor = processes(1, stopped)
        if address is not None:
            try:
                executor = stopped_by(stack.enter_context(dask(address)), stopped)
            except ClusterError as e:
                missed(str(e))
        yield executor


def _on_cluster(client: Any, work: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[tuple[Any, Made]]:
    """The work goes out once, as bytes: it may hold a fleet.  Items follow, and again when they were lost."""
    packed = import_module("distributed.protocol.pickle").dumps(work)
    shared = client.scatter(packed, direct=False, hash=False)
    sent, tries = {}, dict.fromkeys(range(len(items)), 0)

    def send(i: int) -> Any:
        future = client.submit(_worked, shared, items[i], pure=False)
        sent[future.key] = i
        return future

    coming = import_module("distributed").as_completed([send(i) for i in range(len(items))], loop=client.loop)
    for future in coming:
        i = sent.pop(future.key)
        if not _lost(future):
            yield items[i], future.result()
            continue
        tries[i] += 1
        if tries[i] >= TRIES:
            raise LostError(f"workers were lost {TRIES} times at item {i}")
        if shared.status != "finished":
            shared = client.scatter(packed, direct=False, hash=False)
        coming.add(send(i))


def _lost(future: Any) -> bool:
    """Whether it is not its work but its worker that failed, or the data that worker had."""
    if future.status in {"cancelled", "lost"}:
        return True
    return future.status == "error" and isinstance(
        future.exception(), import_module("distributed").KilledWorker
    )


def _worked(packed: bytes, item: Any) -> Any:
    """On a worker."""
    return import_module("distributed.protocol.pickle").loads(packed)(item)
