"""Measure delay against pods: policies on public traces, replayed as `tidecast backtest` does.

    python tests/bench/frontier.py --traces DIR [--trace NAME ...] [--json]

DIR has the traces named in TRACES.  A trace is one fleet: its results are sums over its series.  Busy ones
are scaled to the mean rate of their scenario, in *heavy* only where no series is near that rate already.

* closed: of the requests that the KPA alone delays and the oracle does not, the share that is not delayed.
* A frontier is linear between neighbouring delay costs.  The point "change nothing" (1.00 x the pod-hours, 0
  % closed) belongs to every frontier; no line leads to it.
* kpa-fixed has for every series and every delay cost the settings that were best with hindsight; its frontier
  is computed like that of Tidecast.  "one setting" is the best one for the whole trace, chosen with hindsight
  for each result; nothing lies between two of them.  Both respect the limit on starts: those of the KPA
  alone, 1.5 times as many in *web*.

Services without evidence use the prior (scaler/shadow/prior.csv), which comes from the sparse traces.  So
that no trace informs its own plan, the prior of each of these traces is the mean over the others;
tests/bench/prior.py measures them on all their days.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (2, 1)]

import numpy as np
from bench.frontier_results import (
    DAY_S,
    DELAY_COSTS,
    FIXED,
    PLAIN,
    SCALED_TO,
    SETTING,
    SUFFIX,
    TARGETS,
    TRACES,
    UNSCALED_RATES,
    Point,
    Row,
    Trace,
)
from bench.frontier_text import as_dict, medians, summary, text
from bench.prior import TRACES as PRIOR_TRACES
from bench.prior import candidate_metrics
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import read_export
from forecaster.sources.exports.export import Export
from scaler.backtest.request import BacktestRequest
from scaler.backtest.result import Backtest, Outcome
from scaler.backtest.run import run
from scaler.backtest.series import traffic_of
from scaler.backtest.totals import share, total
from scaler.kpa.settings import KpaSettings
from scaler.parallel.interface import in_order
from scaler.parallel.threads import threads
from scaler.policies.names import KPA, ORACLE, TIDECAST
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.policies.settings_grid import grid
from scaler.policies.table import POLICIES
from scaler.shadow import selection
from scaler.shadow.selection import max_starts_ratio
from scaler.simulation.plan_rows import settings_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import cost


def fixed_policy(settings: KpaSettings) -> Policy:
    """Return the policy of the KPA with fixed settings."""

    def plan(subject: Series, _: float) -> PlanRows:
        return settings_rows(subject.pod_model, settings)

    return Policy(description=SETTING, source="the grid of kpa-fixed", plan=plan)


def grid_policies(scenario: Scenario) -> dict[str, Policy]:
    """Return name -> policy of the grid of kpa-fixed; the defaults of the KPA come first."""
    policies = {}
    for settings in grid(scenario, with_retention=False):
        utilization = settings.utilization_percentage or scenario.target_utilization_percentage
        window_s = settings.window_s or scenario.stable_window_seconds
        panic = settings.panic_threshold_percentage or scenario.panic_threshold_percentage
        policies[f"{utilization:g}/{window_s}/{panic:g}"] = fixed_policy(settings)
    return policies


def read_trace(path: Path, days: int | None) -> Export:
    """Return the first days of a trace."""
    export = read_export(path)
    columns = export.counts.shape[1] if days is None else days * DAY_S // export.step_s
    return replace(export, counts=export.counts[:, :columns])


def scale_to(export: Export, scenario: str) -> float | None:
    """Return the mean rate that each series is scaled to, requests/s; None = no scaling."""
    target = SCALED_TO.get(scenario)
    if target is None:
        return None
    low, high = UNSCALED_RATES.get(scenario, (target, target))
    near = [low <= mean <= high for mean in np.nanmean(export.counts, axis=1) / export.step_s]
    return None if all(near) else target


@cache
def prior_of(path: Path) -> NDArray[np.float64]:
    """Return the metrics of the candidates on one sparse trace."""
    return candidate_metrics(path)


@contextmanager
def prior_of_others(traces: Path, trace: str) -> Iterator[None]:
    """Replace the prior by the mean over the other sparse traces."""
    if trace + SUFFIX not in PRIOR_TRACES:
        yield
        return
    others = [prior_of(traces / other) for other in PRIOR_TRACES if other != trace + SUFFIX]
    mean, shipped = np.mean(others, axis=0), vars(selection)["prior"]
    vars(selection)["prior"] = lambda: mean
    try:
        yield
    finally:
        vars(selection)["prior"] = shipped


def measure(traces: Path, trace: str, scenario: str) -> Row:
    """Return the results of one public trace in one scenario."""
    with prior_of_others(traces, trace):
        return measure_file(traces / (trace + SUFFIX), trace, TRACES[trace], scenario)


def measure_file(path: Path, name: str, trace: Trace, scenario_name: str) -> Row:
    """Return the results of a file in one scenario."""
    scenario = SCENARIOS[scenario_name]
    export = read_trace(path, trace.days)
    scaled_to = scale_to(export, scenario_name)
    traffic = traffic_of(
        export, scenario, scale_to=scaled_to, score_from_s=export.start_s + trace.warm_days * DAY_S
    )
    settings = grid_policies(scenario)
    policies = {name: POLICIES[name] for name in (KPA, FIXED, TIDECAST, *PLAIN)}
    request = BacktestRequest({**policies, **settings}, DELAY_COSTS)
    with threads(None) as executor:
        few = len(traffic) < executor.jobs
        result = run(
            traffic,
            request,
            executor=executor.serial if few else executor,
            map_items=in_order(executor) if few else map,
        )
    if executor.stopped:
        raise SystemExit(130)
    backtest = result.backtest
    points = {policy: points_of(backtest, policy) for policy in request.policies}
    starts_limit = max_starts_ratio(pod_model_of(scenario))
    grid_points = [replace(points[label][0], label=label) for label in settings]
    return Row(
        trace=name,
        scenario=scenario_name,
        series=len(traffic),
        requests=total(outcomes(backtest, KPA)[0]).metrics.requests,
        scaled_to=scaled_to,
        points={policy: points[policy] for policy in policies},
        settings=tuple(point for point in grid_points if point.x_starts <= starts_limit),
        max_starts_ratio=starts_limit,
        x_fixed=tuple(
            cost(total(tidecast).metrics, delay_cost) / cost(total(fixed).metrics, delay_cost)
            for delay_cost, tidecast, fixed in zip(
                DELAY_COSTS, outcomes(backtest, TIDECAST), outcomes(backtest, FIXED), strict=True
            )
        ),
    )


def outcomes(backtest: Backtest, policy: str) -> list[Outcome]:
    """Return the outcomes of one policy at all delay costs that it uses."""
    return [outcome for outcome in backtest.outcomes if outcome.policy == policy]


def points_of(backtest: Backtest, policy: str) -> tuple[Point, ...]:
    """Return the points of one policy at all delay costs that it uses."""
    kpa, oracle = (total(outcomes(backtest, name)[0]).metrics for name in (KPA, ORACLE))
    points = []
    for outcome in outcomes(backtest, policy):
        summed = total(outcome)
        metrics = summed.metrics
        from_series = [100 * m.delayed / m.requests for m in outcome.metrics if m.requests > 0]
        points.append(
            Point(
                label="" if outcome.delay_cost is None else f"{outcome.delay_cost:g}",
                delayed=100 * summed.delayed,
                cold=100 * summed.cold,
                closed=100 * share(kpa.delayed - metrics.delayed, kpa.delayed - oracle.delayed),
                pod_hours=metrics.pod_s / 3600,
                x_pods=metrics.pod_s / kpa.pod_s,
                starts=metrics.starts,
                x_starts=share(metrics.starts, kpa.starts),
                p75=float(np.percentile(from_series, 75)),
            )
        )
    return tuple(points)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--trace", action="append", choices=TRACES, metavar="NAME", help=", ".join(TRACES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.trace or TRACES
    selected = [
        (scenario, trace) for scenario in TARGETS for trace in names if scenario in TRACES[trace].scenarios
    ]
    missing = sorted({trace for _, trace in selected if not (options.traces / (trace + SUFFIX)).is_file()})
    if missing:
        parser.error(f"{options.traces} has no {', '.join(name + SUFFIX for name in missing)}")
    rows = []
    for scenario, trace in selected:
        rows.append(measure(options.traces, trace, scenario))
        if not options.json:
            print(text(rows[-1]), flush=True)
    if not options.json:
        print(summary(rows))
        return
    failed = [asdict(condition) for row in rows for condition in row.failed_conditions()]
    print(json.dumps({"rows": [as_dict(row) for row in rows], "medians": medians(rows), "failed": failed}))


if __name__ == "__main__":
    main()
