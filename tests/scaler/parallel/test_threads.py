"""Work spread over threads: all of it, what fails in it, and Ctrl-C."""

import os
import signal
import threading
import time

import pytest

from scaler.parallel.interface import Stopped, in_order
from scaler.parallel.threads import Threads, processors, threads


def test_everything_is_done_once_and_several_at_a_time() -> None:
    both = threading.Barrier(2, timeout=20)

    def meets(item: int) -> int:
        if item < 2:
            both.wait()
        return item * item

    assert dict(Threads(2)(meets, range(20))) == {item: item * item for item in range(20)}
    assert list(Threads(4)(meets, [])) == []


def test_in_order_it_is_a_map() -> None:
    assert list(in_order(Threads(3))(str.upper, ["a", "b", "c"])) == ["A", "B", "C"]


def test_what_fails_in_a_thread_fails_here() -> None:
    def fails(item: int) -> int:
        return 1 // (item - 3)

    with pytest.raises(ZeroDivisionError):
        list(Threads(2)(fails, range(9)))


def test_ctrl_c_keeps_what_is_done() -> None:
    with threads(2) as executor:

        def interrupted(item: int) -> int:
            if item == 5:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
            return item

        done = dict(executor(interrupted, range(1000)))
        assert executor.stopped
        assert {0, 1, 2, 3} <= done.keys()
        assert len(done) < 1000
        assert list(executor(abs, range(9))) == list(executor.serial(abs, range(9))) == []
        with pytest.raises(Stopped):
            in_order(executor)(abs, [1, 2])


def test_a_second_ctrl_c_ends_the_process() -> None:
    with threads(1):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_job_for_each_processor() -> None:
    with threads(None) as executor:
        assert executor.jobs == processors() >= 1
