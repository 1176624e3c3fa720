"""What one cycle of the loop costs: update, forecast, calibrate and plan for a whole fleet.

    python tests/bench/planning.py --services 10000 100000 [--days 14] [--seen-days 2] [--recent-hours 2]

The fleet: 70 % seasonal, 20 % bursty, 10 % sparse services, one Revision each.  It learns as the loop does:
weeks on the long grid, the recent past on the short one, in the pieces of scaler.controller.backfill; then it is taken
through cycles of one short step, update to plan.  CPU is that of all threads; BLAS is held to one.  Each size
has a process of its own, whose peak of memory it is, from begin to end: imports, learning and history.

Of `--days` that are kept, `--seen-days` have traffic and those before were not observed: their room in memory
is taken all the same, and learning is quicker.  Making the traffic is not timed.

Beside it, timed in the same process afterwards: one Holt-Winters fit of statsmodels, as the slow lane makes
it, with an additive season of a day, of two weeks of five minutes; and one with a season of an hour of one
day of minutes, which is cheaper.  And the least median that FeMux reports for one forecast, 11 ms.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from config.policy import Mode, RevisionPolicy
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.backfill import read_in_chunks, spans
from scaler.controller.planner import Planner
from scaler.controller.timing import LoopIntervals
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming

STEP_S, COARSE_S, DAY_S = 30, 300, 86400
END_S = 1_800_000_000 // COARSE_S * COARSE_S
CYCLES = 12
BLOCK = 1000
FEMUX_MS = 11.0
"""Least median of one forecast in FeMux's table of forecasters, EuroSys '26; 16 ms is the most."""
FITS = 3


def rates(first: int, last: int, times_s: NDArray[np.int64]) -> NDArray[np.float32]:
    """(last - first, n) requests/s of the services with those numbers; each has its own seed."""
    out = np.empty((last - first, times_s.size), np.float32)
    phase = 2 * np.pi * times_s / DAY_S
    week = np.where(times_s // DAY_S % 7 < 5, 1.0, 0.5)
    for i in range(first, last):
        rng = np.random.default_rng([i, int(times_s[0])])
        size = np.exp(np.random.default_rng(i).normal(1, 1.5))
        kind = i % 10
        if kind < 7:
            mean = size * week * (1.2 + np.sin(phase + i))
        elif kind < 9:
            mean = size * rng.gamma(0.5, 2.0, times_s.size)
        else:
            mean = np.where(rng.random(times_s.size) < 0.01, size, 0.0)
        out[i - first] = rng.poisson(mean * STEP_S) / STEP_S
    return out


def demand(keys: tuple[ServiceKey, ...], start_s: int, end_s: int, step_s: int, seen_from_s: int) -> Demand:
    """What all services had on [start_s, end_s); nothing is observed before `seen_from_s`."""
    times_s = np.arange(start_s, end_s, step_s)
    values = np.full((len(keys), times_s.size), np.nan, np.float32)
    seen = times_s >= seen_from_s
    for first in range(0, len(keys) if seen.any() else 0, BLOCK):
        last = min(len(keys), first + BLOCK)
        values[first:last, seen] = rates(first, last, times_s[seen])
    revisions = tuple(RevisionKey(key.namespace, f"{key.name}-00001") for key in keys)
    return Demand(revisions, keys, values, values * np.float32(0.2), start_s, step_s, float(STEP_S))


def fleet(keys: tuple[ServiceKey, ...]) -> FleetSpec:
    """One Revision of each service, that may be acted on."""
    policy = RevisionPolicy(mode=Mode.ACT)
    specs = [
        RevisionSpec(
            key=RevisionKey(key.namespace, f"{key.name}-00001"),
            service=key,
            container_concurrency=10,
            total_value=10.0,
            policy=policy,
        )
        for key in keys
    ]
    return fleet_spec(specs, np.full(len(keys), 20.0))


def learned(cycle: Planner, keys: tuple[ServiceKey, ...], recent_from_s: int, seen_from_s: int) -> float:
    """CPU seconds in which the cycle learns its weeks and its recent past, piece by piece."""
    cpu_s = 0.0

    def each(step_s: int, from_s: int, until_s: int) -> None:
        def read(start_s: int, end_s: int) -> Demand:
            return demand(keys, start_s, end_s, step_s, seen_from_s)

        def take(piece: Demand) -> None:
            nonlocal cpu_s
            began = time.process_time()
            if step_s == COARSE_S:
                cycle.load_history(piece)
            else:
                cycle.warm_up(piece, until_s=until_s)
            cpu_s += time.process_time() - began

        read_in_chunks(read, spans(from_s, until_s, step_s, len(keys)), take)

    each(COARSE_S, cycle.observed_until_s, recent_from_s)
    each(STEP_S, recent_from_s, END_S)
    return cpu_s


def cycles(cycle: Planner, keys: tuple[ServiceKey, ...], spec: FleetSpec) -> tuple[float, int]:
    """CPU seconds of a cycle, the median of some, and how many Revisions have a floor."""
    costs = []
    for j in range(CYCLES):
        came = demand(keys, END_S + j * STEP_S, END_S + (j + 1) * STEP_S, STEP_S, 0)
        began = time.process_time()
        cycle.observe(came)
        plan = cycle.plan(spec, END_S + (j + 2) * STEP_S)
        costs.append(time.process_time() - began)
    return float(np.median(costs[2:])), int((plan.floor > 0).sum())


def holt_winters_ms(step_s: int, days: int, season_s: int) -> float:
    """CPU milliseconds of one fit with an additive season, the median of some."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # after the peak was read

    y = rates(0, 1, END_S + step_s * np.arange(days * DAY_S // step_s))[0].astype(np.float64)
    costs = []
    for _ in range(FITS):
        began = time.process_time()
        model = ExponentialSmoothing(
            y, seasonal="add", seasonal_periods=season_s // step_s, initialization_method="heuristic"
        )
        model.fit(use_brute=False).forecast(1)
        costs.append(time.process_time() - began)
    return 1000 * float(np.median(costs))


def measure(services: int, days: float, seen_days: float, recent_hours: float) -> dict[str, float]:
    """The figures of one fleet."""
    keys = tuple(sorted(ServiceKey(f"ns{i % 50:02d}", f"svc{i:06d}") for i in range(services)))
    pace = LoopIntervals(
        step_s=STEP_S,
        coarse_s=COARSE_S,
        recent_s=DAY_S,
        history_s=int(days * DAY_S),
        refit_s=3600,
        plan=PlanTiming(period_s=STEP_S, hold_s=120),
    )
    recent_from_s = END_S - int(recent_hours * 3600) // COARSE_S * COARSE_S
    cycle, spec = Planner(pace, recent_from_s - pace.history_s), fleet(keys)
    cycle.set_fleet(spec)
    learn_s = learned(cycle, keys, recent_from_s, recent_from_s - int(seen_days * DAY_S))
    cpu_s, floors = cycles(cycle, keys, spec)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    service_ms = 1000 * cpu_s / services
    weeks_ms, day_ms = holt_winters_ms(300, 14, DAY_S), holt_winters_ms(60, 1, 3600)
    return {
        "services": services,
        "kept_days": days,
        "seen_days": seen_days,
        "recent_hours": recent_hours,
        "cycle_cpu_s": cpu_s,
        "cycle_cpu_ms_per_service": service_ms,
        "peak_mib": peak_mib,
        "learn_cpu_s": learn_s,
        "floors": floors,
        "femux_ms": FEMUX_MS,
        "times_below_femux": FEMUX_MS / service_ms,
        "holt_winters_two_weeks_of_300_s_ms": weeks_ms,
        "times_below_two_weeks": weeks_ms / service_ms,
        "holt_winters_one_day_of_60_s_ms": day_ms,
        "times_below_one_day": day_ms / service_ms,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--services", type=int, nargs="+", default=[10_000])
    parser.add_argument("--days", type=float, default=14, help="kept on the long grid")
    parser.add_argument("--seen-days", type=float, help="of these, with traffic; all, where not given")
    parser.add_argument("--recent-hours", type=float, default=24, help="learned on the short grid")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seen_days = options.days if options.seen_days is None else options.seen_days
    if not options.here:
        # The peak of memory is one of a process; and what compiles for the first time is not of a cycle.
        rest = ["--days", str(options.days), "--seen-days", str(seen_days), *["--json"] * options.json]
        rest += ["--recent-hours", str(options.recent_hours), "--here"]
        first = [sys.executable, __file__, "--services", "1", "--days", "1", "--recent-hours", "1", "--here"]
        subprocess.run(first, check=True, stdout=subprocess.DEVNULL)
        for services in options.services:
            subprocess.run([sys.executable, __file__, "--services", str(services), *rest], check=True)
        return
    got = measure(options.services[0], options.days, seen_days, options.recent_hours)
    if options.json:
        print(json.dumps(got))
    else:
        print("\n".join(f"{name:>36} {value:g}" for name, value in got.items()))


if __name__ == "__main__":
    main()
