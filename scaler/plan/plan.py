"""One plan for the whole fleet: which floor each Revision should have now."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast import FleetForecast
from models.keys import ServiceKey
from scaler.plan.announced import pods_for
from scaler.plan.bounds import Bound, Pods, bounded, kept_within, shared_budget
from scaler.plan.floor import worth_keeping_warm
from scaler.plan.hold import Held, hold
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.spec import FleetSpec
from scaler.shadow.rules import PLAIN, Expected, InForce, asked_at

CATCH = 0.3
"""Share of the requests a floor misses that stay delayed under the KPA; from replays of public traces."""
LEAST_COUNTING_S = 1.0
"""Waits much shorter than this are nothing that a pod is worth."""

Asking = Callable[[NDArray[np.float64]], Pods]
"""Pods (r,) wanted when a pod-second costs (r,) instead of 1."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When plans are made."""

    period_s: float
    """Seconds between two plans."""
    hold_s: float
    """Seconds through which less must have been asked for before a floor falls."""


@dataclass(frozen=True, eq=False)
class Services:
    """What is known of the services beside the forecast of their arrivals, rows as in it (s,).

    service_time_s  seconds a request occupies a pod; NaN = not known.
    silent_s        seconds since a service with traffic was last observed; 0 where it is, or had none then.
    dispersion      variance over mean of the counts of a second; 1 = Poisson.
    """

    service_time_s: NDArray[np.float64]
    silent_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Demands:
    """What is expected of each Revision (r,).

    known      there is a forecast to go by.  rates  (r, q) requests/s, quantiles of the peak of its window.
    points, weights   (r, p) requests/s that the peak may have, and how likely each is.
    chances    (r,) that any request comes, where the service has few; else NaN.
    announced  requests/s that were announced for the window; 0 where nothing was.
    stale      there is one, and what it rests on is too old.
    capable    what a pod can take is known.  per_pod  requests/s a pod takes; 1 where not known.
    counting_s seconds over which arrivals are counted (scaler.plan.floor).
    """

    known: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    rates: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float32]
    chances: NDArray[np.float64]
    announced: NDArray[np.float64]
    capable: NDArray[np.bool_]
    per_pod: NDArray[np.float64]
    counting_s: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    dispersion: NDArray[np.float64]


def lead_s(spec: FleetSpec, timing: Timing) -> NDArray[np.float64]:
    """(r,) seconds from now that a plan must carry: the longest likely start-up, and until the next plan.

    How often one is as long is weighed by what candidates come to where they are drawn (scaler.shadow).
    """
    return np.asarray(spec.startups_s[:, -1] + timing.period_s)


def service_leads(spec: FleetSpec, timing: Timing, services: tuple[ServiceKey, ...]) -> NDArray[np.float64]:
    """(s,) the longest lead among a service's revisions; one period where it has none."""
    at = service_rows(spec, services)
    leads = np.full(len(services), timing.period_s)
    np.maximum.at(leads, at[at >= 0], lead_s(spec, timing)[at >= 0])
    return leads


def service_rows(spec: FleetSpec, services: tuple[ServiceKey, ...]) -> NDArray[np.intp]:
    """(r,) the row of each Revision's service among `services`; -1 where it is not there."""
    row = {key: i for i, key in enumerate(services)}
    return np.array([row.get(key, -1) for key in spec.services], np.intp)


def plan_fleet(
    demands: Demands,
    levels: NDArray[np.float64],
    spec: FleetSpec,
    held: Held,
    *,
    timing: Timing,
    now_s: int,
    chosen: InForce,
    max_total_pods: int | None = None,
) -> tuple[FleetPlan, Held]:
    """The plan at `now_s`, and what is held from it.

    demands  of the Revisions (see `demands`); levels (q,) of the quantiles in it
    chosen   the candidate in force of each Revision: the rule of its floor, and the KPA's settings
    """
    open_to_us = spec.reachable & ~spec.off
    ask = _asking(demands, chosen, spec, timing)
    wanted = _within_budgets(ask, spec, max_total_pods)
    kept, held = hold(held, spec.keys, wanted, period_s=timing.period_s, hold_s=chosen.hold_s)
    kept = np.where(open_to_us, kept, 0).astype(np.int32)
    within = _kept_within_budgets(kept, wanted, spec, max_total_pods)
    scarce = within < kept
    if max_total_pods is not None or spec.budgets.size:
        scarce |= wanted < ask(np.ones(len(spec.keys)))
    kept = within
    floor, bound = bounded(
        kept,
        [
            (Bound.MIN, np.maximum, np.where(open_to_us, spec.least, 0)),
            (Bound.MAX, np.minimum, spec.most),
            (Bound.OWNER_MAX, np.minimum, spec.owner_max),
            (Bound.ACTIVATION_SCALE, np.minimum, spec.activation),
            (Bound.OWNER_MIN, np.maximum, np.where(spec.reachable, spec.owner_min, 0)),
        ],
    )
    bound = np.where(scarce & (bound == Bound.NONE), np.uint8(Bound.BUDGET), bound)
    nan = np.where(demands.known, 1.0, np.nan)
    plan = FleetPlan(
        keys=spec.keys,
        floor=floor,
        wanted=wanted,
        reason=_reasons(spec, demands, chosen, wanted, kept),
        bound=bound,
        settings=np.where((open_to_us & demands.known)[:, np.newaxis], chosen.settings, np.nan),
        decided=(chosen.decided & demands.known) | demands.stale | ~open_to_us,
        chosen=chosen.place,
        worth=chosen.worth,
        median=nan * _at_level(demands.rates, levels, 0.5),
        high=nan * _at_level(demands.rates, levels, 0.95),
        capacity=np.where(demands.capable, spec.total_value, np.nan),
        service_time_s=demands.service_time_s,
        lead_s=lead_s(spec, timing),
        rates=demands.rates.astype(np.float32),
        levels=levels,
        at_s=now_s,
    )
    return plan, held


