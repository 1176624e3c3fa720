"""A plan from an exported file and a scenario: the loop's own cycle, without Prometheus or a cluster."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from config.policy import RevisionPolicy
from config.scenario import Scenario
from forecaster.history.store import coarser
from forecaster.sources.demand import Demand
from forecaster.sources.exports import Export
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.planner import Planner, Progress
from scaler.controller.timing import LoopIntervals
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.result import FleetPlan
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming
from scaler.simulation.pod_model import pod_model_of

FINE_S, COARSE_S = 30, 300
DAY_S = 86400


class OfflineError(ValueError):
    """What the user asked of a file cannot be done with it."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Offline:
    """One plan from a file.  Rows of `spec` and `plan` are the series of the file, in its order."""

    series: tuple[str, ...]
    cycle: Planner
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
    progress: Callable[[str], Progress] = lambda _: lambda _: None,
) -> Offline:
    """The plan for `at_s` (default: the file's end), from what was known the scenario's metrics delay before.

    Raises OfflineError where no series fits `only`, or less than an hour lies before `at_s`.
    """
    chosen = [i for i, name in enumerate(export.series) if fnmatchcase(name, only)]
    if not chosen:
        raise OfflineError(f"series: {only!r} fits none of the {len(export.series)} series of the file")
    names = tuple(export.series[i] for i in chosen)
    now_s = export.start_s + export.counts.shape[1] * export.step_s if at_s is None else at_s
    fine_s = _fine_step(export.step_s)
    coarse_s = max(COARSE_S, fine_s)
    worlds = [scenario.of(name) for name in names]
    delay_s = max(world.metrics_delay_seconds for world in worlds)
    until_s = (now_s - delay_s) // fine_s * fine_s
    from_s = -(-export.start_s // coarse_s) * coarse_s
    if until_s - from_s < 3600:
        raise OfflineError(
            f"at: {now_s} leaves {max(0, until_s - from_s)} s of data before it; at least 3600 s are needed"
        )
    arrivals = _on_grid(export, chosen, from_s=from_s, until_s=until_s, fine_s=fine_s)
    served_s = np.array([world.service_seconds for world in worlds])
    keys = tuple(ServiceKey.of_series(name) for name in names)
    demand = _demands(keys, served_s, fine_s=fine_s, delay_s=float(delay_s))
    recent_from_s = max(from_s, (until_s - DAY_S) // coarse_s * coarse_s)
    cycle = Planner(
        LoopIntervals(
            step_s=fine_s,
            coarse_s=coarse_s,
            recent_s=DAY_S,
            history_s=28 * DAY_S,
            refit_s=3600,
            plan=timing,
        ),
        from_s,
        calendar or Calendar(),
    )
    revisions = _revisions(keys, worlds, policy)
    spec = fleet_spec(revisions, np.array([world.startup_seconds for world in worlds]))
    cycle.lead(spec, revisions)
    split = (recent_from_s - from_s) // fine_s
    weeks = demand(arrivals[:, :split], from_s)
    per = coarse_s // fine_s
    cycle.load_history(
        replace(weeks, arrivals=coarser(weeks.arrivals, per), busy=coarser(weeks.busy, per), step_s=coarse_s)
    )
    cycle.warm_up(demand(arrivals[:, split:], recent_from_s), progress("learning"))
    return Offline(names, cycle, spec, cycle.plan(spec, now_s), now_s)


def _fine_step(step_s: int) -> int:
    """Seconds of the short grid: the usual ones, or the file's where they are longer."""
    if step_s <= FINE_S:
        return FINE_S if FINE_S % step_s == 0 else step_s * -(-FINE_S // step_s)
    return step_s


def _on_grid(
    export: Export, chosen: list[int], *, from_s: int, until_s: int, fine_s: int
) -> NDArray[np.float32]:
    """(s, n) requests/s on the short grid, [from_s, until_s)."""
    first = (from_s - export.start_s) // export.step_s
    last = (until_s - export.start_s) // export.step_s
    counts = export.counts[chosen, first : max(first, last)]
    return coarser(counts / np.float32(export.step_s), fine_s // export.step_s)


def _demands(
    keys: tuple[ServiceKey, ...], served_s: NDArray[np.float64], *, fine_s: int, delay_s: float
) -> Callable[[NDArray[np.float32], int], Demand]:
    revisions = tuple(RevisionKey(key.namespace, key.name) for key in keys)

    def demand(part: NDArray[np.float32], start_s: int) -> Demand:
        busy = (part * served_s[:, None]).astype(np.float32)
        return Demand(revisions, keys, part, busy, start_s, fine_s, delay_s)

    return demand


def _revisions(
    keys: tuple[ServiceKey, ...], worlds: list[Scenario], policy: RevisionPolicy
) -> list[RevisionSpec]:
    return [
        RevisionSpec(
            key=RevisionKey(key.namespace, key.name),
            service=key,
            container_concurrency=world.container_concurrency,
            total_value=_total(world),
            target_value=_total(world) * world.target_utilization_percentage / 100,
            window_s=world.stable_window_seconds,
            kpa=pod_model_of(world).spec,
            panic_window_percentage=world.panic_window_percentage,
            policy=replace(
                policy, levers=policy.levers & world.levers, time_zone=world.time_zone or policy.time_zone
            ),
        )
        for key, world in zip(keys, worlds, strict=True)
    ]


def _total(world: Scenario) -> float:
    """What a pod can take, as Knative resolves it from target and containerConcurrency."""
    if world.target is None:
        return float(world.container_concurrency or 100)
    return min(world.target, float(world.container_concurrency or world.target))
