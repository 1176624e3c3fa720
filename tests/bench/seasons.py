"""Measure the detection of seasons: false alarms, detections, and time.

    python tests/bench/seasons.py [--series N] [--seasonal N]

Prints JSON.  Without a season: the share of N series of each process and length in which any season is
detected; once without expected seasons, and once with an hour, a day and a week.  With a season: the share in
which exactly the actual seasons are detected, and in which all of them are among the detected ones.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from models.ensemble.seasons import seasons

Floats = NDArray[np.float64]
Process = Callable[[np.random.Generator, int], Floats]
EXPECTED = {144: (6,), 336: (24, 168), 1008: (12, 144, 504)}
"""Steps of a series -> expected seasons: an hour, a day and a week in steps of ten minutes or an hour."""
FULL = 4032


def on_off(rng: np.random.Generator, n: int) -> Floats:
    """Return 1 and 0 with geometric durations of the same mean."""
    mean = rng.choice([3, 10, 40, 100])
    return ((np.cumsum(rng.random(n) < 1 / mean) + rng.integers(2)) % 2).astype(np.float64)


def rare_on(rng: np.random.Generator, n: int) -> Floats:
    """Return 1 with short and 0 with long geometric durations."""
    on, off = rng.choice([2, 5, 20]), rng.choice([10, 50, 150])
    lengths = rng.geometric(np.tile([1 / off, 1 / on], n // 2 + 1))
    return np.repeat(np.arange(lengths.size) % 2.0, lengths)[:n]


def autoregression(phi: float) -> Process:
    """Return an AR(1) process."""
    return lambda rng, n: np.asarray(lfilter([1.0], [1.0, -phi], rng.normal(size=n)), np.float64)


def counts(mean: float) -> Process:
    """Return a Poisson process."""
    return lambda rng, n: rng.poisson(mean, n).astype(np.float64)


NOISE: dict[str, Process] = {
    "white": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1.5, n),
    "random walk": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "on/off": on_off,
    "on/off, mostly off": rare_on,
    "on/off, counts": lambda rng, n: rng.poisson(20 * on_off(rng, n)).astype(np.float64),
    "counts of 5": counts(5),
    "counts of 0.1": counts(0.1),
    "counts of 0.01": counts(0.01),
    "AR(1) 0.5": autoregression(0.5),
    "AR(1) 0.95": autoregression(0.95),
    "AR(1) -0.7": autoregression(-0.7),
    "counts of a rate that walks": lambda rng, n: rng.poisson(
        np.exp(1 + np.cumsum(rng.normal(0, 0.1, n)).clip(-3, 5))
    ).astype(np.float64),
}


def cron(
    rng: np.random.Generator, n: int, period: int, *, missed: float, noise: float, size: float
) -> Floats:
    """Return requests in every `period`-th step, some missed, in Poisson noise."""
    y = size * (np.arange(n) % period == rng.integers(period)) * (rng.random(n) >= missed)
    return np.asarray(y + rng.poisson(noise, n), np.float64)


def wave(rng: np.random.Generator, n: int, period: float, height: float) -> Floats:
    """Return a sine with a random phase."""
    return np.asarray(height * np.sin(2 * np.pi * (np.arange(n) / period + rng.random())), np.float64)


def weeks(rng: np.random.Generator, n: int) -> Floats:
    """Return half hours of offices: days, and weekends with a third of the traffic."""
    step = np.arange(n)
    mean = np.exp(3 + wave(rng, n, 48, 1)) * np.where(step // 48 % 7 < 5, 1.0, 0.35)
    return rng.poisson(mean).astype(np.float64)


SEASONAL: dict[str, tuple[tuple[int, ...], int, Process]] = {
    "every 7th, a third missed": ((7,), 300, lambda r, n: cron(r, n, 7, missed=0.3, noise=0.2, size=5)),
    "every 60th": ((60,), FULL, lambda r, n: cron(r, n, 60, missed=0.1, noise=1.0, size=5)),
    "every 12th": ((12,), FULL, lambda r, n: cron(r, n, 12, missed=0.1, noise=1.0, size=5)),
    "every 288th": ((288,), FULL, lambda r, n: cron(r, n, 288, missed=0.0, noise=1.0, size=10)),
    "every 1440th, alone": ((1440,), 4320, lambda r, n: cron(r, n, 1440, missed=0.0, noise=0.0, size=5)),
    "every 7th and 60th": (
        (7, 60),
        2000,
        lambda r, n: cron(r, n, 7, missed=0, noise=0.1, size=5) + cron(r, n, 60, missed=0, noise=0, size=10),
    ),
    "every 2nd": ((2,), 200, lambda r, n: r.normal(size=n) + np.resize([1.5, 0], n)),
    "wave of 24 in noise": ((24,), 480, lambda r, n: wave(r, n, 24, 1) + r.normal(size=n)),
    "wave of 288 in noise": ((288,), FULL, lambda r, n: wave(r, n, 288, 1) + r.normal(size=n)),
    "wave of 24.8 in noise": ((25,), 300, lambda r, n: wave(r, n, 24.8, 2) + r.normal(size=n)),
    "wave of 48 on a walk": (
        (48,),
        1344,
        lambda r, n: wave(r, n, 48, 5) + np.cumsum(r.normal(size=n)),
    ),
    "wave of 24 that grows tenfold": (
        (24,),
        480,
        lambda r, n: (10 + wave(r, n, 24, 5) + r.normal(size=n)) * np.linspace(0.3, 3, n),
    ),
    "day and week of half hours": ((48, 336), 1680, weeks),
    "hourly, with on/off": (
        (60,),
        FULL,
        lambda r, n: r.poisson(3 * on_off(r, n) + 6 * (np.arange(n) % 60 < 2)).astype(np.float64),
    ),
}


def false_alarms(series: int) -> dict[str, dict[str, float]]:
    """Return process -> share of series with any season, by length, without and with expected ones."""
    shares: dict[str, dict[str, float]] = {}
    for name, process in NOISE.items():
        shares[name] = {}
        for n, expected in EXPECTED.items():
            rng, detected = np.random.default_rng(n), np.zeros(2)
            for _ in range(series):
                y = process(rng, n)
                detected += [bool(seasons(y)), bool(seasons(y, expected))]
            shares[name] |= {f"{n}": detected[0] / series, f"{n}, expected": detected[1] / series}
    return shares


def detections(series: int) -> dict[str, dict[str, Any]]:
    """Return process -> share of series in which exactly its seasons are detected, and at least these."""
    shares = {}
    for name, (periods, n, process) in SEASONAL.items():
        rng = np.random.default_rng(1)
        detected = [set(seasons(process(rng, n))) for _ in range(series)]
        shares[name] = {
            "steps": n,
            "exactly": float(np.mean([found == set(periods) for found in detected])),
            "at_least": float(np.mean([found >= set(periods) for found in detected])),
        }
    return shares


def cost_ms(process: Process, n: int, times: int) -> float:
    """Return CPU milliseconds per series."""
    rng = np.random.default_rng(2)
    ys = [process(rng, n) for _ in range(times)]
    start_s = time.process_time()
    for y in ys:
        seasons(y)
    return (time.process_time() - start_s) / times * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=2000, help="series without a season, of each process")
    parser.add_argument("--seasonal", type=int, default=100, help="series with a season, of each process")
    options = parser.parse_args()
    found = {
        "false_alarms": false_alarms(options.series),
        "detected": detections(options.seasonal),
        "cpu_ms": {
            f"{FULL} white": cost_ms(NOISE["white"], FULL, 20),
            f"{FULL} with a day": cost_ms(SEASONAL["wave of 288 in noise"][2], FULL, 20),
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
