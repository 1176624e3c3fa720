"""Policies over all series of a file.

Series do not depend on each other, so they are worked on side by side, in threads that the caller brings:
the replays are compiled code, which runs without Python's lock.  Or on a cluster: what goes out with the work
is the file, and with each series what is known of it so far.  Where series are few, what is tried on one
of them is spread instead.  Only our own policy learns from all series before it plans any of them, so it
takes two rounds: what each series teaches, then a plan for each.

Work that was stopped ends early: what comes out is of the series that were done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from scaler.backtest.request import BacktestRequest, Key
from scaler.backtest.result import Backtest, Outcome, Trajectory
from scaler.backtest.series import Traffic
from scaler.backtest.trajectory import picture
from scaler.backtest.upstream import callers_among, with_calls
from scaler.parallel.interface import Each, Executor, serial, until_stopped
from scaler.policies import kpa_best
from scaler.policies.names import KPA, TIDECAST
from scaler.policies.policy import PlanRows, Series
from scaler.simulation.score import ReplayMetrics, cost, figures
from scaler.simulation.simulator import replay


@dataclass(eq=False)
class Lived:
    """What one series came to.

    came_to   by policy and delay-cost.
    plans     those that are needed once more.
    trial     what our policy keeps of the series; None where it is not asked.
    """

    came_to: dict[Key, ReplayMetrics] = field(default_factory=dict)
    plans: dict[Key, PlanRows] = field(default_factory=dict)
    trial: Any = None


@dataclass(frozen=True, eq=False)
class Found:
    """What a backtest found.

    backtest   the figures.
    plans      (k, plan) of the k-th series of the traffic, in its order, where they were asked for.
    unplanned  True: our policy was asked and is left out, because the work was stopped before it could plan.
    """

    backtest: Backtest
    plans: tuple[tuple[int, PlanRows], ...]
    unplanned: bool = False


def run(
    traffic: Traffic,
    request: BacktestRequest,
    *,
    where: str = "",
    scenario: str = "",
    executor: Executor = serial,
    each: Each = map,
    told: Callable[[float], None] = lambda _: None,
) -> Found:
    """Every policy on every series; the KPA alone is always among the outcomes.

    where, scenario   what the files and the world are called, for people
    spread            over series; each: over what is tried on one of them
    told              is told the share that is done, 0..1
    """
    if KPA not in request.policies:
        raise ValueError("the KPA alone is part of every backtest")
    told = _rounds(len(traffic), 2 if TIDECAST in request.policies else 1, told)
    lived: dict[int, Lived] = {}
    turns = callers_among(traffic, executor) if TIDECAST in request.policies else {}
    first = executor(lambda k: _others(with_calls(traffic, k, turns), request, each), range(len(traffic)))
    for k, one in until_stopped(first):
        lived[k] = one
        _keep_the_largest(lived, request)
        told(1)
    unplanned = False
    if TIDECAST in request.policies:
        done = _ours(traffic, request, lived, executor, told) if len(lived) == len(traffic) else {}
        unplanned = not done
        lived = done or lived
    trajectories = _courses(traffic, request, lived, executor)
    if unplanned:
        kept = {name: policy for name, policy in request.policies.items() if name != TIDECAST}
        request = replace(request, policies=kept)
    backtest = _backtest(traffic, request, lived, trajectories, where=where, scenario=scenario)
    written = None if unplanned else request.written
    plans = [(k, lived[k].plans[written]) for k in sorted(lived) if written is not None]
    return Found(backtest, tuple(plans), unplanned)


def _others(series: Series, request: BacktestRequest, each: Each) -> Lived:
    """One series under all policies but ours, which only tries what it needs to know."""
    lived = Lived()
    if not kpa_best.NAMED.isdisjoint(request.policies):
        kpa_best.tried(series, each)
    for name, policy in request.policies.items():
        if name == TIDECAST:
            continue
        for worth in request.costs(policy):
            # Who does not look at the delay-cost is told any.
            rows = policy.plan(series, request.delay_costs[0] if worth is None else worth)
            _live(lived, (name, worth), series, rows, request)
    if TIDECAST in request.policies:
        from scaler.policies.tidecast import trial  # noqa: PLC0415  # all forecasts come with it

        # A subject of its own: a trial may keep it, and what else was tried on this one goes with this one.
        lived.trial = trial(replace(series), each)
    return lived


def _ours(
    traffic: Traffic,
    request: BacktestRequest,
    lived: dict[int, Lived],
    executor: Executor,
    told: Callable[[float], None],
) -> dict[int, Lived]:
    """Our policy on every series, after all were tried; those that were done."""
    from scaler.policies.tidecast import plan, pooled  # noqa: PLC0415

    pool = pooled([lived[k].trial for k in sorted(lived)])

    def planned(item: tuple[int, Lived]) -> Lived:
        k, one = item
        series = traffic.series_at(k)
        for worth in request.delay_costs:
            _live(one, (TIDECAST, worth), series, plan(one.trial, pool, worth), request)
        return one

    done = {}
    for (k, _), one in executor(planned, sorted(lived.items(), key=lambda each: each[0])):
        done[k] = one
        _keep_the_largest(done, request)
        told(1)
    return done


def _live(lived: Lived, key: Key, series: Series, rows: PlanRows, request: BacktestRequest) -> None:
    """One plan on one series."""
    came_to = replay(series.world, series.arrivals, rows, score_s=series.score_s)
    lived.came_to[key] = figures(came_to, series.scenario.memory_mb)
    if key in {request.drawn, request.written}:
        lived.plans[key] = rows


def _keep_the_largest(lived: dict[int, Lived], request: BacktestRequest) -> None:
    """Lets go the plans that no course will show."""
    if request.drawn is None or request.drawn == request.written:
        return
    for k in _largest(lived, request)[request.trajectories :]:
        del lived[k].plans[request.drawn]


def _largest(lived: dict[int, Lived], request: BacktestRequest) -> list[int]:
    """Series that can be drawn; that of the largest cost under the KPA alone is the first."""
    drawable = [k for k, one in lived.items() if request.drawn in one.plans]
    return sorted(drawable, key=lambda k: (-cost(lived[k].came_to[KPA, None], request.shown_cost), k))


def _courses(
    traffic: Traffic, request: BacktestRequest, lived: dict[int, Lived], executor: Executor
) -> tuple[Trajectory, ...]:
    """Of the series that cost the KPA most."""
    drawn = request.drawn
    if drawn is None:
        return ()

    def drawing(item: tuple[int, Lived]) -> Trajectory | None:
        k, one = item
        band = None
        if drawn[0] == TIDECAST:
            from scaler.policies.tidecast import band as forecast  # noqa: PLC0415

            band = forecast(one.trial)
        return picture(traffic.series_at(k), one.plans[drawn], band, traffic.export.step_s)

    largest = _largest(lived, request)[: request.trajectories]
    pictures = {k: made for (k, _), made in executor(drawing, [(k, lived[k]) for k in largest])}
    return tuple(course for k in largest if (course := pictures.get(k)) is not None)


def _backtest(
    traffic: Traffic,
    request: BacktestRequest,
    lived: dict[int, Lived],
    trajectories: tuple[Trajectory, ...],
    *,
    where: str,
    scenario: str,
) -> Backtest:
    order = sorted(lived)
    return Backtest(
        where=where,
        scenario=scenario,
        world=traffic.scenario,
        scale_to=traffic.scale_to,
        series=tuple(traffic.series_name(k) for k in order),
        start_s=traffic.export.start_s,
        seconds=traffic.seconds,
        score_s=traffic.score_s,
        step_s=traffic.export.step_s,
        outcomes=tuple(
            Outcome(*key, figures=tuple(lived[k].came_to[key] for k in order)) for key in request.keys
        ),
        trajectories=trajectories,
        shown_cost=request.shown_cost,
        seed=traffic.seed,
    )


def _rounds(series: int, rounds: int, told: Callable[[float], None]) -> Callable[[float], None]:
    """Counts series done into a share of all."""
    done = 0.0

    def more(by: float) -> None:
        nonlocal done
        done += by
        told(done / (series * rounds))

    return more
