"""Measure the live shadow evaluation: every candidate of every service on a minute of traffic.

    python tests/bench/shadow.py --services 10000 [--json]

The fleet is that of planning.py: 70 % seasonal, 20 % bursty and 10 % intermittent services with one Revision
each. Where there are too many, services are sampled as in the loop; `simulated` is their number.  CPU seconds
are those of all threads; BLAS uses one.
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
sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (2, 1)]

import numpy as np
from bench.planning import DAY_S, END_S, STEP_S, holt_winters_ms, rates

from config.policy import Lever, Mode, RevisionPolicy
from config.scenario import Scenario
from models.fleet.keys import RevisionKey
from models.peak.state import LEVELS, POINTS, level_shares
from scaler.plan.rules import RULES, RuleInputs, rule_floors
from scaler.shadow.evaluator import ShadowEvaluator
from scaler.shadow.population import SimulatedRevision
from scaler.simulation.pod_model import pod_model_of

WARM_MINUTES, MINUTES = 3, 5
START_S = END_S // 3600 * 3600 + 600


def rule_inputs(current: np.ndarray, capacity: float) -> RuleInputs:
    """Return the inputs of a forecast that is log-normal around the current rates (r,)."""
    spread = np.exp(np.linspace(-0.5, 1.0, LEVELS.size))
    points = np.zeros((len(current), POINTS), np.float32)
    points[:, : LEVELS.size] = current[:, np.newaxis] * spread
    weights = np.zeros_like(points)
    weights[:, : LEVELS.size] = level_shares(LEVELS)
    ones = np.ones(len(current))
    return RuleInputs(points, weights, np.full(len(current), np.nan), capacity * ones, ones, ones)


def measure(services: int) -> dict[str, float]:
    """Return the results of one fleet."""
    pod_model = pod_model_of(Scenario(startup_seconds=20.0, service_seconds=0.2, container_concurrency=10))
    policy = RevisionPolicy(mode=Mode.ACT)
    levers = frozenset(Lever)
    revisions = [
        SimulatedRevision(
            RevisionKey(f"ns{i % 50:02d}", f"svc{i:06d}-00001"), pod_model, levers, True, policy
        )
        for i in range(services)
    ]
    keys = tuple(revision.key for revision in revisions)
    shadow = ShadowEvaluator(START_S)
    shadow.set_revisions(revisions)
    per_minute = 60 // STEP_S
    times_s = START_S + STEP_S * np.arange((WARM_MINUTES + MINUTES) * per_minute)
    arrivals = rates(0, services, times_s)
    costs = []
    for minute in range(WARM_MINUTES + MINUTES):
        start_cpu_s = time.process_time()
        for step in range(minute * per_minute, (minute + 1) * per_minute):
            pods = rule_floors(
                rule_inputs(arrivals[:, step], pod_model.concurrency / pod_model.service_time_s), RULES
            )
            shadow.record_floors(START_S + step * STEP_S, keys, pods)
        counts = arrivals[:, minute * per_minute : (minute + 1) * per_minute] * np.float32(STEP_S)
        shadow.simulate(counts, STEP_S)
        costs.append(time.process_time() - start_cpu_s)
    return {
        "services": services,
        "simulated": len(shadow.simulated),
        "candidates": len(revisions[0].candidates),
        "cpu_s_per_minute": float(np.median(costs[WARM_MINUTES:])),
        "holt_winters_ms": holt_winters_ms(300, 14, DAY_S),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = measure(options.services)
    if options.json:
        print(json.dumps(results))
    else:
        print("\n".join(f"{name:>17} {value:g}" for name, value in results.items()))


if __name__ == "__main__":
    main()
