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
from models.peak.layout import LEVELS
from scaler.kpa.settings import AS_IT_IS
from scaler.plan.candidates import CANDIDATES, KPA, Candidate, Rule, allowed
from scaler.plan.events import pods_for
from scaler.plan.plan import CATCH
from scaler.plan.rules import Expected
from scaler.policies.policy import Rows, Subject
from scaler.shadow.dispersion import dispersions
from scaler.shadow.evaluate import BLOCK_S, TOLD, Each, floors, held, lived, rows
from scaler.shadow.guard import DEFAULT_SHARE, nobody_guarded
from scaler.shadow.hindcast import STEP_S, Forecasts, ahead_of, forecasts
from scaler.shadow.selection import SPENT_S, Wishes, choose, keep, most_starts
from scaler.simulation.plan_rows import setting_rows, steered
from scaler.simulation.pod_model import World

HOUR_S = 3600
BAND = (0.1, 0.5, 0.95)
"""Levels that a picture shows."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One series under every candidate: what planning needs of it, without its arrivals.

    start_s     Unix seconds of the first second.
    at_s        (n,) seconds from the first arrival at which plans are made.
    band        (n, 3) requests/s: quantiles at BAND of the peak that was forecast then.
    candidates  those that its levers allow; places (e',): where they stand among CANDIDATES.
    rules       of the candidates' floors; asked (f, n): the floors that each asks for at `at_s`.
    cost        (h, e, TOLD) what each of CANDIDATES came to in each hour; NaN where it is not allowed.
    coming      what was announced, at `at_s`; None: nothing, or no floor may be set.
    """

    world: World
    start_s: int
    delay_s: int
    at_s: NDArray[np.int64]
    band: NDArray[np.float32]
    candidates: tuple[Candidate, ...]
    places: NDArray[np.intp]
    rules: tuple[Rule, ...]
    asked: NDArray[np.int32]
    cost: NDArray[np.float32]
    coming: Expected | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """What all series together came to.

    start_s   Unix seconds at which the first of them begins.
    sums      (h, e, TOLD) discounted, as known when each hour from there on begins.
    """

    start_s: int
    sums: NDArray[np.float64]


