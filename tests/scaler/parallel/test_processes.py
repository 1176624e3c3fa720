"""Work in other processes: on this machine, and on a real Dask cluster one of whose workers is killed."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.forecasting.ensemble import Ensemble
from forecaster.forecasting.refit_schedule import refresh
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from scaler.parallel.interface import serial
from scaler.parallel.processes import ClusterError, LostError, dask, processes, remote_or_local

distributed: Any = pytest.importorskip("distributed")

# distributed closes connections of a worker that is gone when they are collected, not before.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def squared(number: int) -> int:
    return number * number


def killed_once(places: Path, number: int) -> int:
    """The square; the first process that comes to 5 is killed."""
    time.sleep(0.05)
    if number == 5:
        with suppress(FileExistsError):
            (places / "killed").touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always_killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def whose(_: int) -> int:
    return os.getpid()


def refused(number: int) -> int:
    raise ZeroDivisionError(number)


def fleet() -> FleetHistory:
    rng, at = np.random.default_rng(1), np.arange(60)
    keys = tuple(ServiceKey("shop", f"{i}") for i in range(16))
    mean = 10 + 6 * np.sin(2 * np.pi * at / 24)
    arrivals = rng.poisson(mean, (len(keys), at.size)).astype(np.float32)
    return FleetHistory(keys, arrivals, 0, 3600, np.full(len(keys), np.nan))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
        silence_logs=50,
    ) as its:
        yield its


def test_one_worker_process_killed_in_the_middle_and_nothing_lost(tmp_path: Path) -> None:
    done = dict(processes(2)(partial(killed_once, tmp_path), range(12)))
    assert done == dict(serial(squared, range(12)))
    assert (tmp_path / "killed").exists()


def test_work_that_kills_whoever_does_it_is_given_up() -> None:
    with pytest.raises(LostError, match="5 times"):
        list(processes(1)(always_killed, [1]))


def test_what_work_raises_in_a_process_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(processes(1)(refused, [1]))


def test_once_it_is_stopped_no_more_is_awaited() -> None:
    done: list[float] = []
    for item, _ in processes(1, lambda: bool(done))(slept, [0.0, 2.0, 2.0]):
        done.append(item)
    assert done == [0.0]


def test_one_worker_of_a_cluster_killed_in_the_middle_and_nothing_lost(cluster: Any, tmp_path: Path) -> None:
    with dask(cluster.scheduler_address) as executor:
        done = dict(executor(partial(killed_once, tmp_path), range(40)))
    assert done == dict(serial(squared, range(40)))
    assert (tmp_path / "killed").exists()


def test_the_slow_lane_on_a_cluster_that_loses_a_worker_is_the_slow_lane(cluster: Any) -> None:
    history, loss = fleet(), np.ones(16)
    here = refresh(Ensemble(3600), history, loss, cpu_s=1e3)
    with (
        dask(cluster.scheduler_address) as executor,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))

        def and_one_is_killed(work: Any, items: Any) -> Iterator[Any]:
            for i, each in enumerate(executor(work, items)):
                if i == 0:
                    os.kill(victim, signal.SIGKILL)
                yield each

        there = refresh(Ensemble(3600), history, loss, cpu_s=1e3, executor=and_one_is_killed)
    assert there.records.keys() == here.records.keys()
    np.testing.assert_allclose(
        there.forecast(history.keys).rates, here.forecast(history.keys).rates, rtol=1e-5
    )
    for key, kept in here.records.items():
        np.testing.assert_allclose(there.records[key].member_forecasts, kept.member_forecasts, rtol=1e-4)
        assert there.records[key].skill.adds_skill == kept.skill.adds_skill


def test_closures_and_lambdas_travel_to_a_cluster(cluster: Any) -> None:
    by = 3
    with dask(cluster.scheduler_address) as executor:
        assert dict(executor(lambda k: by * k, range(5))) == {k: 3 * k for k in range(5)}
        assert dict(executor(squared, [])) == {}


def test_what_work_raises_on_a_cluster_is_raised_here(cluster: Any) -> None:
    with dask(cluster.scheduler_address) as executor, pytest.raises(ZeroDivisionError):
        list(executor(refused, [1]))


def test_a_cluster_that_does_not_answer_is_told() -> None:
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:9"), dask("tcp://127.0.0.1:9"):
        pass


def test_elsewhere_is_the_cluster_where_it_answers(cluster: Any) -> None:
    with remote_or_local(cluster.scheduler_address, stopped=lambda: False, missed=pytest.fail) as executor:
        pids = {pid for _, pid in executor(whose, range(4))}
    with distributed.Client(cluster, set_as_default=False) as client:
        assert pids <= set(client.run(os.getpid).values())


@pytest.mark.parametrize("address", [None, "tcp://127.0.0.1:9"])
def test_elsewhere_is_a_process_of_its_own_where_no_cluster_answers(address: str | None) -> None:
    why: list[str] = []
    with remote_or_local(address, stopped=lambda: False, missed=why.append) as executor:
        ((_, pid),) = executor(whose, [1])
    assert pid != os.getpid()
    assert len(why) == (address is not None)
