"""Plan the whole fleet at one moment: the floor and the KPA settings of every Revision."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scaler.plan.bounds import Bound, Pods, bounded, held_within, shared_budget
from scaler.plan.demand import FleetDemand
from scaler.plan.events import announced_floors
from scaler.plan.fleet import FleetSpec
from scaler.plan.hold import HoldState, hold
from scaler.plan.keep_warm import keep_warm_gain
from scaler.plan.result import FleetPlan, Reason
from scaler.plan.rules import DEFAULT, ActivePolicy, RuleInputs, active_floors
from scaler.plan.timing import PlanTiming

DesiredAt = Callable[[NDArray[np.float64]], Pods]
"""Returns the desired pods (r,) at a pod cost (r,): the cost of a pod-second, 1 unless a budget is scarce."""


def plan_fleet(
    demand: FleetDemand,
    inputs: RuleInputs,
    levels: NDArray[np.float64],
    spec: FleetSpec,
    state: HoldState,
    *,
    policy: ActivePolicy,
    timing: PlanTiming,
    now_s: int,
    max_total_pods: int | None = None,
) -> tuple[FleetPlan, HoldState]:
    """Return the plan at `now_s` (Unix seconds), and the next state of the hold.

    demand           demand of the Revisions; inputs: its `rule_inputs`
    levels           (q,) levels of `demand.quantile_rates`
    policy           the active policy of each Revision: the rule of its floor, and settings of the KPA
    max_total_pods   budget of the whole fleet; None = none
    """
    planned = spec.reachable & ~spec.off
    desired_at = _desired_at(demand, inputs, policy, spec, timing)
    desired = _within_budgets(desired_at, spec, max_total_pods)
    held, state = hold(state, spec.keys, desired, period_s=timing.period_s, hold_s=policy.hold_s)
    held = np.where(planned, held, 0).astype(np.int32)
    affordable = _held_within_budgets(held, desired, spec, max_total_pods)
    scarce = affordable < held
    if max_total_pods is not None or spec.budgets.size:
        scarce |= desired < desired_at(np.ones(len(spec.keys)))
    held = affordable
    floor, bound = bounded(
        held,
        [
            (Bound.MIN, np.maximum, np.where(planned, spec.min_pods, 0)),
            (Bound.MAX, np.minimum, spec.max_pods),
            (Bound.OWNER_MAX, np.minimum, spec.owner_max),
            (Bound.ACTIVATION_SCALE, np.minimum, spec.activation_scale),
            (Bound.OWNER_MIN, np.maximum, np.where(spec.reachable, spec.owner_min, 0)),
        ],
    )
    bound = np.where(scarce & (bound == Bound.NONE), np.uint8(Bound.BUDGET), bound)
    nan_unless_known = np.where(demand.known, 1.0, np.nan)
    plan = FleetPlan(
        keys=spec.keys,
        floor=floor,
        desired=desired,
        reason=_reasons(spec, demand, policy, desired, held),
        bound=bound,
        settings=np.where((planned & demand.known)[:, np.newaxis], policy.settings, np.nan),
        decided=(policy.decided & demand.known) | demand.stale | ~planned,
        candidate=policy.candidate,
        fallback_active=policy.fallback_active,
        sizing_delay_cost=policy.sizing_delay_cost,
        peak_median=nan_unless_known * _nearest_level(demand.quantile_rates, levels, 0.5),
        peak_p95=nan_unless_known * _nearest_level(demand.quantile_rates, levels, 0.95),
        capacity=np.where(demand.capacity_known, spec.total_value, np.nan),
        service_time_s=demand.service_time_s,
        lead_s=demand.lead_s,
        quantile_rates=demand.quantile_rates.astype(np.float32),
        levels=levels,
        now_s=now_s,
    )
    return plan, state


def _desired_at(
    demand: FleetDemand, inputs: RuleInputs, policy: ActivePolicy, spec: FleetSpec, timing: PlanTiming
) -> DesiredAt:
    """Return the pods that the active rules desire, before bounds, as a function of the pod cost."""
    announced = bool((demand.announced_rate > 0).any())

    def desired_at(pod_cost: NDArray[np.float64]) -> Pods:
        pods = active_floors(inputs, policy, pod_cost)
        # A pod is kept warm under the default policy, and where the capacity of a pod is not known.
        gain = keep_warm_gain(
            demand.point_rates,
            demand.point_weights.astype(np.float64),
            delay_cost=spec.effective_delay_cost / pod_cost,
            startup_s=spec.startup_s,
            period_s=timing.period_s,
        )
        by_rule = policy.fallback_active | (demand.capacity_known & (policy.candidate != DEFAULT))
        pods = np.where(by_rule, pods, np.maximum(pods, gain > 0))
        if announced:
            for_events = announced_floors(
                demand.announced_rate,
                like=inputs,
                capacity_known=demand.capacity_known,
                sizing_delay_cost=demand.default_sizing_delay_cost,
                pod_cost=pod_cost,
            )
            pods = np.maximum(pods, for_events)
        return np.where(demand.known & spec.reachable & ~spec.off, pods, 0).astype(np.int32)

    return desired_at


def _reasons(
    spec: FleetSpec, demand: FleetDemand, policy: ActivePolicy, desired: Pods, held: Pods
) -> NDArray[np.uint8]:
    """Return the codes of `Reason` (r,): of several reasons the first in this list."""
    # An event is the reason where the median of the forecast does not exceed the announced rate.
    middle = demand.quantile_rates[:, demand.quantile_rates.shape[1] // 2]
    announced = (demand.announced_rate > 0) & (middle <= demand.announced_rate * (1 + 1e-6))
    cases = [
        (spec.off, Reason.OFF),
        (~spec.reachable, Reason.UNREACHABLE),
        (demand.stale, Reason.STALE),
        (~demand.known, Reason.NO_FORECAST),
        (announced & (desired > 0) & (held <= desired), Reason.ANNOUNCED),
        (policy.fallback_active, Reason.FALLBACK),
        (held > desired, Reason.HELD),
        (~demand.capacity_known & (desired > 0), Reason.NO_SERVICE_TIME),
        (desired > 1, Reason.FORECAST),
        (desired == 1, Reason.KEEP_WARM),
    ]
    conditions, reasons = zip(*cases, strict=True)
    return np.asarray(np.select(list(conditions), list(reasons), Reason.NOTHING_COMING), np.uint8)


def _within_budgets(desired_at: DesiredAt, spec: FleetSpec, max_total_pods: int | None) -> Pods:
    """Return the desired pods under the budgets of the namespaces, and then under that of the fleet."""
    groups = np.unique(spec.budget_group[spec.budget_group >= 0])
    if groups.size:
        desired = shared_budget(desired_at, spec.budget_group, spec.budgets)
    else:
        desired = desired_at(np.ones(len(spec.keys)))
    if max_total_pods is None or desired.sum() <= max_total_pods:
        return desired
    fleet_group = np.zeros(len(spec.keys), np.intp)

    def within_namespaces(pod_cost: NDArray[np.float64]) -> Pods:
        return np.minimum(desired_at(pod_cost), desired)

    return shared_budget(within_namespaces, fleet_group, np.array([float(max_total_pods)]))


def _held_within_budgets(held: Pods, desired: Pods, spec: FleetSpec, max_total_pods: int | None) -> Pods:
    """Return the held pods under the same budgets: pods that one Revision holds may be desired by another."""
    held = held_within(held, desired, spec.budget_group, spec.budgets)
    if max_total_pods is None:
        return held
    fleet_group = np.zeros(len(spec.keys), np.intp)
    return held_within(held, desired, fleet_group, np.array([float(max_total_pods)]))


def _nearest_level(
    rates: NDArray[np.float64], levels: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return the quantiles (r,) at the level that is nearest to `level`."""
    return np.asarray(rates[:, int(np.argmin(np.abs(levels - level)))], np.float64)
