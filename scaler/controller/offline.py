"""Plan from an exported file and a scenario: the planner of the loop, without Prometheus and cluster."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from config.policy import RevisionPolicy
from config.scenario import Scenario
from forecaster.history.service_demand import coarsen
from forecaster.sources.demand import Demand
from forecaster.sources.exports import Export
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.planner import Planner
from scaler.controller.progress import ProgressOf, no_progress
from scaler.controller.timing import LoopIntervals
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.result import FleetPlan
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming
from scaler.simulation.pod_model import pod_model_of

FINE_S, COARSE_S = 30, 300
"""Steps of the two grids, seconds: the defaults of the live loop."""
DAY_S = 86400
MIN_HISTORY_S = 3600
"""Seconds of data that a plan needs before it."""
DEFAULT_TOTAL_VALUE = 100
"""Knative's default target of a pod, requests in flight."""


class OfflineError(ValueError):
    """The file does not have what the user asks for."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Offline:
    """One plan from a file.  Rows of `spec` and `plan` are the series of the file, in its order."""

    series: tuple[str, ...]
    planner: Planner
    spec: FleetSpec
    plan: FleetPlan
    now_s: int


def plan_export(
    export: Export,
    scenario: Scenario,
    policy: RevisionPolicy,
    timing: PlanTiming,
    *,
    at_s: int | None = None,
    calendar: Calendar | None = None,
    only: str = "*",
    progress: ProgressOf = no_progress,
) -> Offline:
    """Return the plan at `at_s`, from what was known the scenario's metrics delay before.

    at_s   Unix seconds; None = the end of the file
    only   glob of the series to plan

    Raises:
        OfflineError: no series matches `only`, or less than MIN_HISTORY_S of data lies before `at_s`.
    """
    chosen = [i for i, name in enumerate(export.series) if fnmatchcase(name, only)]
    if not chosen:
        raise OfflineError(f"series: {only!r} matches none of the {len(export.series)} series of the file")
    names = tuple(export.series[i] for i in chosen)
    now_s = export.start_s + export.counts.shape[1] * export.step_s if at_s is None else at_s
    fine_s = _fine_step_s(export.step_s)
    coarse_s = max(COARSE_S, fine_s)
    scenarios = [scenario.for_series(name) for name in names]
    delay_s = max(by_series.metrics_delay_seconds for by_series in scenarios)
    until_s = (now_s - delay_s) // fine_s * fine_s
    from_s = -(-export.start_s // coarse_s) * coarse_s
    if until_s - from_s < MIN_HISTORY_S:
        raise OfflineError(
            f"at: {now_s} leaves {max(0, until_s - from_s)} s of data before it; "
            f"at least {MIN_HISTORY_S} s are needed"
        )
    arrivals = _on_grid(export, chosen, from_s=from_s, until_s=until_s, fine_s=fine_s)
    service_time_s = np.array([by_series.service_seconds for by_series in scenarios])
    keys = tuple(ServiceKey.from_series(name) for name in names)
    demand_of = _demand_of(keys, service_time_s, fine_s=fine_s, delay_s=float(delay_s))
    recent_from_s = max(from_s, (until_s - DAY_S) // coarse_s * coarse_s)
    intervals = LoopIntervals(
        step_s=fine_s,
        coarse_s=coarse_s,
        recent_s=DAY_S,
        history_s=28 * DAY_S,
        refit_s=3600,
        plan=timing,
    )
    planner = Planner(intervals, from_s, calendar or Calendar())
    revisions = _revisions(keys, scenarios, policy)
    spec = fleet_spec(revisions, np.array([by_series.startup_seconds for by_series in scenarios]))
    planner.set_fleet(spec, revisions)
    split = (recent_from_s - from_s) // fine_s
    weeks, steps = demand_of(arrivals[:, :split], from_s), coarse_s // fine_s
    planner.load_history(
        replace(
            weeks,
            arrivals=coarsen(weeks.arrivals, steps),
            busy=coarsen(weeks.busy, steps),
            step_s=coarse_s,
        )
    )
    planner.warm_up(demand_of(arrivals[:, split:], recent_from_s), progress("learning"))
    return Offline(names, planner, spec, planner.plan(spec, now_s), now_s)


def _fine_step_s(step_s: int) -> int:
    """Return the step of the fine grid: the default, or that of the file where it is longer."""
    if step_s <= FINE_S:
        return FINE_S if FINE_S % step_s == 0 else step_s * -(-FINE_S // step_s)
    return step_s


def _on_grid(
    export: Export, chosen: list[int], *, from_s: int, until_s: int, fine_s: int
) -> NDArray[np.float32]:
    """Return requests/s (s, n) of the chosen series on the fine grid, [from_s, until_s)."""
    first = (from_s - export.start_s) // export.step_s
    last = (until_s - export.start_s) // export.step_s
    counts = export.counts[chosen, first : max(first, last)]
    return coarsen(counts / np.float32(export.step_s), fine_s // export.step_s)


def _demand_of(
    keys: tuple[ServiceKey, ...], service_time_s: NDArray[np.float64], *, fine_s: int, delay_s: float
) -> Callable[[NDArray[np.float32], int], Demand]:
    """Return a function that makes a `Demand` of arrivals (s, n) in requests/s and their first second."""
    revisions = tuple(RevisionKey(key.namespace, key.name) for key in keys)

    def demand(arrivals: NDArray[np.float32], start_s: int) -> Demand:
        busy = (arrivals * service_time_s[:, None]).astype(np.float32)
        return Demand(revisions, keys, arrivals, busy, start_s, fine_s, delay_s)

    return demand


def _revisions(
    keys: tuple[ServiceKey, ...], scenarios: list[Scenario], policy: RevisionPolicy
) -> list[RevisionSpec]:
    return [
        RevisionSpec(
            key=RevisionKey(key.namespace, key.name),
            service=key,
            container_concurrency=scenario.container_concurrency,
            total_value=_total_value(scenario),
            target_value=_total_value(scenario) * scenario.target_utilization_percentage / 100,
            window_s=scenario.stable_window_seconds,
            kpa=pod_model_of(scenario).spec,
            panic_window_percentage=scenario.panic_window_percentage,
            policy=replace(
                policy,
                levers=policy.levers & scenario.levers,
                time_zone=scenario.time_zone or policy.time_zone,
            ),
        )
        for key, scenario in zip(keys, scenarios, strict=True)
    ]


def _total_value(scenario: Scenario) -> float:
    """Return the capacity of a pod, as Knative resolves it from target and containerConcurrency."""
    if scenario.target is None:
        return float(scenario.container_concurrency or DEFAULT_TOTAL_VALUE)
    return min(scenario.target, float(scenario.container_concurrency or scenario.target))
