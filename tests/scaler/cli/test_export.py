"""`tidecast export` from a server that responds as Prometheus does."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import run_cli
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from forecaster.sources.exports import read_export

TIDECAST = Path(sys.executable).with_name("tidecast")
UNTIL_S = 1_800_000_000
KEYS = "preset: custom\narrivals-query: mine\nbusy-query: busy\nscrape-interval: 15s\n"


class Prometheus:
    """Responds to range queries: 2 requests/s of half a second.

    blocks_after_s   queries that start later block until the end of the test; None = no query blocks.
    """

    def __init__(self, server: HTTPServer) -> None:
        self.blocks_after_s: float | None = None
        self.blocked, self.ended = threading.Event(), threading.Event()
        self.url = server.url_for("")
        server.expect_request("/api/v1/query_range").respond_with_handler(self.respond)

    def respond(self, request: Request) -> Response:
        form = request.form
        start_s, end_s, step_s = int(form["start"]), int(form["end"]), int(form["step"])
        if self.blocks_after_s is not None and start_s > self.blocks_after_s:
            self.blocked.set()
            self.ended.wait(60)
        value = "2" if form["query"] == "mine" else "1"
        values = [[time_s, value] for time_s in range(start_s, end_s + 1, step_s)]
        result = [
            {"metric": {"namespace": namespace, "revision": f"web-0000{k}"}, "values": values}
            for namespace in ("shop", "bank")
            for k in (1, 2)
        ]
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return Response(json.dumps({**body, "warnings": ["a store is away"]}))


@pytest.fixture
def prometheus(httpserver: HTTPServer) -> Iterator[Prometheus]:
    server = Prometheus(httpserver)
    yield server
    server.ended.set()


@pytest.fixture
def arguments(prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The command with its required arguments, in a folder with a configuration."""
    (tmp_path / "keys.yaml").write_text(KEYS)
    monkeypatch.chdir(tmp_path)
    return ("export", "--prometheus", prometheus.url, "--config", "keys.yaml", "--until", str(UNTIL_S))


@pytest.mark.parametrize("out", ["t.csv", "t.csv.gz", "t.parquet"])
def test_services_of_a_namespace_are_written_to_a_file(
    arguments: tuple[str, ...], tmp_path: Path, out: str
) -> None:
    got = run_cli(*arguments, "--since", "3d", "--namespace", "sh*", "--out", out)
    assert got.returncode == 0, got.stderr
    export = read_export(tmp_path / out)
    assert (export.series, export.start_s, export.step_s) == (("shop/web",), UNTIL_S - 3 * 86400, 60)
    assert export.counts.shape == (1, 3 * 1440)
    np.testing.assert_array_equal(export.counts, 240)
    assert export.service_time_s.tolist() == [0.5]
    assert got.stdout == ""
    assert got.stderr.splitlines() == [
        "tidecast: a store is away",
        f"tidecast: 4320 rows, 2027-01-12T08:00:00Z to 2027-01-15T08:00:00Z, are in {out}",
    ]


def test_ctrl_c_in_a_process_keeps_completed_rows(
    arguments: tuple[str, ...], prometheus: Prometheus, tmp_path: Path
) -> None:
    prometheus.blocks_after_s = UNTIL_S - 86400
    command = [*map(str, (TIDECAST, *arguments, "--since", "3d", "--out", "t.csv"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert prometheus.blocked.wait(60)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped: 5760 rows, 2027-01-12T08:00:00Z to 2027-01-14T08:00:00Z, are in t.csv" in stderr
    assert read_export(tmp_path / "t.csv").counts.shape == (2, 2 * 1440)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        pytest.param(["--out", "t.xlsx"], 2, ".csv, .csv.gz, .parquet can be written", id="file type"),
        pytest.param(["--out", "no/t.csv"], 2, "no/t.csv: No such file or directory", id="missing folder"),
        pytest.param(["--out", "t.csv", "--since", "soon"], 2, "'soon' is not a time", id="since"),
        pytest.param(["--out", "t.csv", "--until", "inf"], 2, "'inf' is not a time", id="until inf"),
        pytest.param(
            ["--out", "t.csv", "--until", "1e18"], 2, "'1e18' is not a time", id="until after year 9999"
        ),
        pytest.param(["--out", "t.csv", "--since", "2100-01-01"], 2, "is not before", id="since after until"),
        pytest.param(["--out", "t.csv", "--step", "1.5s"], 2, "whole seconds", id="step"),
        pytest.param(["--out", "t.csv", "--config", "none.yaml"], 2, "none.yaml", id="config"),
        pytest.param(
            ["--out", "t.csv", "--since", "1h", "--namespace", "x"], 3, "nothing was observed", id="nothing"
        ),
        pytest.param(
            ["--out", "t.csv", "--prometheus", "http://127.0.0.1:1"],
            3,
            "Connection refused",
            id="unreachable Prometheus",
        ),
    ],
)
def test_error_is_reported_and_no_file_is_written(
    arguments: tuple[str, ...], tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    got = run_cli(*arguments, *options)
    assert (got.returncode, got.stdout) == (code, "")
    assert message in " ".join(got.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["keys.yaml"]
