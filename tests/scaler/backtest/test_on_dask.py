"""A backtest on a Dask cluster of two workers, one of which is killed: the same figures, byte for byte."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scaler.cli.app import app
from scaler.parallel.processes import ClusterError

distributed: Any = pytest.importorskip("distributed")

# distributed closes connections of a worker that is gone when they are collected, not before.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ASKED = [
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


def kill_at_work(client: Any, pid: int) -> None:
    """As soon as there is work on the cluster."""
    until_s = time.monotonic() + 60
    while not any(client.processing().values()) and time.monotonic() < until_s:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def until_gone(client: Any, pid: int) -> bool:
    until_s = time.monotonic() + 30
    while pid in client.run(os.getpid, on_error="ignore").values():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def test_one_worker_killed_and_the_figures_are_the_same(export: Path) -> None:
    here = CliRunner().invoke(app, ["backtest", str(export), *ASKED])
    assert here.exit_code == 0, here.stderr
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
        killing = threading.Thread(target=kill_at_work, args=(client, pid))
        killing.start()
        there = CliRunner().invoke(
            app, ["backtest", str(export), *ASKED, "--dask", cluster.scheduler_address]
        )
        killing.join()
        assert until_gone(client, pid)
    assert there.exit_code == 0, there.stderr
    assert there.stdout == here.stdout


def test_no_cluster_at_the_address(export: Path) -> None:
    told = CliRunner().invoke(app, ["backtest", str(export), *ASKED, "--dask", "tcp://127.0.0.1:9"])
    assert isinstance(told.exception, ClusterError)
    assert ClusterError.exit_code == 2
