"""Measure delay against pods on synthetic traffic whose law is known, kind by kind.

    python tests/bench/synthetic.py [--kind NAME ...] [--json]

There are few public traces of several weeks of sparse traffic.  These services have a known law, in the
scenario *sparse*: three weeks of minutes, of which the last two are scored.  They are no evidence of real
traffic, and are reported separately from the public traces: they show how much of an existing law Tidecast
detects.

cron      every 7 and 17 minutes, hourly at :05, every 6 hours and daily, weekdays at nine; some calls are
          missed
chain     a service with random requests calls another one, which calls a third, one to four minutes later
on-off    random hours on and off, with one request per minute while on
rhythm    random requests, but only by day, or on weekdays
random    random requests by the hour and by the minute: only their rate can be known
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (2, 1)]

import numpy as np
from bench.frontier import measure_file
from bench.frontier_results import SUFFIX, Row, Trace
from bench.frontier_text import as_dict, text
from numpy.typing import NDArray

Counts = NDArray[np.int64]
DAY_MIN = 1440
DAYS, WARM_DAYS = 21, 7
MINUTES = DAYS * DAY_MIN
START_S = 1_788_134_400
"""A Monday, 00:00 UTC."""
MISSED = 0.05
"""Share of the calls of a cron that are missed."""


def rng_of(kind: str, service: str) -> np.random.Generator:
    """Return the generator of a service; each has its own seed."""
    return np.random.default_rng(list(f"{kind}/{service}".encode()))


def poisson(rng: np.random.Generator, per_minute: NDArray[np.floating[Any]] | float) -> Counts:
    """Return Poisson counts (MINUTES,) with this mean per minute."""
    return rng.poisson(per_minute, MINUTES)


def cron(rng: np.random.Generator, minutes: NDArray[np.bool_], requests: int) -> Counts:
    """Return up to `requests` requests in each of these minutes, unless the call is missed."""
    called = minutes & (rng.random(MINUTES) >= MISSED)
    return np.where(called, rng.integers(1, requests + 1, MINUTES), 0)


def crons() -> dict[str, Counts]:
    """Return crons by name."""
    minute = np.arange(MINUTES)
    weekday = minute // DAY_MIN % 7 < 5
    laws = {
        "every-7-min": minute % 7 == 3,
        "every-17-min": minute % 17 == 11,
        "hourly-at-05": minute % 60 == 5,
        "every-6-hours": minute % 360 == 130,
        "daily-at-0630": minute % DAY_MIN == 390,
        "weekdays-at-9": (minute % DAY_MIN == 540) & weekday,
    }
    return {name: cron(rng_of("cron", name), law, 6) for name, law in laws.items()}


def chain() -> dict[str, Counts]:
    """Return three services, each of which calls the next."""
    rng = rng_of("chain", "all")
    counts = {"first": (rng.random(MINUTES) < 1 / 90).astype(np.int64) * rng.integers(1, 4, MINUTES)}
    for caller, name in (("first", "second"), ("second", "third")):
        counts[name] = np.zeros(MINUTES, np.int64)
        calls = np.flatnonzero(counts[caller])
        np.add.at(counts[name], np.minimum(calls + rng.integers(1, 5, calls.size), MINUTES - 1), 2)
    return counts


def on_off() -> dict[str, Counts]:
    """Return on-off services by the mean length of both phases, in minutes."""
    counts = {}
    for length in (60, 240):
        rng = rng_of("on-off", str(length))
        switches = rng.exponential(length, 4 * MINUTES // length).cumsum()
        on = np.searchsorted(switches, np.arange(MINUTES)) % 2
        counts[f"of-{length}-min"] = poisson(rng, 1.0 * on)
    return counts


def rhythm() -> dict[str, Counts]:
    """Return services whose requests depend on the time of day and week."""
    minute = np.arange(MINUTES)
    day = np.clip(np.sin(2 * np.pi * (minute % DAY_MIN - 480) / DAY_MIN), 0, None)
    laws = {"by-day": 0.1 * day, "on-weekdays": 0.2 * day * (minute // DAY_MIN % 7 < 5)}
    return {name: poisson(rng_of("rhythm", name), law) for name, law in laws.items()}


def random() -> dict[str, Counts]:
    """Return services with a constant rate."""
    rates = {"hourly": 1 / 60, "each-10-min": 0.1}
    return {name: poisson(rng_of("random", name), per_minute) for name, per_minute in rates.items()}


KINDS: dict[str, Callable[[], dict[str, Counts]]] = {
    "cron": crons,
    "chain": chain,
    "on-off": on_off,
    "rhythm": rhythm,
    "random": random,
}


def write(path: Path, services: dict[str, Counts]) -> None:
    """Write an export as CSV, with one row per service and minute."""
    with gzip.open(path, "wt") as file:
        file.write("timestamp,series,requests\n")
        for service, counts in services.items():
            for minute, count in enumerate(counts.tolist()):
                file.write(f"{START_S + 60 * minute},synthetic/{service},{count}\n")


def measure(kind: str) -> Row:
    """Return the results of one kind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (kind + SUFFIX)
        write(path, KINDS[kind]())
        return measure_file(path, kind, Trace(("sparse",), DAYS, WARM_DAYS), "sparse")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(kind) for kind in options.kind or KINDS]
    print(
        json.dumps([as_dict(row) for row in rows], indent=2) if options.json else "\n".join(map(text, rows))
    )


if __name__ == "__main__":
    main()