def trial(subject: Subject, each: Each = map) -> Trial:
    """Forecasts and floors of one series, and what every candidate would have cost."""
    world, scenario = subject.world, subject.scenario
    delay_s = scenario.metrics_delay_seconds
    ahead = ahead_of(subject.series, scenario.calendar, scenario.time_zone)
    said = forecasts(subject.arrivals, subject.start_s, world, delay_s, subject.calls, ahead)
    found = list(allowed(scenario.levers, limited=scenario.container_concurrency > 0))
    candidates = tuple(candidate for _, candidate in found)
    rules = tuple(dict.fromkeys(candidate.rule for candidate in candidates))
    spread = dispersions(
        subject.arrivals,
        len(said.at_s),
        step_s=STEP_S,
        delay_s=scenario.metrics_delay_seconds,
        assumed=scenario.dispersion,
    )
    asked = floors(said, rules, world, spread)
    plans = [rows(world, each_, said.at_s, asked[rules.index(each_.rule)]) for each_ in candidates]
    blocks = lived(subject.arrivals, world, plans, each)
    places = np.array([place for place, _ in found], np.intp)
    return Trial(
        world=world,
        start_s=subject.start_s,
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


def pooled(trials: Sequence[Trial]) -> Pool:
    """What is shared between the series, by the hour since the first of them began.

    An hour of one that began in between counts to the hour in which it ends: nobody learns from later ones.
    """
    start_s = min((each.start_s for each in trials), default=0)
    first = [-(-(each.start_s - start_s) // HOUR_S) for each in trials]
    hours = max((at + len(each.cost) for at, each in zip(first, trials, strict=True)), default=0)
    total = np.zeros((hours, len(CANDIDATES), TOLD))
    for at, each in zip(first, trials, strict=True):
        # One that may not use a candidate tells nothing of it: there it counts as the KPA alone.
        told = np.where(np.isnan(each.cost), each.cost[:, [KPA]], each.cost)
        total[at : at + len(told)] += told
    return Pool(start_s, _known(total, max((each.delay_s for each in trials), default=0)))


def plan(trial: Trial, pool: Pool, delay_cost: float) -> Rows:
    """The plan of one series at one delay-cost."""
    return _in_force(trial, chosen(trial, pool, delay_cost), _sure(trial, delay_cost))


def chosen(trial: Trial, pool: Pool, delay_cost: float) -> NDArray[np.intp]:
    """(h,) the place among CANDIDATES of the one in force in each hour, the KPA alone where it is guarded."""
    sums = _known(trial.cost.astype(np.float64), trial.delay_s)
    wishes = Wishes(
        delay_cost=np.array([delay_cost]),
        wait_cost=np.zeros(1),
        most_starts=np.array([most_starts(trial.world)]),
        max_delayed=np.full(1, np.nan),
    )
    began = (trial.start_s - pool.start_s) // HOUR_S
    current, by_hour = np.full(1, KPA, np.intp), np.empty(len(sums), np.intp)
    in_force, guard, late = np.empty(len(sums), np.intp), nobody_guarded(1), _late(trial.delay_s)
    spent = np.zeros((1, 2, TOLD))
    for hour, known in enumerate(sums):
        over = hour - late
        if over >= 0:
            came = trial.cost[over].astype(np.float64)
            spent = spent * keep(HOUR_S, SPENT_S) + came[[in_force[over], KPA]]
            guard = guard.after(
                came[[by_hour[over]]], came[[KPA]], delay_cost=wishes.delay_cost, share=DEFAULT_SHARE
            )
        current = choose(known[np.newaxis], pool.sums[began + hour], wishes, current, spent)
        by_hour[hour] = current[0]
        in_force[hour] = KPA if guard.on[0] else current[0]
    return in_force


def band(
    trial: Trial,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Seconds (k,) from the first arrival, and the 0.1, 0.5 and 0.95 quantiles of the peak forecast then."""
    low, middle, high = trial.band.T
    return trial.at_s, low, middle, high


def _by_hour(blocks: NDArray[np.float32], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """(h, e, TOLD) of (e', b, TOLD): sums of each hour, NaN where a candidate is not among `places`."""
    per = HOUR_S // BLOCK_S
    hours = -(-blocks.shape[1] // per)
    padded = np.zeros((blocks.shape[0], hours * per, TOLD), np.float32)
    padded[:, : blocks.shape[1]] = blocks
    cost = np.full((hours, len(CANDIDATES), TOLD), np.nan, np.float32)
    cost[:, places] = padded.reshape(len(places), hours, per, TOLD).sum(axis=2).transpose(1, 0, 2)
    return cost


def _known(by_hour: NDArray[np.float64], delay_s: int) -> NDArray[np.float64]:
    """(h, e, TOLD) discounted sums as known when each hour begins: of hours that ended `delay_s` before it.

    NaN of a candidate that is not allowed stays, also where nothing is known yet.
    """
    late = _late(delay_s)
    known, total = np.zeros_like(by_hour), 0 * by_hour.sum(axis=0)
    for hour in range(len(by_hour)):
        if hour >= late:
            total = total * keep(HOUR_S) + by_hour[hour - late]
        known[hour] = total
    return known


def _late(delay_s: int) -> int:
    """Hours from the begin of one to that of the first which knows what it came to."""
    return 1 + -(-delay_s // HOUR_S)


def _coming(said: Forecasts, world: World, dispersion: NDArray[np.float64]) -> Expected | None:
    """The rates that were announced for certain, at each of n plans, as rules look at them."""
    if said.least is None:
        return None
    n = len(said.least)
    return Expected(
        rates=said.least[:, np.newaxis],
        weights=np.ones((n, 1), np.float32),
        chances=np.full(n, np.nan),
        per_pod=np.full(n, world.at_once / world.service_s),
        counting_s=np.full(n, max(1.0, world.service_s)),
        dispersion=dispersion,
    )


def _sure(trial: Trial, delay_cost: float) -> NDArray[np.int32]:
    """(n,) pods for what was announced, whatever rule is in force."""
    coming, n = trial.coming, len(trial.at_s)
    if coming is None:
        return np.zeros(n, np.int32)
    return pods_for(
        coming.rates[:, 0].astype(np.float64),
        like=coming,
        capable=np.ones(n, np.bool_),
        worth=np.full(n, CATCH * delay_cost),
        price=np.ones(n),
    )


def _in_force(trial: Trial, by_hour: NDArray[np.intp], sure: NDArray[np.int32]) -> Rows:
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
        if candidate == Candidate(Rule(), AS_IT_IS) and begins == 0 and not floor.any():
            continue
        at_s = np.concatenate([[begins], trial.at_s[inside]])
        kept = np.flatnonzero(np.diff(floor, prepend=-1))
        parts.append(steered(trial.world, candidate.setting, at_s[kept], floor[kept]))
    return np.concatenate(parts) if parts else setting_rows(trial.world, AS_IT_IS)
