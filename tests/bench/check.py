"""Run the benchmarks of speed as ratios to a peer in the same process, and compare them with the baseline.

    python tests/bench/check.py [--check] [--update] [--rounds 3] [--json]

Without an option, print the ratios.  `--check` fails (exit code 1) where a ratio exceeds its value in
baseline.json by more than 20 %.  `--update` writes baseline.json.

    cycle    one planning cycle per service / one Holt-Winters fit of statsmodels on two weeks of five minutes
    shadow   one minute of the shadow evaluation per service / the same fit
    ingest   reading a day of series from Prometheus / the same with prometheus-api-client; needs Prometheus
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
BASELINE = FOLDER / "baseline.json"
TOLERANCE = 1.2
"""Largest accepted ratio to the baseline; chosen by hand, above the noise of a shared machine with 2 cores.
"""
SERVICES = "2000"


def result(*arguments: str) -> dict[str, Any]:
    """Return what a benchmark prints as JSON."""
    command = [sys.executable, str(FOLDER / arguments[0]), *arguments[1:], "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    parsed: dict[str, Any] = json.loads(run.stdout)
    return parsed


def cycle() -> float:
    """Return the CPU time of one service in one cycle, over that of one fit."""
    measured = result("planning.py", "--services", SERVICES, "--observed-days", "1", "--recent-hours", "1")
    return 1 / float(measured["times_below_two_weeks"])


def shadow() -> float:
    """Return the CPU time of one service in one minute of the shadow evaluation, over that of one fit."""
    measured = result("shadow.py", "--services", SERVICES)
    service_ms = 1000 * measured["cpu_s_per_minute"] / measured["simulated"]
    return float(service_ms / measured["holt_winters_ms"])


def ingest() -> float:
    """Return the time of Tidecast's reader over that of prometheus-api-client."""
    return float(result("ingest.py", "--series", "300")["ratio"])


BENCHMARKS: dict[str, Callable[[], float]] = {"cycle": cycle, "shadow": shadow, "ingest": ingest}


def main() -> int:
    """Measure, print and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="fail beyond 20 %% of the baseline")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--rounds", type=int, default=3, help="the median of the rounds counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = [name for name in BENCHMARKS if name != "ingest" or shutil.which("prometheus")]
    ratios = {name: statistics.median(BENCHMARKS[name]() for _ in range(options.rounds)) for name in names}
    baseline: dict[str, float] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    exceeded = [name for name in names if ratios[name] > TOLERANCE * baseline.get(name, float("inf"))]
    if options.json:
        print(json.dumps(ratios))
    for name in [] if options.json else names:
        known = f"{baseline[name]:10.5f}" if name in baseline else "         -"
        print(f"{name:8} {ratios[name]:10.5f}  baseline {known}{'  SLOWER' if name in exceeded else ''}")
    if options.update:
        BASELINE.write_text(json.dumps(baseline | ratios, indent=2) + "\n")
    return int(options.check and bool(exceeded))


if __name__ == "__main__":
    sys.exit(main())
