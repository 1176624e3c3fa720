"""A backtest on a Dask cluster of two workers, one of which is killed: byte-identical output."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import run_cli

distributed: Any = pytest.importorskip("distributed")

# distributed closes the connections of a killed worker only when they are garbage-collected.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OPTIONS = [
    "--delay-cost",
    "30",
    "--policy",
    "tidecast",
    "--policy",
    "kpa-u50",
    "--scenario",
    "sparse",
    "--json",
]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    lines = [
        f"{60 * minute},shop/{k},{rng.poisson(5 * (k + 1))}" for k in range(5) for minute in range(3 * 60)
    ]
    file = tmp_path / "export.csv"
    file.write_text("timestamp,series,requests\n" + "\n".join(lines) + "\n")
    return file


def kill_during_work(client: Any, pid: int) -> None:
    """Kill a worker as soon as the cluster processes tasks."""
    until_s = time.monotonic() + 60
    while not any(client.processing().values()) and time.monotonic() < until_s:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def has_ended(client: Any, pid: int) -> bool:
    """Whether the cluster drops the worker within 30 seconds."""
    until_s = time.monotonic() + 30
    while pid in client.run(os.getpid, on_error="ignore").values():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.slow
def test_killed_worker_changes_no_output(export: Path) -> None:
    local = run_cli("backtest", export, *OPTIONS)
    assert local.returncode == 0, local.stderr
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        pid = next(iter(client.run(os.getpid).values()))
        killing = threading.Thread(target=kill_during_work, args=(client, pid))
        killing.start()
        remote = run_cli("backtest", export, *OPTIONS, "--dask", cluster.scheduler_address)
        killing.join()
        assert has_ended(client, pid)
    assert remote.returncode == 0, remote.stderr
    assert remote.stdout == local.stdout


@pytest.mark.slow
def test_unreachable_cluster_is_an_error(export: Path) -> None:
    run = run_cli("backtest", export, *OPTIONS, "--dask", "tcp://127.0.0.1:9")
    assert (run.returncode, run.stdout) == (2, "")
    assert "tcp://127.0.0.1:9" in run.stderr