def demands(
    forecast: FleetForecast,
    services: Services,
    spec: FleetSpec,
    *,
    rows: NDArray[np.intp],
    timing: Timing,
    now_s: int,
) -> Demands:
    """What is expected of each Revision (r,) at `now_s`; rows (r,) as `service_rows` gives them."""
    leads = lead_s(spec, timing)
    forecasted = (rows >= 0) & np.append(forecast.known, False)[rows]
    # Not knowing is no reason to move, for as long as a plan may stand; then it is the KPA's again.
    stale = forecasted & (np.append(services.silent_s, 0.0)[rows] > timing.hold_s + leads)
    known = forecasted & ~stale
    served_s = np.where(known, np.append(services.service_time_s, np.nan)[rows], np.nan)
    per_pod = np.where(spec.rps, spec.total_value, spec.total_value / served_s)
    capable = np.isfinite(per_pod)
    points, weights = np.zeros((len(rows), forecast.rates.shape[1])), np.zeros((len(rows), 1), np.float32)
    chances, announced = np.full(len(rows), np.nan), np.zeros(len(rows))
    if len(forecast.keys):
        points = np.where(known[:, np.newaxis], forecast.rates[rows], 0) * spec.share[:, np.newaxis]
        weights = np.where(known[:, np.newaxis], forecast.weights[rows], 0).astype(np.float32)
        # Of several requests, all alike, a share goes this way.
        some = 1 - (1 - forecast.chances[rows].astype(np.float64)) ** spec.share
        chances = np.where(known & forecast.sparse[rows], some, np.nan)
        if forecast.least is not None:
            announced = np.where(known, forecast.least[rows], 0) * spec.share
    return Demands(
        known=known,
        stale=stale,
        points=points,
        weights=np.broadcast_to(weights, points.shape),
        chances=chances,
        announced=announced,
        rates=_window_rates(forecast, spec, np.where(known, rows, -1), leads, now_s),
        capable=capable,
        per_pod=np.where(capable, per_pod, 1.0),
        counting_s=np.where(spec.rps, LEAST_COUNTING_S, np.fmax(served_s, LEAST_COUNTING_S)),
        service_time_s=served_s,
        dispersion=shared(services.dispersion, rows, spec.share),
    )


