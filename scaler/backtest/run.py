"""Run every policy on every series of a file.

Series are independent, so they are processed concurrently, in threads that the caller provides: replays are
compiled code that runs without Python's lock.  Or on a cluster, which receives the file and, with each
series, its intermediate results.  Where there are few series, the candidates of one series are processed
concurrently instead. Only Tidecast learns from all series before it plans any of them.  It takes two rounds:
the evaluation of each series, and then a plan for each.

Work that is stopped ends early: the result has the series that are completed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from scaler.backtest.request import BacktestRequest, Key
from scaler.backtest.result import Backtest, Outcome, Trajectory
from scaler.backtest.series import Traffic
from scaler.backtest.trajectory import trajectory
from scaler.backtest.upstream import UpstreamSpans, upstream_spans, with_upstream
from scaler.parallel.interface import Executor, MapItems, serial, until_stopped
from scaler.policies import kpa_best
from scaler.policies.names import KPA, TIDECAST
from scaler.policies.policy import PlanRows, Series
from scaler.simulation.score import ReplayMetrics, cost, replay_metrics
from scaler.simulation.simulator import replay

Progress = Callable[[float], None]
"""Receives the share that is done, 0..1."""


@dataclass(eq=False)
class SeriesRun:
    """The intermediate results of one series.

    metrics      by policy and delay cost.
    plans        those that are needed later.
    evaluation   what Tidecast keeps of the series; None where it is not requested.
    """

    metrics: dict[Key, ReplayMetrics] = field(default_factory=dict)
    plans: dict[Key, PlanRows] = field(default_factory=dict)
    evaluation: Any = None


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """The result of a backtest and the requested plans.

    plans       (k, plan) of the k-th series of the traffic, in its order, where plans are requested.
    unplanned   True = Tidecast is left out, because the work was stopped before it could plan.
    """

    backtest: Backtest
    plans: tuple[tuple[int, PlanRows], ...]
    unplanned: bool = False


def run(
    traffic: Traffic,
    request: BacktestRequest,
    *,
    where: str = "",
    scenario_name: str = "",
    executor: Executor = serial,
    map_items: MapItems = map,
    on_progress: Progress = lambda _: None,
) -> BacktestResult:
    """Run every policy on every series; the KPA alone is always among the outcomes.

    where, scenario_name   names of the files and of the scenario, for people
    executor               for the series
    map_items              for the candidates of one series

    Raises:
        ValueError: the request does not have the KPA alone.
    """
    if KPA not in request.policies:
        raise ValueError("the KPA alone is part of every backtest")
    on_progress = _rounds(len(traffic), 2 if TIDECAST in request.policies else 1, on_progress)
    runs: dict[int, SeriesRun] = {}
    spans: UpstreamSpans = upstream_spans(traffic, executor) if TIDECAST in request.policies else {}

    def first_round(k: int) -> SeriesRun:
        return _all_but_tidecast(with_upstream(traffic, k, spans), request, map_items)

    for k, series_run in until_stopped(executor(first_round, range(len(traffic)))):
        runs[k] = series_run
        _drop_small_plans(runs, request)
        on_progress(1)
    unplanned = False
    if TIDECAST in request.policies:
        complete = len(runs) == len(traffic)
        planned = _tidecast(traffic, request, runs, executor, on_progress) if complete else {}
        unplanned = not planned
        runs = planned or runs
    trajectories = _trajectories(traffic, request, runs, executor)
    if unplanned:
        kept = {name: policy for name, policy in request.policies.items() if name != TIDECAST}
        request = replace(request, policies=kept)
    backtest = _backtest(traffic, request, runs, trajectories, where=where, scenario_name=scenario_name)
    exported = None if unplanned else request.exported_plan
    plans = [(k, runs[k].plans[exported]) for k in sorted(runs) if exported is not None]
    return BacktestResult(backtest, tuple(plans), unplanned)


def _all_but_tidecast(series: Series, request: BacktestRequest, map_items: MapItems) -> SeriesRun:
    """Run one series under all policies but Tidecast, whose candidates are only evaluated."""
    series_run = SeriesRun()
    if not kpa_best.GRID_POLICIES.isdisjoint(request.policies):
        kpa_best.grid_replays(series, map_items)
    for name, policy in request.policies.items():
        if name == TIDECAST:
            continue
        for delay_cost in request.costs(policy):
            # A policy that does not use the delay cost receives any.
            rows = policy.plan(series, request.delay_costs[0] if delay_cost is None else delay_cost)
            _replay(series_run, (name, delay_cost), series, rows, request)
    if TIDECAST in request.policies:
        from scaler.policies.evaluation import evaluate_series  # noqa: PLC0415  # imports all forecasts

        # A series of its own: what was cached for the other policies is released with theirs.
        series_run.evaluation = evaluate_series(replace(series), map_items)
    return series_run


def _tidecast(
    traffic: Traffic,
    request: BacktestRequest,
    runs: dict[int, SeriesRun],
    executor: Executor,
    on_progress: Progress,
) -> dict[int, SeriesRun]:
    """Run Tidecast on every series after all are evaluated; return those that are completed."""
    from scaler.policies.tidecast import plan, pooled  # noqa: PLC0415

    pool = pooled([runs[k].evaluation for k in sorted(runs)])

    def second_round(item: tuple[int, SeriesRun]) -> SeriesRun:
        k, series_run = item
        series = traffic.series_at(k)
        for delay_cost in request.delay_costs:
            rows = plan(series_run.evaluation, pool, delay_cost)
            _replay(series_run, (TIDECAST, delay_cost), series, rows, request)
        return series_run

    planned = {}
    for (k, _), series_run in executor(second_round, sorted(runs.items(), key=lambda item: item[0])):
        planned[k] = series_run
        _drop_small_plans(planned, request)
        on_progress(1)
    return planned


def _replay(
    series_run: SeriesRun, key: Key, series: Series, rows: PlanRows, request: BacktestRequest
) -> None:
    """Replay one plan on one series."""
    replayed = replay(series.pod_model, series.arrivals, rows, score_s=series.score_s)
    series_run.metrics[key] = replay_metrics(replayed, series.scenario.memory_mb)
    if key in {request.plotted, request.exported_plan}:
        series_run.plans[key] = rows


def _drop_small_plans(runs: dict[int, SeriesRun], request: BacktestRequest) -> None:
    """Release the plans that no trajectory will show."""
    if request.plotted is None or request.plotted == request.exported_plan:
        return
    for k in _by_cost(runs, request)[request.trajectories :]:
        del runs[k].plans[request.plotted]


def _by_cost(runs: dict[int, SeriesRun], request: BacktestRequest) -> list[int]:
    """Return the series that can be plotted, the most expensive one under the KPA alone first."""
    can_be_plotted = [k for k, series_run in runs.items() if request.plotted in series_run.plans]
    return sorted(can_be_plotted, key=lambda k: (-cost(runs[k].metrics[KPA, None], request.shown_cost), k))


def _trajectories(
    traffic: Traffic, request: BacktestRequest, runs: dict[int, SeriesRun], executor: Executor
) -> tuple[Trajectory, ...]:
    """Return the trajectories of the series that cost the KPA most."""
    plotted = request.plotted
    if plotted is None:
        return ()

    def reduce(item: tuple[int, SeriesRun]) -> Trajectory | None:
        k, series_run = item
        band = None
        if plotted[0] == TIDECAST:
            from scaler.policies.evaluation import quantile_band  # noqa: PLC0415

            band = quantile_band(series_run.evaluation)
        return trajectory(traffic.series_at(k), series_run.plans[plotted], band, traffic.export.step_s)

    largest = _by_cost(runs, request)[: request.trajectories]
    reduced = {k: output for (k, _), output in executor(reduce, [(k, runs[k]) for k in largest])}
    return tuple(found for k in largest if (found := reduced.get(k)) is not None)


def _backtest(
    traffic: Traffic,
    request: BacktestRequest,
    runs: dict[int, SeriesRun],
    trajectories: tuple[Trajectory, ...],
    *,
    where: str,
    scenario_name: str,
) -> Backtest:
    order = sorted(runs)
    return Backtest(
        where=where,
        scenario_name=scenario_name,
        scenario=traffic.scenario,
        scale_to=traffic.scale_to,
        series=tuple(traffic.series_name(k) for k in order),
        start_s=traffic.export.start_s,
        seconds=traffic.seconds,
        score_s=traffic.score_s,
        step_s=traffic.export.step_s,
        outcomes=tuple(
            Outcome(*key, metrics=tuple(runs[k].metrics[key] for k in order)) for key in request.keys
        ),
        trajectories=trajectories,
        shown_cost=request.shown_cost,
        seed=traffic.seed,
    )


def _rounds(series: int, rounds: int, on_progress: Progress) -> Progress:
    """Convert a count of completed series to the share of all rounds."""
    completed = 0.0

    def add(count: float) -> None:
        nonlocal completed
        completed += count
        on_progress(completed / (series * rounds))

    return add
