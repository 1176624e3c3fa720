"""`tidecast export` against a server that answers as Prometheus does."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from forecaster.sources.exports import read_export

UNTIL_S = 1_800_000_000
KEYS = "preset: custom\narrivals-query: mine\nbusy-query: busy\nscrape-interval: 15s\n"


class Prometheus:
    """Answers range queries: 2 requests/s of half a second; waits where it is told to."""

    def __init__(self, server: HTTPServer) -> None:
        self.waits_from_s: float | None = None
        self.waiting, self.over = threading.Event(), threading.Event()
        self.url = server.url_for("")
        server.expect_request("/api/v1/query_range").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        asked = request.form
        start, end, step = int(asked["start"]), int(asked["end"]), int(asked["step"])
        if self.waits_from_s is not None and start > self.waits_from_s:
            self.waiting.set()
            self.over.wait(60)
        value = "2" if asked["query"] == "mine" else "1"
        values = [[at, value] for at in range(start, end + 1, step)]
        result = [
            {"metric": {"namespace": namespace, "revision": f"web-0000{k}"}, "values": values}
            for namespace in ("shop", "bank")
            for k in (1, 2)
        ]
        told = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return Response(json.dumps({**told, "warnings": ["a store is away"]}))


@pytest.fixture
def prometheus(httpserver: HTTPServer) -> Iterator[Prometheus]:
    answering = Prometheus(httpserver)
    yield answering
    answering.over.set()


@pytest.fixture
def start(prometheus: Prometheus, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    (tmp_path / "keys.yaml").write_text(KEYS)

    def started(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from scaler.cli import main; main()", "export"]
        command += ["--prometheus", prometheus.url, "--config", "keys.yaml", "--until", str(UNTIL_S), *more]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return started


Start = Callable[..., subprocess.Popen[str]]


@pytest.mark.parametrize("out", ["t.csv", "t.csv.gz", "t.parquet"])
def test_services_of_a_namespace_go_to_a_file(start: Start, tmp_path: Path, out: str) -> None:
    process = start("--since", "3d", "--namespace", "sh*", "--out", out)
    told, said = process.communicate()
    assert process.returncode == 0, said
    export = read_export(tmp_path / out)
    assert (export.series, export.start_s, export.step_s) == (("shop/web",), UNTIL_S - 3 * 86400, 60)
    assert export.counts.shape == (1, 3 * 1440)
    np.testing.assert_array_equal(export.counts, 240)
    assert export.service_time_s.tolist() == [0.5]
    assert told == ""
    assert said.splitlines() == [
        "tidecast: a store is away",
        f"tidecast: 4320 rows, 2027-01-12T08:00:00Z to 2027-01-15T08:00:00Z, are in {out}",
    ]


def test_ctrl_c_keeps_what_is_done_and_says_it(start: Start, prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.waits_from_s = UNTIL_S - 86400
    process = start("--since", "3d", "--out", "t.csv")
    assert prometheus.waiting.wait(60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped: 5760 rows, 2027-01-12T08:00:00Z to 2027-01-14T08:00:00Z, are in t.csv" in said
    assert read_export(tmp_path / "t.csv").counts.shape == (2, 2 * 1440)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        pytest.param(["--out", "t.xlsx"], 2, ".csv, .csv.gz, .parquet can be written", id="kind"),
        pytest.param(["--out", "no/t.csv"], 2, "no/t.csv: No such file or directory", id="place"),
        pytest.param(["--out", "t.csv", "--since", "soon"], 2, "'soon' is not a time", id="since"),
        pytest.param(["--out", "t.csv", "--until", "inf"], 2, "'inf' is not a time", id="no end"),
        pytest.param(["--out", "t.csv", "--until", "1e18"], 2, "'1e18' is not a time", id="no such year"),
        pytest.param(["--out", "t.csv", "--since", "2100-01-01"], 2, "is not before", id="order"),
        pytest.param(["--out", "t.csv", "--step", "1.5s"], 2, "whole seconds", id="step"),
        pytest.param(["--out", "t.csv", "--config", "none.yaml"], 2, "none.yaml", id="config"),
        pytest.param(
            ["--out", "t.csv", "--since", "1h", "--namespace", "x"], 3, "nothing was observed", id="nothing"
        ),
        pytest.param(
            ["--out", "t.csv", "--prometheus", "http://127.0.0.1:1"], 3, "Connection refused", id="nobody"
        ),
    ],
)
def test_what_is_wrong_is_said_and_no_file_is_made(
    start: Start, tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    process = start(*options)
    told, said = process.communicate()
    assert (process.returncode, told) == (code, "")
    assert says in " ".join(said.split())
    assert [path.name for path in tmp_path.iterdir()] == ["keys.yaml"]