def shared(
    dispersion: NDArray[np.float64], rows: NDArray[np.intp], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(r,) dispersion of what each Revision gets of its service's requests, which go their ways one by one.

    dispersion (s,) of the services; rows (r,) of the Revisions' services, -1: not known; share (r,)
    """
    return np.asarray(1 + share * (np.append(dispersion, 1.0)[rows] - 1))


def expected(demands: Demands) -> Expected:
    """What rules for floors look at."""
    unknown = ~(demands.known & demands.capable)
    return Expected(
        rates=np.where(unknown[:, np.newaxis], np.float32(np.nan), demands.points).astype(np.float32),
        weights=demands.weights,
        chances=demands.chances,
        per_pod=np.where(unknown, np.nan, demands.per_pod),
        counting_s=demands.counting_s,
        dispersion=demands.dispersion,
    )


def plain_worth(demands: Demands, spec: FleetSpec) -> NDArray[np.float64]:
    """(r,) what one request not delayed is worth to a floor of its own, where no candidate is proven.

    The KPA catches most of what a floor misses, within seconds: CATCH of it stays.  A share of requests that
    may be delayed is a probability of too few pods.
    """
    by_share = 1 / (np.maximum(spec.max_delayed, 1e-9) * demands.per_pod)
    return np.where(np.isnan(spec.max_delayed), CATCH * spec.worth, by_share)


def _asking(demands: Demands, chosen: InForce, spec: FleetSpec, timing: Timing) -> Asking:
    """What the rules in force ask for, before budget, hold and bounds, at any price of a pod-second."""
    seen, worth = expected(demands), plain_worth(demands, spec)
    announced = bool((demands.announced > 0).any())

    def ask(price: NDArray[np.float64]) -> Pods:
        pods = asked_at(seen, chosen, price)
        # Where no rule was found to be better, or none can be asked, a pod is kept that is likely to be used.
        warm = worth_keeping_warm(
            demands.points,
            demands.weights.astype(np.float64),
            worth=spec.worth / price,
            startup_s=spec.startup_s,
            period_s=timing.period_s,
        )
        ruled = chosen.guarded | (demands.capable & (chosen.place != PLAIN))
        pods = np.where(ruled, pods, np.maximum(pods, warm > 0))
        if announced:
            sure = pods_for(demands.announced, like=seen, capable=demands.capable, worth=worth, price=price)
            pods = np.maximum(pods, sure)
        return np.where(demands.known & spec.reachable & ~spec.off, pods, 0).astype(np.int32)

    return ask


def _reasons(
    spec: FleetSpec, demands: Demands, chosen: InForce, wanted: Pods, kept: Pods
) -> NDArray[np.uint8]:
    # It rules where half of what was forecast without it lies below.
    middle = demands.rates[:, demands.rates.shape[1] // 2]
    announced = (demands.announced > 0) & (middle <= demands.announced * (1 + 1e-6))
    said = [
        (spec.off, Reason.OFF),
        (~spec.reachable, Reason.UNREACHABLE),
        (demands.stale, Reason.STALE),
        (~demands.known, Reason.NO_FORECAST),
        (announced & (wanted > 0) & (kept <= wanted), Reason.ANNOUNCED),
        (chosen.guarded, Reason.GUARDED),
        (kept > wanted, Reason.HELD),
        (~demands.capable & (wanted > 0), Reason.NO_SERVICE_TIME),
        (wanted > 1, Reason.FORECAST),
        (wanted == 1, Reason.KEEP_WARM),
    ]
    when, reasons = zip(*said, strict=True)
    return np.asarray(np.select(list(when), list(reasons), Reason.NOTHING_COMING), np.uint8)


def _window_rates(
    forecast: FleetForecast,
    spec: FleetSpec,
    rows: NDArray[np.intp],
    leads: NDArray[np.float64],
    now_s: int,
) -> NDArray[np.float64]:
    """(r, q) requests/s: each quantile's peak over the Revision's window, its share of it; 0 at row -1."""
    steps = forecast.values.shape[2]
    first = min(max(0, (now_s - forecast.origin_s) // forecast.step_s), steps - 1)
    last = np.ceil((now_s - forecast.origin_s + leads) / forecast.step_s)
    # Revisions of a service may start up at different speeds: a running peak has every lead's answer.
    running = np.maximum.accumulate(forecast.values[:, :, first:], axis=2)
    if not len(forecast.keys):
        return np.zeros((len(spec.keys), forecast.levels.size))
    # Where the data are older than was reckoned with, the end of the forecast stands for what lies beyond it.
    reach = np.clip(last - first - 1, 0, steps - first - 1).astype(np.intp)
    rates = running[rows, :, reach].astype(np.float64) * spec.share[:, None]
    rates[rows < 0] = 0
    return rates


def _within_budgets(ask: Asking, spec: FleetSpec, max_total_pods: int | None) -> Pods:
    """What is wanted under the namespaces' budgets, and then under the one of all together."""
    groups = np.unique(spec.budget_group[spec.budget_group >= 0])
    if groups.size:
        wanted = shared_budget(ask, spec.budget_group, spec.budgets)
    else:
        wanted = ask(np.ones(len(spec.keys)))
    if max_total_pods is None or wanted.sum() <= max_total_pods:
        return wanted
    everyone = np.zeros(len(spec.keys), np.intp)

    def within(price: NDArray[np.float64]) -> Pods:
        return np.minimum(ask(price), wanted)

    return shared_budget(within, everyone, np.array([float(max_total_pods)]))


def _kept_within_budgets(kept: Pods, wanted: Pods, spec: FleetSpec, max_total_pods: int | None) -> Pods:
    """What is held, under the same budgets: what one gave up is what another may have."""
    kept = kept_within(kept, wanted, spec.budget_group, spec.budgets)
    if max_total_pods is None:
        return kept
    return kept_within(kept, wanted, np.zeros(len(spec.keys), np.intp), np.array([float(max_total_pods)]))


def _at_level(rates: NDArray[np.float64], levels: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    return np.asarray(rates[:, int(np.argmin(np.abs(levels - level)))], np.float64)
