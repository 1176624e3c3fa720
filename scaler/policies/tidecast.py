"""Tidecast in a backtest: every hour, the candidate that would have cost least until then is active.

    pooled           the costs of all candidates on all series together
    select_by_hour   the active candidate of each hour, at one delay cost
    plan             floors and settings of the active candidates

scaler.policies.evaluation evaluates the candidates of each series.  The selection of an hour that begins at t
depends only on costs of hours that ended before t - metrics delay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA_ALONE, KPA_INDEX
from scaler.plan.demand import KPA_MISS_SHARE
from scaler.plan.events import announced_floors
from scaler.policies.evaluation import Evaluation
from scaler.policies.floors import HOUR_S
from scaler.policies.policy import PlanRows
from scaler.shadow.evaluate import N_METRICS, held
from scaler.shadow.guard import DEFAULT_SHARE, new_guard
from scaler.shadow.hindcast import STEP_S
from scaler.shadow.selection import SPENDING_HALF_LIFE_S, Objectives, decay, max_starts_ratio, select
from scaler.simulation.plan_rows import NO_PLAN, floor_rows


@dataclass(frozen=True, eq=False)
class Pool:
    """The costs of all series together.

    start_s   Unix seconds at which the first series begins.
    sums      (h, e, N_METRICS) discounted sums, as known at the begin of each hour from start_s on.
    """

    start_s: int
    sums: NDArray[np.float64]


def pooled(evaluations: Sequence[Evaluation]) -> Pool:
    """Return the shared evidence of all series, by the hour since the first of them began.

    An hour of a series that began within an hour of the pool counts in the hour in which it ends: no series
    uses later evidence.
    """
    start_s = min((evaluation.start_s for evaluation in evaluations), default=0)
    first = [-(-(evaluation.start_s - start_s) // HOUR_S) for evaluation in evaluations]
    costs = [evaluation.cost for evaluation in evaluations]
    hours = max((hour + len(cost) for hour, cost in zip(first, costs, strict=True)), default=0)
    total = np.zeros((hours, len(CANDIDATES), N_METRICS))
    for hour, cost in zip(first, costs, strict=True):
        # A candidate that is not permitted counts as the KPA alone: there is no evidence about it.
        total[hour : hour + len(cost)] += np.where(np.isnan(cost), cost[:, [KPA_INDEX]], cost)
    delay_s = max((evaluation.delay_s for evaluation in evaluations), default=0)
    return Pool(start_s, _known_sums(total, delay_s))


def plan(evaluation: Evaluation, pool: Pool, delay_cost: float) -> PlanRows:
    """Return the plan of one series at one delay cost."""
    selected = select_by_hour(evaluation, pool, delay_cost)
    return _rows(evaluation, selected, _announced_floors(evaluation, delay_cost))


def select_by_hour(evaluation: Evaluation, pool: Pool, delay_cost: float) -> NDArray[np.intp]:
    """Return the index (h,) in CANDIDATES of the active candidate of each hour.

    Where the guard is active, the KPA alone is active.
    """
    sums = _known_sums(evaluation.cost.astype(np.float64), evaluation.delay_s)
    objectives = Objectives(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.zeros(1),
        max_starts_ratio=np.array([max_starts_ratio(evaluation.pod_model)]),
        max_delayed=np.full(1, np.nan),
    )
    pool_hour, delay_h = (evaluation.start_s - pool.start_s) // HOUR_S, _delay_hours(evaluation.delay_s)
    current, selected = np.full(1, KPA_INDEX, np.intp), np.empty(len(sums), np.intp)
    active, guard = np.empty(len(sums), np.intp), new_guard(1)
    spending = np.zeros((1, 2, N_METRICS))
    for hour, known in enumerate(sums):
        past = hour - delay_h
        if past >= 0:
            cost = evaluation.cost[past].astype(np.float64)
            spending = spending * decay(HOUR_S, SPENDING_HALF_LIFE_S) + cost[[active[past], KPA_INDEX]]
            guard = guard.updated(
                cost[[selected[past]]],
                cost[[KPA_INDEX]],
                delay_cost=objectives.delay_cost,
                share=DEFAULT_SHARE,
            )
        current = select(known[np.newaxis], pool.sums[pool_hour + hour], objectives, current, spending)
        selected[hour] = current[0]
        active[hour] = KPA_INDEX if guard.active[0] else current[0]
    return active


def _known_sums(by_hour: NDArray[np.float64], delay_s: int) -> NDArray[np.float64]:
    """Return the discounted sums (h, e, N_METRICS) of the hours that ended `delay_s` before each hour begins.

    NaN of a candidate that is not permitted stays NaN, also before anything is known.

    by_hour   (h, e, N_METRICS)
    """
    delay_h = _delay_hours(delay_s)
    known, total = np.zeros_like(by_hour), 0 * by_hour.sum(axis=0)
    for hour in range(len(by_hour)):
        if hour >= delay_h:
            total = total * decay(HOUR_S) + by_hour[hour - delay_h]
        known[hour] = total
    return known


def _delay_hours(delay_s: int) -> int:
    """Return the hours from the begin of an hour to that of the first hour at which its cost is known."""
    return 1 + -(-delay_s // HOUR_S)


def _announced_floors(evaluation: Evaluation, delay_cost: float) -> NDArray[np.int32]:
    """Return the floors (n,) for announced events, which hold under every rule."""
    announced, n = evaluation.announced, len(evaluation.at_s)
    if announced is None:
        return np.zeros(n, np.int32)
    return announced_floors(
        announced.point_rates[:, 0].astype(np.float64),
        like=announced,
        capacity_known=np.ones(n, np.bool_),
        sizing_delay_cost=np.full(n, KPA_MISS_SHARE * delay_cost),
        pod_cost=np.ones(n),
    )


def _rows(evaluation: Evaluation, active: NDArray[np.intp], announced: NDArray[np.int32]) -> PlanRows:
    """Return the floors and settings of the active candidates.

    active      (h,) index in CANDIDATES of each hour
    announced   (n,) floors for announced events
    """
    candidates = dict(zip(evaluation.indices, evaluation.candidates, strict=True))
    parts = []
    changes = np.flatnonzero(np.diff(active, prepend=-1))
    for i, hour in enumerate(changes):
        begin_s = int(hour) * HOUR_S
        end_s = int(changes[i + 1]) * HOUR_S if i + 1 < len(changes) else np.iinfo(np.int64).max
        candidate = candidates[active[hour]]
        floors = evaluation.floors[evaluation.rules.index(candidate.rule)]
        floors = np.maximum(floors, held(announced, candidate.rule.hold_s // STEP_S))
        previous = int(np.searchsorted(evaluation.at_s, begin_s, "right")) - 1
        inside = (evaluation.at_s > begin_s) & (evaluation.at_s < end_s)
        floor = np.concatenate([[floors[previous] if previous >= 0 else 0], floors[inside]])
        if candidate == KPA_ALONE and begin_s == 0 and not floor.any():
            continue
        at_s = np.concatenate([[begin_s], evaluation.at_s[inside]])
        changed = np.flatnonzero(np.diff(floor, prepend=-1))
        parts.append(floor_rows(evaluation.pod_model, candidate.settings, at_s[changed], floor[changed]))
    return np.concatenate(parts) if parts else NO_PLAN
