"""Real Prometheus servers for the tests of reading, with the samples of each test."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

Samples = Sequence[tuple[float, float]]
"""(Unix seconds, value)."""

Sampled = tuple[str, Mapping[str, str], Samples]
"""A series: the name of its metric, its labels, its samples."""

Serve = Callable[..., str]
"""Starts a Prometheus with these series, and with more arguments if given; returns its address."""

GETS_PROMETHEUS = "apt-get install -y --no-install-recommends prometheus"
GETS_PROMETHEUS_3 = "tests/tools/prometheus3"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not on the PATH; this gets it: {GETS_PROMETHEUS}", pytrace=False)
    return found


def program_3() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(
        os.environ.get("TIDECAST_PROMETHEUS3") or cache / "tidecast-prometheus-v0.316.0" / "prometheus"
    )
    if not path.is_file():
        pytest.fail(f"no Prometheus 3 at {path}; this builds it: {GETS_PROMETHEUS_3}", pytrace=False)
    return str(path)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def openmetrics(series: Sequence[Sampled]) -> str:
    """Without types, so that names are used unchanged, without the suffixes that OpenMetrics requires."""
    lines: list[str] = []
    for name, labels, samples in series:
        pairs = ",".join(f'{label}="{escaped(value)}"' for label, value in labels.items())
        lines += [f"{name}{{{pairs}}} {value!r} {time_s:.3f}" for time_s, value in samples]
    return "\n".join([*lines, "# EOF", ""])


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@contextmanager
def running(command: list[str], log: Path, ready_url: str) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not answers(ready_url):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not become ready:\n{log.read_text()[-2000:]}", pytrace=False)
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return int(response.status) == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def prometheus(
    directory: Path, *, data: Path | None = None, config: str = "", binary: str = "", more: Sequence[str] = ()
) -> Iterator[str]:
    """Run a server on a port of its own; yield its address."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = directory / "prometheus.yml"
    settings.write_text(config or "global: {}\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        binary or program("prometheus"),
        f"--config.file={settings}",
        f"--storage.tsdb.path={data or directory / 'data'}",
        "--storage.tsdb.retention.time=90d",
        f"--web.listen-address=127.0.0.1:{port}",
        *more,
    ]
    with running(command, directory / "log", f"{url}/-/ready"):
        yield url


def backfill(directory: Path, series: Sequence[Sampled]) -> Path:
    """A data directory that has these series."""
    directory.mkdir(parents=True, exist_ok=True)
    text, data = directory / "series.om", directory / "data"
    text.write_text(openmetrics(series))
    subprocess.run(
        [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)],
        check=True,
        capture_output=True,
    )
    return data


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Prometheus 2 servers, one for each set of series, until the session ends."""
    with ExitStack() as servers:

        def start(series: Sequence[Sampled], more: Sequence[str] = ()) -> str:
            directory = tmp_path_factory.mktemp("prometheus")
            data = backfill(directory, series)
            return servers.enter_context(prometheus(directory, data=data, more=more))

        yield start


@pytest.fixture(scope="session")
def serve_configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Prometheus 2 servers with a configuration, such as targets to scrape."""
    with ExitStack() as servers:
        yield lambda config: servers.enter_context(
            prometheus(tmp_path_factory.mktemp("prometheus"), config=config)
        )


@pytest.fixture(scope="session")
def serve_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Sequence[str]], str]]:
    """Prometheus 3 servers with a configuration and more arguments."""
    with ExitStack() as servers:
        yield lambda config, more: servers.enter_context(
            prometheus(tmp_path_factory.mktemp("prometheus"), config=config, binary=program_3(), more=more)
        )
