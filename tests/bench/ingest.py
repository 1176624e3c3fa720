"""How fast history comes in: from a real Prometheus to a filled matrix.

    python tests/bench/ingest.py [--series 1000] [--rounds 3] [--json]

A thousand series of one day at 60 s are backfilled into a Prometheus of its own, and read by Tidecast's
reader and by prometheus-api-client as it comes, alternately, with the same query.  Wall time, the server's
share included; the median of the rounds.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray
from prometheus_api_client import PrometheusConnect

from config.sources import Sources
from forecaster.sources.prometheus_source import PrometheusSource

GETS_IT = "apt-get install -y --no-install-recommends prometheus"
STEP_S, DAY_S = 60, 86400
QUERY = "bench_requests_per_second"

Matrix = NDArray[np.float32]


def program(name: str) -> str:
    """Its path; ends the process with the line that gets it where it is missing."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not on the PATH; this gets it: {GETS_IT}")
    return found


def write_series(path: Path, series: int, end_s: int) -> None:
    """Traffic of a day per series, as OpenMetrics."""
    times = np.arange(end_s - DAY_S, end_s + STEP_S, STEP_S)
    with path.open("w") as out:
        for i in range(series):
            rng = np.random.default_rng(i)
            rate = rng.gamma(2.0, 3.0) * (1.2 + np.sin(2 * np.pi * times / DAY_S + i))
            counted = rng.poisson(rate * STEP_S) / STEP_S
            told = f'bench_requests_per_second{{namespace="ns-{i % 20}",revision="service-{i:04d}-00001"}}'
            out.writelines(
                f"{told} {value:.6g} {at}\n" for value, at in zip(counted, times.tolist(), strict=True)
            )
        out.write("# EOF\n")


@contextmanager
def prometheus(directory: Path, series: int, end_s: int) -> Iterator[str]:
    """Address of a server that has the series."""
    text, data = directory / "series.om", directory / "data"
    write_series(text, series, end_s)
    backfill = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(backfill, check=True, stdout=subprocess.DEVNULL)
    text.unlink()
    config = directory / "prometheus.yml"
    config.write_text("global: {}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}"]
    command += ["--storage.tsdb.retention.time=30d", f"--web.listen-address={address}"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until_ready(f"http://{address}/-/ready", server)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait()


def until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Waits for the first good answer."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    sys.exit("prometheus ended before it was ready")


def ours(url: str, end_s: int) -> Matrix:
    """By the reader, with a query of one's own: no preset, so that both ask the same."""
    source = PrometheusSource(
        Sources(prometheus_url=url, preset="custom", arrivals_query=QUERY, scrape_interval_s=STEP_S)
    )
    demand = source.read(end_s - DAY_S, end_s, STEP_S)
    source.close()
    return demand.arrivals


def theirs(url: str, end_s: int) -> Matrix:
    """By prometheus-api-client, with its defaults."""
    first_s, n = end_s - DAY_S + STEP_S, DAY_S // STEP_S
    client = PrometheusConnect(url=url)
    start, end = datetime.fromtimestamp(first_s, UTC), datetime.fromtimestamp(end_s, UTC)
    answer = client.custom_query_range(QUERY, start, end, str(STEP_S))
    answer.sort(key=lambda one: (one["metric"]["namespace"], one["metric"]["revision"]))
    matrix = np.full((len(answer), n), np.nan, np.float32)
    for row, one in enumerate(answer):
        for at, value in one["values"]:
            matrix[row, (int(at) - first_s) // STEP_S] = float(value)
    return matrix


def timed(read: Callable[[str, int], Matrix], url: str, end_s: int) -> tuple[float, Matrix]:
    """Seconds on the wall, and what came."""
    began = time.perf_counter()
    matrix = read(url, end_s)
    return time.perf_counter() - began, matrix


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--series", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    end_s = int(time.time()) // 7200 * 7200
    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    with (
        tempfile.TemporaryDirectory(prefix="tidecast-ingest-") as directory,
        prometheus(Path(directory), chosen.series, end_s) as url,
    ):
        expected = theirs(url, end_s)  # warms the server's caches for both
        for _ in range(chosen.rounds):
            for name, read in (("ours", ours), ("theirs", theirs)):
                seconds, matrix = timed(read, url, end_s)
                took[name].append(seconds)
                if not np.array_equal(matrix, expected):
                    sys.exit(f"{name}: the matrix is not the one that was expected")
    ours_s, theirs_s = statistics.median(took["ours"]), statistics.median(took["theirs"])
    told = {
        "ratio": ours_s / theirs_s,
        "ours_s": ours_s,
        "theirs_s": theirs_s,
        "samples": int(expected.size),
        "series": chosen.series,
        "rounds": chosen.rounds,
    }
    print(
        json.dumps(told) if chosen.json else "\n".join(f"{key:10} {value:.4g}" for key, value in told.items())
    )


if __name__ == "__main__":
    main()
