"""Work in other processes: on this machine, and on a real Dask cluster that loses a worker."""

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

# distributed closes the connections of a lost worker only when they are collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def squared(number: int) -> int:
    return number * number


def killed_once(folder: Path, number: int) -> int:
    """Return the square; kill the first process that receives 5."""
    time.sleep(0.05)
    if number == 5:
        with suppress(FileExistsError):
            (folder / "killed").touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always_killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def process_id(_: int) -> int:
    return os.getpid()


def failing(number: int) -> int:
    raise ZeroDivisionError(number)


def fleet() -> FleetHistory:
    rng, hours = np.random.default_rng(1), np.arange(60)
    keys = tuple(ServiceKey("shop", f"{i}") for i in range(16))
    mean = 10 + 6 * np.sin(2 * np.pi * hours / 24)
    arrivals = rng.poisson(mean, (len(keys), hours.size)).astype(np.float32)
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
    ) as local_cluster:
        yield local_cluster


def test_killed_worker_process_loses_no_work(tmp_path: Path) -> None:
    outputs = dict(processes(2)(partial(killed_once, tmp_path), range(12)))
    assert outputs == dict(serial(squared, range(12)))
    assert (tmp_path / "killed").exists()


def test_work_that_kills_every_worker_raises_lost_error() -> None:
    with pytest.raises(LostError, match="5 times"):
        list(processes(1)(always_killed, [1]))


def test_exception_in_a_process_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(processes(1)(failing, [1]))


def test_stopped_executor_awaits_no_more_outputs() -> None:
    completed: list[float] = []
    for item, _ in processes(1, lambda: bool(completed))(slept, [0.0, 2.0, 2.0]):
        completed.append(item)
    assert completed == [0.0]


def test_killed_dask_worker_loses_no_work(cluster: Any, tmp_path: Path) -> None:
    with dask(cluster.scheduler_address) as executor:
        outputs = dict(executor(partial(killed_once, tmp_path), range(40)))
    assert outputs == dict(serial(squared, range(40)))
    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_ensemble_refit_on_a_cluster_that_loses_a_worker_equals_the_local_one(cluster: Any) -> None:
    history, loss = fleet(), np.ones(16)
    local = refresh(Ensemble(3600), history, loss, cpu_s=1e3)
    with (
        dask(cluster.scheduler_address) as executor,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        worker = next(iter(client.run(os.getpid).values()))

        def losing_a_worker(work: Any, items: Any) -> Iterator[Any]:
            for i, completed in enumerate(executor(work, items)):
                if i == 0:
                    os.kill(worker, signal.SIGKILL)
                yield completed

        remote = refresh(Ensemble(3600), history, loss, cpu_s=1e3, executor=losing_a_worker)
    assert remote.records.keys() == local.records.keys()
    np.testing.assert_allclose(
        remote.forecast(history.keys).rates, local.forecast(history.keys).rates, rtol=1e-5
    )
    for key, record in local.records.items():
        np.testing.assert_allclose(remote.records[key].member_forecasts, record.member_forecasts, rtol=1e-4)
        assert remote.records[key].skill.adds_skill == record.skill.adds_skill


def test_closures_and_lambdas_run_on_a_cluster(cluster: Any) -> None:
    factor = 3
    with dask(cluster.scheduler_address) as executor:
        assert dict(executor(lambda number: factor * number, range(5))) == {
            number: 3 * number for number in range(5)
        }
        assert dict(executor(squared, [])) == {}


def test_exception_on_a_cluster_is_raised(cluster: Any) -> None:
    with dask(cluster.scheduler_address) as executor, pytest.raises(ZeroDivisionError):
        list(executor(failing, [1]))


@pytest.mark.slow
def test_unreachable_cluster_raises_cluster_error() -> None:
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:9"), dask("tcp://127.0.0.1:9"):
        pass


def test_remote_or_local_uses_a_reachable_cluster(cluster: Any) -> None:
    with remote_or_local(cluster.scheduler_address, stopped=lambda: False, missed=pytest.fail) as executor:
        pids = {pid for _, pid in executor(process_id, range(4))}
    with distributed.Client(cluster, set_as_default=False) as client:
        assert pids <= set(client.run(os.getpid).values())


@pytest.mark.parametrize("address", [None, pytest.param("tcp://127.0.0.1:9", marks=pytest.mark.slow)])
def test_remote_or_local_uses_a_process_without_a_reachable_cluster(address: str | None) -> None:
    reasons: list[str] = []
    with remote_or_local(address, stopped=lambda: False, missed=reasons.append) as executor:
        ((_, pid),) = executor(process_id, [1])
    assert pid != os.getpid()
    assert len(reasons) == (address is not None)
