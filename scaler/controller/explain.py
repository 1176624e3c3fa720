"""Collect the numbers behind one floor, for a person who asks why."""

from dataclasses import dataclass

import numpy as np

from config.calendar import Event
from forecaster.forecasting.diagnose import Diagnosis, diagnose
from models.numeric.clock import utc
from scaler.controller.planner import Planner
from scaler.plan.demand import MIN_COUNTING_S, revision_dispersion
from scaler.plan.fleet import FleetSpec
from scaler.plan.newsvendor import shortage_probs
from scaler.plan.result import FleetPlan, Plan
from scaler.plan.rules import policy_name
from scaler.shadow.worker import CandidateScore

LEVELS = (0.5, 0.9, 0.95, 0.99)
"""Levels of the quantiles that are shown."""
BEST_CANDIDATES = 5
"""Candidates that are shown in addition to the active one and the KPA alone."""
NEARBY_PODS = 3
"""Numbers of pods that are shown below and above the desired one."""


@dataclass(frozen=True)
class Alternative:
    """One number of pods: the probability that it is not enough, and what one pod more would save.

    gain   pod-seconds saved per pod-second of one pod more, by the active rule; above 1 it costs less than it
           saves.
    """

    pods: int
    shortage_prob: float
    gain: float


@dataclass(frozen=True)
class Explanation:
    """Everything behind one floor."""

    plan: Plan
    write_state: str
    """Whether the floor may be written, in words, and why not."""
    share: float
    """Route share, 0..1."""
    per_pod: float
    """Requests/s that a pod serves."""
    delay_cost: float
    """Pod-seconds per delayed request, as configured."""
    sizing_delay_cost: float
    """Pod-seconds per delayed request at which the active rule sizes the floor; NaN = it does not."""
    active_policy: str
    """The active candidate in words: its rule, and settings of the KPA."""
    has_evidence: bool
    """The candidate was selected on the Revision's own traffic.  Without such evidence an intermittent
    service has the selection on the traffic of all services, and another service the default policy.
    """
    fallback_active: bool
    """The guard applies the KPA alone, because the selection recently delayed more requests."""
    sigma: float
    """Typical error of the forecast peak, as a factor."""
    dispersion: float
    """Variance over mean of the counts of a second; 1 = Poisson."""
    quantiles: tuple[float, ...]
    """Requests/s: quantiles of the peak of the window, at LEVELS."""
    intermittent: bool
    """The service has few requests."""
    event_prob: float
    """Probability in the window of any request where the service has few; else of a burst."""
    candidates: tuple[CandidateScore, ...]
    """Recent results of candidates in shadow, the cheapest first; the KPA alone is among them."""
    alternatives: tuple[Alternative, ...]
    events: tuple[Event, ...]
    """Announced events of the service in the window."""
    observed_s: int
    """Seconds of history in which the service was observed."""
    second_opinion: Diagnosis


def explain(planner: Planner, spec: FleetSpec, fleet_plan: FleetPlan, row: int) -> Explanation:
    """Return the explanation of the Revision in that row.

    Raises:
        KeyError: the service of the Revision is not known.
    """
    service = spec.services[row]
    if service not in planner.state.keys:
        raise KeyError(service)
    i = planner.state.keys.index(service)
    plan = fleet_plan.plan_at(row)
    history = planner.grids.coarse.history(planner.grids.service_time_s, subset=slice(i, i + 1))
    arrivals = history.arrivals[0]
    lead_steps = max(1, int(np.ceil(plan.lead_s / history.step_s)))
    candidate, key, delay_cost = int(fleet_plan.candidate[row]), spec.keys[row], float(spec.delay_cost[row])
    active = planner.shadow.active_candidates([key], np.ones(1, np.bool_))
    columns = [int(np.argmin(np.abs(fleet_plan.levels - level))) for level in LEVELS]
    return Explanation(
        plan=plan,
        write_state=_write_state(spec, plan, row),
        share=float(spec.share[row]),
        per_pod=_per_pod(spec, plan, row),
        delay_cost=delay_cost,
        sizing_delay_cost=float(fleet_plan.sizing_delay_cost[row]),
        active_policy=policy_name(candidate),
        has_evidence=bool(active.has_evidence[0]),
        fallback_active=bool(fleet_plan.fallback_active[row]),
        sigma=_sigma(planner, i),
        dispersion=_dispersion(planner, spec, row, i),
        quantiles=tuple(float(fleet_plan.quantile_rates[row, column]) for column in columns),
        intermittent=bool(planner.state.intermittent[i]),
        event_prob=float(planner.state.event_prob[i]),
        candidates=planner.shadow.candidate_scores(key, delay_cost, candidate, BEST_CANDIDATES),
        alternatives=_alternatives(planner, fleet_plan, spec, row, i),
        events=_events(planner, i, fleet_plan.now_s),
        observed_s=int((~np.isnan(arrivals)).sum()) * history.step_s,
        second_opinion=diagnose(arrivals, step_s=history.step_s, steps=lead_steps),
    )


