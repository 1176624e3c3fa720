"""How few requests wait for how few pods where it is known what brings them: made traffic, kind by kind.

    python tests/bench/synthetic.py [--kind NAME ...] [--json]

Public traces of several weeks of sparse traffic are few; here are services whose law is known, in the
scenario *sparse*, three weeks of minutes of which the last two are scored.  They are no evidence of what
traffic is like, and stay apart from the public traces: they show what is found of a law that is there.

cron      every 7 and 17 minutes, hourly at :05, every 6 hours and daily, weekdays at nine, some of it missed
chain     one calls another, which calls a third, one to four minutes later; the first at random
on-off    hours on and hours off, at random, with a request a minute while on
rhythm    at random, but only by day, or on weekdays
random    at random, by the hour and by the minute: nothing is to be known but how often
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
from bench.frontier import SUFFIX, Row, Trace, measured, text, value
from numpy.typing import NDArray

Counts = NDArray[np.int64]
DAY_MIN = 1440
DAYS, WARM_DAYS = 21, 7
MINUTES = DAYS * DAY_MIN
START_S = 1_788_134_400
"""A Monday, 00:00 UTC."""
MISSED = 0.05


def rng_of(kind: str, service: str) -> np.random.Generator:
    """Each service has its own seed."""
    return np.random.default_rng(list(f"{kind}/{service}".encode()))


def at_random(rng: np.random.Generator, a_minute: NDArray[np.floating[Any]] | float) -> Counts:
    """(MINUTES,) Poisson counts of so many a minute."""
    return rng.poisson(a_minute, MINUTES)


def cron(rng: np.random.Generator, minutes: NDArray[np.bool_], requests: int) -> Counts:
    """Some requests in each of these minutes, unless it is missed."""
    comes = minutes & (rng.random(MINUTES) >= MISSED)
    return np.where(comes, rng.integers(1, requests + 1, MINUTES), 0)


def crons() -> dict[str, Counts]:
    """By what they do."""
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
    """Three services; what calls comes first."""
    rng = rng_of("chain", "all")
    said = {"first": (rng.random(MINUTES) < 1 / 90).astype(np.int64) * rng.integers(1, 4, MINUTES)}
    for caller, name in (("first", "second"), ("second", "third")):
        called = np.zeros(MINUTES, np.int64)
        begun = np.flatnonzero(said[caller])
        np.add.at(called, np.minimum(begun + rng.integers(1, 5, begun.size), MINUTES - 1), 2)
        said[name] = called
    return said


def on_off() -> dict[str, Counts]:
    """By the mean length of both, minutes."""
    said = {}
    for length in (60, 240):
        rng = rng_of("on-off", str(length))
        turns = rng.exponential(length, 4 * MINUTES // length).cumsum()
        on = np.searchsorted(turns, np.arange(MINUTES)) % 2
        said[f"of-{length}-min"] = at_random(rng, 1.0 * on)
    return said


def rhythm() -> dict[str, Counts]:
    """Only when somebody is there."""
    minute = np.arange(MINUTES)
    day = np.clip(np.sin(2 * np.pi * (minute % DAY_MIN - 480) / DAY_MIN), 0, None)
    laws = {"by-day": 0.1 * day, "on-weekdays": 0.2 * day * (minute // DAY_MIN % 7 < 5)}
    return {name: at_random(rng_of("rhythm", name), law) for name, law in laws.items()}


def random() -> dict[str, Counts]:
    """By how often."""
    often = {"hourly": 1 / 60, "each-10-min": 0.1}
    return {name: at_random(rng_of("random", name), a_minute) for name, a_minute in often.items()}


KINDS: dict[str, Callable[[], dict[str, Counts]]] = {
    "cron": crons,
    "chain": chain,
    "on-off": on_off,
    "rhythm": rhythm,
    "random": random,
}


def write(path: Path, services: dict[str, Counts]) -> None:
    """A CSV of one row a service and minute, as an export has it."""
    with gzip.open(path, "wt") as file:
        file.write("timestamp,series,requests\n")
        for service, counts in services.items():
            for minute, count in enumerate(counts.tolist()):
                file.write(f"{START_S + 60 * minute},made/{service},{count}\n")


def measure(kind: str) -> Row:
    """The figures of one kind."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / (kind + SUFFIX)
        write(path, KINDS[kind]())
        return measured(path, kind, Trace(("sparse",), DAYS, WARM_DAYS), "sparse")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [measure(kind) for kind in asked.kind or KINDS]
    print(json.dumps([value(row) for row in rows], indent=2) if asked.json else "\n".join(map(text, rows)))


if __name__ == "__main__":
    main()
