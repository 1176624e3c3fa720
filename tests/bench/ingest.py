"""Measure how fast history is read: from a real Prometheus to a filled matrix.

    python tests/bench/ingest.py [--series 1000] [--rounds 3] [--json]

A thousand series of one day at 60 s are backfilled into a new Prometheus.  Tidecast's reader and an
unmodified prometheus-api-client read them in alternation with the same query.  Times are wall clock and
include the server; the median of the rounds counts.
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

INSTALL = "apt-get install -y --no-install-recommends prometheus"
STEP_S, DAY_S = 60, 86400
QUERY = "bench_requests_per_second"

Matrix = NDArray[np.float32]


def program(name: str) -> str:
    """Return the path of a program; exit with the command that installs it where it is missing."""
    path = shutil.which(name)
    if path is None:
        sys.exit(f"{name} is not on the PATH; to install it: {INSTALL}")
    return path


def write_series(path: Path, series: int, end_s: int) -> None:
    """Write the traffic of a day for each series, as OpenMetrics."""
    times = np.arange(end_s - DAY_S, end_s + STEP_S, STEP_S)
    with path.open("w") as out:
        for i in range(series):
            rng = np.random.default_rng(i)
            rate = rng.gamma(2.0, 3.0) * (1.2 + np.sin(2 * np.pi * times / DAY_S + i))
            counted = rng.poisson(rate * STEP_S) / STEP_S
            labelled = (
                f'bench_requests_per_second{{namespace="ns-{i % 20}",revision="service-{i:04d}-00001"}}'
            )
            out.writelines(
                f"{labelled} {value:.6g} {at_s}\n"
                for value, at_s in zip(counted, times.tolist(), strict=True)
            )
        out.write("# EOF\n")


@contextmanager
def prometheus(directory: Path, series: int, end_s: int) -> Iterator[str]:
    """Run a server that has the series; yield its address."""
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
        wait_until_ready(f"http://{address}/-/ready", server)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait()


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait for the first successful answer."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    sys.exit("prometheus ended before it was ready")


def read_by_tidecast(url: str, end_s: int) -> Matrix:
    """Read with Tidecast and a custom query, so that both readers send the same one."""
    source = PrometheusSource(
        Sources(prometheus_url=url, preset="custom", arrivals_query=QUERY, scrape_interval_s=STEP_S)
    )
    demand = source.read(end_s - DAY_S, end_s, STEP_S)
    source.close()
    return demand.arrivals


def read_by_api_client(url: str, end_s: int) -> Matrix:
    """Read with prometheus-api-client and its defaults."""
    first_s, n = end_s - DAY_S + STEP_S, DAY_S // STEP_S
    client = PrometheusConnect(url=url)
    start, end = datetime.fromtimestamp(first_s, UTC), datetime.fromtimestamp(end_s, UTC)
    answer = client.custom_query_range(QUERY, start, end, str(STEP_S))
    answer.sort(key=lambda series: (series["metric"]["namespace"], series["metric"]["revision"]))
    matrix = np.full((len(answer), n), np.nan, np.float32)
    for row, series in enumerate(answer):
        for at_s, value in series["values"]:
            matrix[row, (int(at_s) - first_s) // STEP_S] = float(value)
    return matrix


def timed(read: Callable[[str, int], Matrix], url: str, end_s: int) -> tuple[float, Matrix]:
    """Return wall seconds, and the matrix."""
    start_s = time.perf_counter()
    matrix = read(url, end_s)
    return time.perf_counter() - start_s, matrix


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    end_s = int(time.time()) // 7200 * 7200
    readers = {"tidecast": read_by_tidecast, "api_client": read_by_api_client}
    durations_s: dict[str, list[float]] = {name: [] for name in readers}
    with (
        tempfile.TemporaryDirectory(prefix="tidecast-ingest-") as directory,
        prometheus(Path(directory), options.series, end_s) as url,
    ):
        expected = read_by_api_client(url, end_s)  # warms the caches of the server for both
        for _ in range(options.rounds):
            for name, read in readers.items():
                seconds, matrix = timed(read, url, end_s)
                durations_s[name].append(seconds)
                if not np.array_equal(matrix, expected):
                    sys.exit(f"{name}: the matrix differs from the expected one")
    tidecast_s, api_client_s = (statistics.median(durations_s[name]) for name in readers)
    results = {
        "ratio": tidecast_s / api_client_s,
        "tidecast_s": tidecast_s,
        "api_client_s": api_client_s,
        "samples": int(expected.size),
        "series": options.series,
        "rounds": options.rounds,
    }
    print(
        json.dumps(results)
        if options.json
        else "\n".join(f"{key:12} {value:.4g}" for key, value in results.items())
    )


if __name__ == "__main__":
    main()