def _write_state(spec: FleetSpec, plan: Plan, row: int) -> str:
    if spec.off[row]:
        return "nothing is planned or written: mode is off"
    if not spec.floor_writable[row]:
        if spec.settings_writable[row].any():
            return "the floor is not written: `levers` does not contain floor"
        return "nothing is written: mode is observe, or `levers` is empty"
    if plan.floor <= spec.owner_min[row]:
        return f"no floor is written: the owner's min-scale {spec.owner_min[row]} is not lower"
    return "the leader writes the floor"


def _events(planner: Planner, i: int, now_s: int) -> tuple[Event, ...]:
    service, until_s = planner.state.keys[i].series, now_s + planner.window.lead_s[i]
    return tuple(
        event
        for event in planner.signals.calendar.events
        if event.applies_to(service) and event.from_s < until_s and event.until_s > now_s
    )


def _per_pod(spec: FleetSpec, plan: Plan, row: int) -> float:
    total = float(spec.total_value[row])
    return total if spec.rps[row] else total / plan.service_time_s


def _sigma(planner: Planner, i: int) -> float:
    state = planner.state.peak[i]
    since_s, shift_s = (utc(i + 1) if planner.clock is None else planner.clock).zone_table(i)
    origin_s = planner.state.origin_s
    local_s = origin_s + shift_s[np.searchsorted(since_s, origin_s, "right") - 1]
    half_hour = local_s % 86400 // 1800
    errors = state["recent_error"], state["long_error"], state["time_of_day_error"][half_hour]
    return float(np.exp(sum(errors) / 3))


def _dispersion(planner: Planner, spec: FleetSpec, row: int, i: int) -> float:
    by_service = planner.service_dispersion()
    return float(revision_dispersion(by_service, np.array([i]), spec.share[row : row + 1])[0])


def _alternatives(
    planner: Planner, fleet_plan: FleetPlan, spec: FleetSpec, row: int, i: int
) -> tuple[Alternative, ...]:
    """Return the numbers of pods around the desired one, as scaler.plan.newsvendor weighs them."""
    plan = fleet_plan.plan_at(row)
    per_pod = _per_pod(spec, plan, row)
    if not np.isfinite(per_pod):
        return ()
    pods = np.arange(max(0, plan.desired - NEARBY_PODS), plan.desired + NEARBY_PODS + 1)
    counting_s = MIN_COUNTING_S if spec.rps[row] else max(plan.service_time_s, MIN_COUNTING_S)
    forecast = planner.forecast(fleet_plan.now_s)
    rates = forecast.point_rates[i].astype(np.float64) * float(spec.share[row])
    weights = forecast.point_weights[i].astype(np.float64)
    dispersion = _dispersion(planner, spec, row, i)
    shortage = shortage_probs(pods, rates * counting_s, weights, per_pod * counting_s, dispersion)
    gain = float(fleet_plan.sizing_delay_cost[row]) * per_pod * shortage
    return tuple(
        Alternative(int(n), float(prob), float(saved))
        for n, prob, saved in zip(pods, shortage, gain, strict=True)
    )
