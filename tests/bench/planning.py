"""Measure one cycle of the loop: update, forecast, calibrate and plan for a whole fleet.

    python tests/bench/planning.py --services 10000 100000 [--days 14] [--observed-days 2] [--recent-hours 2]

The fleet has 70 % seasonal, 20 % bursty and 10 % intermittent services with one Revision each.  It learns as
the loop does: weeks on the coarse grid and the recent past on the fine grid, in the chunks of
scaler.controller.backfill.  Then cycles of one fine step are timed, from the update to the plan.  CPU seconds
are those of all threads; BLAS uses one.  Each size has its own process, and the peak of memory is that of the
process: imports, learning and history.

Of the `--days` in the history, `--observed-days` have traffic and the earlier ones were not observed: they
need as much memory, and learning is faster.  The generation of the traffic is not timed.

Peers, timed afterwards in the same process: one Holt-Winters fit of statsmodels with an additive season of a
day on two weeks of five-minute steps, as in the ensemble; the same with a season of an hour on a day of
minutes, which is faster; and the lowest median that FeMux reports for one forecast, 11 ms.
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
"""Lowest median of one forecast in FeMux's table of forecasters, EuroSys '26; the highest is 16 ms."""
FITS = 3


def rates(first: int, last: int, times_s: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (last - first, n) requests/s of the services with these numbers; each has its own seed."""
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


def demand(
    keys: tuple[ServiceKey, ...], start_s: int, end_s: int, step_s: int, observed_from_s: int
) -> Demand:
    """Return the demand of all services on [start_s, end_s); nothing is observed before `observed_from_s`."""
    times_s = np.arange(start_s, end_s, step_s)
    values = np.full((len(keys), times_s.size), np.nan, np.float32)
    observed = times_s >= observed_from_s
    for first in range(0, len(keys) if observed.any() else 0, BLOCK):
        last = min(len(keys), first + BLOCK)
        values[first:last, observed] = rates(first, last, times_s[observed])
    revisions = tuple(RevisionKey(key.namespace, f"{key.name}-00001") for key in keys)
    return Demand(revisions, keys, values, values * np.float32(0.2), start_s, step_s, float(STEP_S))


def fleet(keys: tuple[ServiceKey, ...]) -> FleetSpec:
    """Return one Revision of each service, in mode act."""
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


def learn(planner: Planner, keys: tuple[ServiceKey, ...], recent_from_s: int, observed_from_s: int) -> float:
    """Let the planner learn its weeks and its recent past in chunks; return the CPU seconds."""

    def learn_grid(step_s: int, from_s: int, until_s: int) -> float:
        def read(start_s: int, end_s: int) -> Demand:
            return demand(keys, start_s, end_s, step_s, observed_from_s)

        cpu_s = 0.0
        for chunk in read_in_chunks(read, spans(from_s, until_s, step_s, len(keys))):
            start_cpu_s = time.process_time()
            if step_s == COARSE_S:
                planner.load_history(chunk)
            else:
                planner.warm_up(chunk, until_s=until_s)
            cpu_s += time.process_time() - start_cpu_s
        return cpu_s

    coarse_s = learn_grid(COARSE_S, planner.observed_until_s, recent_from_s)
    return coarse_s + learn_grid(STEP_S, recent_from_s, END_S)


def cycles(planner: Planner, keys: tuple[ServiceKey, ...], spec: FleetSpec) -> tuple[float, int]:
    """Return the median CPU seconds of a cycle, and the number of Revisions with a floor."""
    costs = []
    for j in range(CYCLES):
        recent = demand(keys, END_S + j * STEP_S, END_S + (j + 1) * STEP_S, STEP_S, 0)
        start_cpu_s = time.process_time()
        planner.observe(recent)
        plan = planner.plan(spec, END_S + (j + 2) * STEP_S)
        costs.append(time.process_time() - start_cpu_s)
    return float(np.median(costs[2:])), int((plan.floor > 0).sum())


def holt_winters_ms(step_s: int, days: int, season_s: int) -> float:
    """Return the median CPU milliseconds of a fit with an additive season."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # imported after the peak of memory was read

    y = rates(0, 1, END_S + step_s * np.arange(days * DAY_S // step_s))[0].astype(np.float64)
    costs = []
    for _ in range(FITS):
        start_cpu_s = time.process_time()
        model = ExponentialSmoothing(
            y, seasonal="add", seasonal_periods=season_s // step_s, initialization_method="heuristic"
        )
        model.fit(use_brute=False).forecast(1)
        costs.append(time.process_time() - start_cpu_s)
    return 1000 * float(np.median(costs))


def measure(services: int, days: float, observed_days: float, recent_hours: float) -> dict[str, float]:
    """Return the results of one fleet."""
    keys = tuple(sorted(ServiceKey(f"ns{i % 50:02d}", f"svc{i:06d}") for i in range(services)))
    intervals = LoopIntervals(
        step_s=STEP_S,
        coarse_s=COARSE_S,
        recent_s=DAY_S,
        history_s=int(days * DAY_S),
        refit_s=3600,
        plan=PlanTiming(period_s=STEP_S, hold_s=120),
    )
    recent_from_s = END_S - int(recent_hours * 3600) // COARSE_S * COARSE_S
    planner, spec = Planner(intervals, recent_from_s - intervals.history_s), fleet(keys)
    planner.set_fleet(spec)
    learn_s = learn(planner, keys, recent_from_s, recent_from_s - int(observed_days * DAY_S))
    cpu_s, floors = cycles(planner, keys, spec)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    service_ms = 1000 * cpu_s / services
    weeks_ms, day_ms = holt_winters_ms(300, 14, DAY_S), holt_winters_ms(60, 1, 3600)
    return {
        "services": services,
        "history_days": days,
        "observed_days": observed_days,
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
    parser.add_argument("--days", type=float, default=14, help="days of the coarse grid")
    parser.add_argument("--observed-days", type=float, help="days of these with traffic; default all")
    parser.add_argument("--recent-hours", type=float, default=24, help="hours learned on the fine grid")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    observed_days = options.days if options.observed_days is None else options.observed_days
    if not options.in_this_process:
        # The peak of memory is that of a process.  The first process compiles.
        rest = [
            "--days",
            str(options.days),
            "--observed-days",
            str(observed_days),
            *["--json"] * options.json,
        ]
        rest += ["--recent-hours", str(options.recent_hours), "--in-this-process"]
        first = [
            sys.executable,
            __file__,
            "--services",
            "1",
            "--days",
            "1",
            "--recent-hours",
            "1",
            "--in-this-process",
        ]
        subprocess.run(first, check=True, stdout=subprocess.DEVNULL)
        for services in options.services:
            subprocess.run([sys.executable, __file__, "--services", str(services), *rest], check=True)
        return
    results = measure(options.services[0], options.days, observed_days, options.recent_hours)
    if options.json:
        print(json.dumps(results))
    else:
        print("\n".join(f"{name:>36} {value:g}" for name, value in results.items()))


if __name__ == "__main__":
    main()
