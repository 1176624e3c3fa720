"""One plan for the whole fleet: which floor each Revision should have now."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scaler.plan.bounds import Bound, Pods, bounded, kept_within, shared_budget
from scaler.plan.demand import FleetDemand, expected
from scaler.plan.events import announced_floors
from scaler.plan.fleet import FleetSpec
from scaler.plan.hold import Held, hold
from scaler.plan.keep_warm import keep_warm_gain
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.rules import DEFAULT, ActivePolicy, active_floors
from scaler.plan.timing import PlanTiming, lead_s

KPA_MISS_SHARE = 0.3
"""Share of the requests a floor misses that stay delayed under the KPA; from replays of public traces."""

Asking = Callable[[NDArray[np.float64]], Pods]
"""Pods (r,) wanted when a pod-second costs (r,) instead of 1."""


def plan_fleet(
    demands: FleetDemand,
    levels: NDArray[np.float64],
    spec: FleetSpec,
    held: Held,
    *,
    timing: PlanTiming,
    now_s: int,
    chosen: ActivePolicy,
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
            (Bound.MIN, np.maximum, np.where(open_to_us, spec.min_pods, 0)),
            (Bound.MAX, np.minimum, spec.max_pods),
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
        desired=wanted,
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


def default_sizing_delay_cost(demands: FleetDemand, spec: FleetSpec) -> NDArray[np.float64]:
    """(r,) what one request not delayed is worth to a floor of its own, where no candidate is has_evidence.

    The KPA catches most of what a floor misses, within seconds: KPA_MISS_SHARE of it stays.  A share of requests that
    may be delayed is a probability of too few pods.
    """
    by_share = 1 / (np.maximum(spec.max_delayed, 1e-9) * demands.per_pod)
    return np.where(np.isnan(spec.max_delayed), KPA_MISS_SHARE * spec.worth, by_share)


def _asking(demands: FleetDemand, chosen: ActivePolicy, spec: FleetSpec, timing: PlanTiming) -> Asking:
    """What the rules in force ask for, before budget, hold and bounds, at any price of a pod-second."""
    seen, worth = expected(demands), default_sizing_delay_cost(demands, spec)
    announced = bool((demands.announced > 0).any())

    def ask(price: NDArray[np.float64]) -> Pods:
        pods = active_floors(seen, chosen, price)
        # Where no rule was found to be better, or none can be asked, a pod is kept that is likely to be used.
        warm = keep_warm_gain(
            demands.points,
            demands.weights.astype(np.float64),
            worth=spec.worth / price,
            startup_s=spec.startup_s,
            period_s=timing.period_s,
        )
        ruled = chosen.fallback_active | (demands.capable & (chosen.place != DEFAULT))
        pods = np.where(ruled, pods, np.maximum(pods, warm > 0))
        if announced:
            sure = announced_floors(
                demands.announced, like=seen, capable=demands.capable, worth=worth, price=price
            )
            pods = np.maximum(pods, sure)
        return np.where(demands.known & spec.reachable & ~spec.off, pods, 0).astype(np.int32)

    return ask


def _reasons(
    spec: FleetSpec, demands: FleetDemand, chosen: ActivePolicy, wanted: Pods, kept: Pods
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
        (chosen.fallback_active, Reason.FALLBACK),
        (kept > wanted, Reason.HELD),
        (~demands.capable & (wanted > 0), Reason.NO_SERVICE_TIME),
        (wanted > 1, Reason.FORECAST),
        (wanted == 1, Reason.KEEP_WARM),
    ]
    when, reasons = zip(*said, strict=True)
    return np.asarray(np.select(list(when), list(reasons), Reason.NOTHING_COMING), np.uint8)


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
