"""How often a season is found where none is, how often where one is, and how long that takes.

    python tests/bench/seasons.py [--series N] [--seasonal N]

Prints JSON.  Without a season: N series of each process and length, the share that gets any; once with
nothing thought likely beforehand, once with an hour, a day and a week of it.  With a season: the share in
which just those are found that were put in, and in which they are among what was found.
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
Made = Callable[[np.random.Generator, int], Floats]
LIKELY = {144: (6,), 336: (24, 168), 1008: (12, 144, 504)}
"""An hour, a day and a week in steps of ten minutes or an hour, of series of so many steps."""
FULL = 4032


def on_off(rng: np.random.Generator, n: int) -> Floats:
    """1 and 0, of geometric durations with the same mean."""
    mean = rng.choice([3, 10, 40, 100])
    return ((np.cumsum(rng.random(n) < 1 / mean) + rng.integers(2)) % 2).astype(np.float64)


def rare_on(rng: np.random.Generator, n: int) -> Floats:
    """1 for short, 0 for long, both geometric."""
    on, off = rng.choice([2, 5, 20]), rng.choice([10, 50, 150])
    lengths = rng.geometric(np.tile([1 / off, 1 / on], n // 2 + 1))
    return np.repeat(np.arange(lengths.size) % 2.0, lengths)[:n]


def autoregression(phi: float) -> Made:
    """AR(1)."""
    return lambda rng, n: np.asarray(lfilter([1.0], [1.0, -phi], rng.normal(size=n)), np.float64)


def counts(mean: float) -> Made:
    """Poisson."""
    return lambda rng, n: rng.poisson(mean, n).astype(np.float64)


NOISE: dict[str, Made] = {
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
    "counts of a walking rate": lambda rng, n: rng.poisson(
        np.exp(1 + np.cumsum(rng.normal(0, 0.1, n)).clip(-3, 5))
    ).astype(np.float64),
}


def cron(
    rng: np.random.Generator, n: int, period: int, *, missed: float, beside: float, size: float
) -> Floats:
    """Requests every so many steps, some missed, beside others at random."""
    y = size * (np.arange(n) % period == rng.integers(period)) * (rng.random(n) >= missed)
    return np.asarray(y + rng.poisson(beside, n), np.float64)


def wave(rng: np.random.Generator, n: int, period: float, height: float) -> Floats:
    """A sine of some phase."""
    return np.asarray(height * np.sin(2 * np.pi * (np.arange(n) / period + rng.random())), np.float64)


def weeks(rng: np.random.Generator, n: int) -> Floats:
    """Half hours of offices: days, and weekends at a third."""
    at = np.arange(n)
    mean = np.exp(3 + wave(rng, n, 48, 1)) * np.where(at // 48 % 7 < 5, 1.0, 0.35)
    return rng.poisson(mean).astype(np.float64)


SEASONAL: dict[str, tuple[tuple[int, ...], int, Made]] = {
    "every 7th, a third missed": ((7,), 300, lambda r, n: cron(r, n, 7, missed=0.3, beside=0.2, size=5)),
    "every 60th": ((60,), FULL, lambda r, n: cron(r, n, 60, missed=0.1, beside=1.0, size=5)),
    "every 12th": ((12,), FULL, lambda r, n: cron(r, n, 12, missed=0.1, beside=1.0, size=5)),
    "every 288th": ((288,), FULL, lambda r, n: cron(r, n, 288, missed=0.0, beside=1.0, size=10)),
    "every 1440th, alone": ((1440,), 4320, lambda r, n: cron(r, n, 1440, missed=0.0, beside=0.0, size=5)),
    "every 7th and 60th": (
        (7, 60),
        2000,
        lambda r, n: (
            cron(r, n, 7, missed=0, beside=0.1, size=5) + cron(r, n, 60, missed=0, beside=0, size=10)
        ),
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
    "hourly, on/off beside": (
        (60,),
        FULL,
        lambda r, n: r.poisson(3 * on_off(r, n) + 6 * (np.arange(n) % 60 < 2)).astype(np.float64),
    ),
}


def false_alarms(series: int) -> dict[str, dict[str, float]]:
    """By process: the share of series with any season, by length, and with likely ones."""
    told: dict[str, dict[str, float]] = {}
    for process, made in NOISE.items():
        told[process] = {}
        for n, likely in LIKELY.items():
            rng, found = np.random.default_rng(n), np.zeros(2)
            for _ in range(series):
                y = made(rng, n)
                found += [bool(seasons(y)), bool(seasons(y, likely))]
            told[process] |= {f"{n}": found[0] / series, f"{n}, likely": found[1] / series}
    return told


def detections(series: int) -> dict[str, dict[str, Any]]:
    """By process: in what share of series just those seasons are found, and at least those."""
    told = {}
    for process, (periods, n, made) in SEASONAL.items():
        rng = np.random.default_rng(1)
        found = [set(seasons(made(rng, n))) for _ in range(series)]
        told[process] = {
            "steps": n,
            "just those": float(np.mean([each == set(periods) for each in found])),
            "those": float(np.mean([each >= set(periods) for each in found])),
        }
    return told


def cost_ms(made: Made, n: int, times: int) -> float:
    """CPU milliseconds of one series."""
    rng = np.random.default_rng(2)
    ys = [made(rng, n) for _ in range(times)]
    began = time.process_time()
    for y in ys:
        seasons(y)
    return (time.process_time() - began) / times * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=2000, help="without a season, of each kind")
    parser.add_argument("--seasonal", type=int, default=100, help="with one, of each kind")
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
