"""What one cycle of the loop costs: update, forecast, calibrate and plan for a whole fleet.

    python tests/bench/planning.py --services 10000 --days 14 [--json]

The fleet: 70 % seasonal, 20 % bursty, 10 % sparse services, one Revision each.  Histories are made before and
are not timed.  CPU is that of all threads; BLAS is held to one.  The peak of memory includes the history.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from config.policy import Mode, RevisionPolicy
from forecaster.demand import Demand
from models.keys import RevisionKey, ServiceKey
from scaler.cycle import Cycle, Pace
from scaler.plan.plan import Timing
from scaler.plan.spec import fleet_spec
from scaler.revision import RevisionSpec

STEP_S, COARSE_S, DAY_S = 30, 300, 86400
END_S = 1_800_000_000 // COARSE_S * COARSE_S
WARM_STEPS, CYCLES = 120, 12
BLOCK = 1000


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


def demand(services: int, start_s: int, steps: int, step_s: int, keys: tuple[ServiceKey, ...]) -> Demand:
    """What all services had, `steps` of `step_s` from `start_s` on."""
    times_s = start_s + step_s * np.arange(steps)
    values = np.empty((services, steps), np.float32)
    for first in range(0, services, BLOCK):
        last = min(services, first + BLOCK)
        values[first:last] = rates(first, last, times_s)
    revisions = tuple(RevisionKey(key.namespace, f"{key.name}-00001") for key in keys)
    return Demand(revisions, keys, values, values * np.float32(0.2), start_s, step_s, float(STEP_S))


def measure(services: int, days: int) -> dict[str, float]:
    """The figures of one fleet."""
    keys = tuple(ServiceKey(f"ns{i % 50:02d}", f"svc{i:06d}") for i in range(services))
    keys = tuple(sorted(keys))
    pace = Pace(
        step_s=STEP_S,
        coarse_s=COARSE_S,
        recent_s=DAY_S,
        history_s=days * DAY_S,
        refit_s=3600,
        plan=Timing(period_s=STEP_S, hold_s=120),
    )
    weeks_from_s = END_S - days * DAY_S
    warm_from_s = END_S - WARM_STEPS * STEP_S
    cycle = Cycle(pace, weeks_from_s)
    policy = RevisionPolicy(mode=Mode.ACT)
    spec = fleet_spec(
        [
            RevisionSpec(
                key=RevisionKey(key.namespace, f"{key.name}-00001"),
                service=key,
                container_concurrency=10,
                total_value=10.0,
                policy=policy,
            )
            for key in keys
        ],
        np.full(services, 20.0),
    )
    cycle.lead(spec)
    for from_s in range(weeks_from_s, warm_from_s, DAY_S):
        steps = (min(warm_from_s, from_s + DAY_S) - from_s) // COARSE_S
        cycle.remember(demand(services, from_s, steps, COARSE_S, keys))
    recent = demand(services, warm_from_s, WARM_STEPS, STEP_S, keys)
    to_come = [demand(services, END_S + j * STEP_S, 1, STEP_S, keys) for j in range(CYCLES)]
    began = time.process_time()
    cycle.warm_up(recent)
    setup_s = time.process_time() - began
    costs = []
    for j, came in enumerate(to_come):
        began = time.process_time()
        cycle.observe(came)
        plan = cycle.plan(spec, END_S + (j + 2) * STEP_S)
        costs.append(time.process_time() - began)
    return {
        "services": services,
        "cpu_s": float(np.median(costs[2:])),
        "setup_s": setup_s,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "floors": int((plan.floor > 0).sum()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    got = measure(options.services, options.days)
    if options.json:
        print(json.dumps(got))
    else:
        print("\n".join(f"{name:>14} {value:g}" for name, value in got.items()))


if __name__ == "__main__":
    main()
