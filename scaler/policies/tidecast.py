"""Ours: of the candidates the one that would have cost least, chosen anew every hour from the past.

    trial    forecasts, and what every candidate would have cost, of one series
    pooled   what they would have cost on all series together
    plan     the candidates in force, hour by hour, at one delay-cost

The hour's choice at t knows what candidates came to in hours that ended before t - metrics delay; the floor
at t knows arrivals before t - metrics delay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from models.peak.state import LEVELS
from scaler.kpa.settings import UNSET
from scaler.plan.candidates import CANDIDATES, KPA_INDEX, Candidate, Rule, allowed
from scaler.plan.events import announced_floors
from scaler.plan.plan import KPA_MISS_SHARE
from scaler.plan.rules import RuleInputs
from scaler.policies.policy import PlanRows, Series
from scaler.shadow.dispersion import dispersions
from scaler.shadow.evaluate import BLOCK_S, N_METRICS, Each, floors, held, lived, rows
from scaler.shadow.guard import DEFAULT_SHARE, new_guard
from scaler.shadow.hindcast import STEP_S, Hindcast, hindcast, service_calendar
from scaler.shadow.selection import SPENT_S, Objectives, decay, max_starts_ratio, select
from scaler.simulation.plan_rows import setting_rows, steered
from scaler.simulation.pod_model import PodModel

HOUR_S = 3600
BAND = (0.1, 0.5, 0.95)
"""Levels that a picture shows."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One series under every candidate: what planning needs of it, without its arrivals.

    start_s     Unix seconds of the first second.
    at_s        (n,) seconds from the first arrival at which plans are made.
    band        (n, 3) requests/s: quantiles at BAND of the peak that was forecast then.
    candidates  those that its levers allow; places (e',): where they stand among CANDIDATES.
    rules       of the candidates' floors; asked (f, n): the floors that each asks for at `at_s`.
    cost        (h, e, N_METRICS) what each of CANDIDATES came to in each hour; NaN where it is not allowed.
    coming      what was announced, at `at_s`; None: nothing, or no floor may be set.
    """

    world: PodModel
    start_s: int
    delay_s: int
    at_s: NDArray[np.int64]
    band: NDArray[np.float32]
    candidates: tuple[Candidate, ...]
    places: NDArray[np.intp]
    rules: tuple[Rule, ...]
    asked: NDArray[np.int32]
    cost: NDArray[np.float32]
    coming: RuleInputs | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """What all series together came to.

    start_s   Unix seconds at which the first of them begins.
    sums      (h, e, N_METRICS) discounted, as known when each hour from there on begins.
    """

    start_s: int
    sums: NDArray[np.float64]


def trial(series: Series, each: Each = map) -> Evaluation:
    """Hindcast and floors of one series, and what every candidate would have cost."""
    world, scenario = series.world, series.scenario
    delay_s = scenario.metrics_delay_seconds
    ahead = service_calendar(series.series, scenario.calendar, scenario.time_zone)
    said = hindcast(series.arrivals, series.start_s, world, delay_s, series.calls, ahead)
    found = list(allowed(scenario.levers, limited=scenario.container_concurrency > 0))
    candidates = tuple(candidate for _, candidate in found)
    rules = tuple(dict.fromkeys(candidate.rule for candidate in candidates))
    spread = dispersions(
        series.arrivals,
        len(said.at_s),
        step_s=STEP_S,
        delay_s=scenario.metrics_delay_seconds,
        assumed=scenario.dispersion,
    )
    asked = floors(said, rules, world, spread)
    plans = [rows(world, each_, said.at_s, asked[rules.index(each_.rule)]) for each_ in candidates]
    blocks = lived(series.arrivals, world, plans, each)
    places = np.array([place for place, _ in found], np.intp)
    return Evaluation(
        world=world,
        start_s=series.start_s,
        delay_s=scenario.metrics_delay_seconds,
        at_s=said.at_s,
        band=said.rates[:, [int(np.flatnonzero(level == LEVELS)[0]) for level in BAND]],
        candidates=candidates,
        places=places,
        rules=rules,
        asked=asked,
        cost=_by_hour(blocks, places),
        coming=_coming(said, world, spread) if Lever.FLOOR in scenario.levers else None,
    )


def pooled(trials: Sequence[Evaluation]) -> Pool:
    """What is shared between the series, by the hour since the first of them began.

    An hour of one that began in between counts to the hour in which it ends: nobody learns from later ones.
    """
    start_s = min((each.start_s for each in trials), default=0)
    first = [-(-(each.start_s - start_s) // HOUR_S) for each in trials]
    hours = max((at + len(each.cost) for at, each in zip(first, trials, strict=True)), default=0)
    total = np.zeros((hours, len(CANDIDATES), N_METRICS))
    for at, each in zip(first, trials, strict=True):
        # One that may not use a candidate tells nothing of it: there it counts as the KPA_INDEX alone.
        told = np.where(np.isnan(each.cost), each.cost[:, [KPA_INDEX]], each.cost)
        total[at : at + len(told)] += told
    return Pool(start_s, _known(total, max((each.delay_s for each in trials), default=0)))


def plan(trial: Evaluation, pool: Pool, delay_cost: float) -> PlanRows:
    """The plan of one series at one delay-cost."""
    return _in_force(trial, chosen(trial, pool, delay_cost), _sure(trial, delay_cost))


def chosen(trial: Evaluation, pool: Pool, delay_cost: float) -> NDArray[np.intp]:
    """(h,) the place among CANDIDATES of the one in force in each hour, the KPA_INDEX alone where it is guarded."""
    sums = _known(trial.cost.astype(np.float64), trial.delay_s)
    wishes = Objectives(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.zeros(1),
        max_starts_ratio=np.array([max_starts_ratio(trial.world)]),
        max_delayed=np.full(1, np.nan),
    )
    began = (trial.start_s - pool.start_s) // HOUR_S
    current, by_hour = np.full(1, KPA_INDEX, np.intp), np.empty(len(sums), np.intp)
    in_force, guard, late = np.empty(len(sums), np.intp), new_guard(1), _late(trial.delay_s)
    spent = np.zeros((1, 2, N_METRICS))
    for hour, known in enumerate(sums):
        over = hour - late
        if over >= 0:
            came = trial.cost[over].astype(np.float64)
            spent = spent * decay(HOUR_S, SPENT_S) + came[[in_force[over], KPA_INDEX]]
            guard = guard.after(
                came[[by_hour[over]]], came[[KPA_INDEX]], delay_cost=wishes.delay_cost, share=DEFAULT_SHARE
            )
        current = select(known[np.newaxis], pool.sums[began + hour], wishes, current, spent)
        by_hour[hour] = current[0]
        in_force[hour] = KPA_INDEX if guard.on[0] else current[0]
    return in_force


def band(
    trial: Evaluation,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Seconds (k,) from the first arrival, and the 0.1, 0.5 and 0.95 quantiles of the peak forecast then."""
    low, middle, high = trial.band.T
    return trial.at_s, low, middle, high


def _by_hour(blocks: NDArray[np.float32], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """(h, e, N_METRICS) of (e', b, N_METRICS): sums of each hour, NaN where a candidate is not among `places`."""
    per = HOUR_S // BLOCK_S
    hours = -(-blocks.shape[1] // per)
    padded = np.zeros((blocks.shape[0], hours * per, N_METRICS), np.float32)
    padded[:, : blocks.shape[1]] = blocks
    cost = np.full((hours, len(CANDIDATES), N_METRICS), np.nan, np.float32)
    cost[:, places] = padded.reshape(len(places), hours, per, N_METRICS).sum(axis=2).transpose(1, 0, 2)
    return cost


def _known(by_hour: NDArray[np.float64], delay_s: int) -> NDArray[np.float64]:
    """(h, e, N_METRICS) discounted sums as known when each hour begins: of hours that ended `delay_s` before it.

    NaN of a candidate that is not allowed stays, also where nothing is known yet.
    """
    late = _late(delay_s)
    known, total = np.zeros_like(by_hour), 0 * by_hour.sum(axis=0)
    for hour in range(len(by_hour)):
        if hour >= late:
            total = total * decay(HOUR_S) + by_hour[hour - late]
        known[hour] = total
    return known


def _late(delay_s: int) -> int:
    """Hours from the begin of one to that of the first which knows what it came to."""
    return 1 + -(-delay_s // HOUR_S)


def _coming(said: Hindcast, world: PodModel, dispersion: NDArray[np.float64]) -> RuleInputs | None:
    """The rates that were announced for certain, at each of n plans, as rules look at them."""
    if said.announced_rate is None:
        return None
    n = len(said.announced_rate)
    return RuleInputs(
        rates=said.announced_rate[:, np.newaxis],
        weights=np.ones((n, 1), np.float32),
        chances=np.full(n, np.nan),
        per_pod=np.full(n, world.concurrency / world.service_s),
        counting_s=np.full(n, max(1.0, world.service_s)),
        dispersion=dispersion,
    )


def _sure(trial: Evaluation, delay_cost: float) -> NDArray[np.int32]:
    """(n,) pods for what was announced, whatever rule is in force."""
    coming, n = trial.coming, len(trial.at_s)
    if coming is None:
        return np.zeros(n, np.int32)
    return announced_floors(
        coming.rates[:, 0].astype(np.float64),
        like=coming,
        capable=np.ones(n, np.bool_),
        worth=np.full(n, KPA_MISS_SHARE * delay_cost),
        price=np.ones(n),
    )


def _in_force(trial: Evaluation, by_hour: NDArray[np.intp], sure: NDArray[np.int32]) -> PlanRows:
    """The floors and settings of the candidates in force; no floor is below `sure` (n,)."""
    candidate_at = dict(zip(trial.places, trial.candidates, strict=True))
    parts = []
    changes = np.flatnonzero(np.diff(by_hour, prepend=-1))
    for i, hour in enumerate(changes):
        begins = int(hour) * HOUR_S
        ends = int(changes[i + 1]) * HOUR_S if i + 1 < len(changes) else np.iinfo(np.int64).max
        candidate = candidate_at[by_hour[hour]]
        asked = trial.asked[trial.rules.index(candidate.rule)]
        asked = np.maximum(asked, held(sure, candidate.rule.hold_s // STEP_S))
        before = int(np.searchsorted(trial.at_s, begins, "right")) - 1
        inside = (trial.at_s > begins) & (trial.at_s < ends)
        floor = np.concatenate([[asked[before] if before >= 0 else 0], asked[inside]])
        if candidate == Candidate(Rule(), UNSET) and begins == 0 and not floor.any():
            continue
        at_s = np.concatenate([[begins], trial.at_s[inside]])
        kept = np.flatnonzero(np.diff(floor, prepend=-1))
        parts.append(steered(trial.world, candidate.setting, at_s[kept], floor[kept]))
    return np.concatenate(parts) if parts else setting_rows(trial.world, UNSET)
