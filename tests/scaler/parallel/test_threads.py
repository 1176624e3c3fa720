"""Work on threads: complete outputs, exceptions, and Ctrl-C."""

import os
import signal
import threading
import time

import pytest

from scaler.parallel.interface import Stopped, in_order
from scaler.parallel.threads import Threads, processors, threads


def test_every_item_runs_once_and_two_run_concurrently() -> None:
    barrier = threading.Barrier(2, timeout=20)

    def squared(item: int) -> int:
        if item < 2:
            barrier.wait()
        return item * item

    assert dict(Threads(2)(squared, range(20))) == {item: item * item for item in range(20)}
    assert list(Threads(4)(squared, [])) == []


def test_in_order_keeps_the_order_of_items() -> None:
    assert list(in_order(Threads(3))(str.upper, ["a", "b", "c"])) == ["A", "B", "C"]


def test_exception_in_a_thread_is_raised() -> None:
    def failing(item: int) -> int:
        return 1 // (item - 3)

    with pytest.raises(ZeroDivisionError):
        list(Threads(2)(failing, range(9)))


def test_ctrl_c_keeps_completed_outputs() -> None:
    with threads(2) as executor:

        def interrupted(item: int) -> int:
            if item == 5:
                os.kill(os.getpid(), signal.SIGINT)
                # The main thread handles the signal: until then no further item is taken here.
                end_s = time.monotonic() + 30
                while not executor.stopped and time.monotonic() < end_s:
                    time.sleep(0.001)
            return item

        outputs = dict(executor(interrupted, range(1000)))
        assert executor.stopped
        assert {0, 1, 2, 3} <= outputs.keys()
        assert len(outputs) < 1000
        assert list(executor(abs, range(9))) == list(executor.serial(abs, range(9))) == []
        with pytest.raises(Stopped):
            in_order(executor)(abs, [1, 2])


def test_second_ctrl_c_ends_the_process() -> None:
    with threads(1):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_default_is_one_job_per_processor() -> None:
    with threads(None) as executor:
        assert executor.jobs == processors() >= 1
