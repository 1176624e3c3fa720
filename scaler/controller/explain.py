"""The numbers behind one floor, for a person who asks why."""

from dataclasses import dataclass

import numpy as np

from config.calendar import Event
from forecaster.forecasting import online
from forecaster.forecasting.diagnose import Diagnosis, diagnose
from models.numeric.clock import utc
from scaler.controller.planner import Planner
from scaler.plan.demand import MIN_COUNTING_S, shared
from scaler.plan.fleet import FleetSpec
from scaler.plan.newsvendor import shortage_probs
from scaler.plan.result import FleetPlan, Plan, Reason
from scaler.plan.rules import name_of
from scaler.shadow.worker import CandidateScore

SHOWN = (0.5, 0.9, 0.95, 0.99)
BEST = 5
"""Candidates that are told beside the one in force and the KPA alone."""


@dataclass(frozen=True)
class Choice:
    """One number of pods: the chance that it is not enough, and what one more pod would save.

    saves: pod-seconds saved for each pod-second it costs, as the rule in force reckons; above 1 it is worth
    having.
    """

    pods: int
    short: float
    saves: float


@dataclass(frozen=True)
class Explanation:
    """Everything behind one floor."""

    plan: Plan
    share: float
    per_pod: float
    """Requests/s that a pod takes."""
    delay_cost: float
    """Pod-seconds that one delayed request is worth."""
    in_force: str
    """The candidate in force: its rule, and settings of the KPA."""
    has_evidence: bool
    """It was chosen by what came on the Revision itself; else it borrows from other traffic."""
    fallback_active: bool
    """What was chosen delayed more requests lately than the KPA alone, so that is in force."""
    sigma: float
    """Usual error of the window's peak, as a factor."""
    dispersion: float
    """Variance over mean of the counts of a second; 1 = Poisson."""
    quantiles: tuple[float, ...]
    """Requests/s that the window's peak stays below, at SHOWN."""
    few_requests: bool
    event: float
    """Chance in the window of any request, where there are few; else of a burst."""
    shadow: tuple[CandidateScore, ...]
    """What candidates would have come to lately, the cheapest first; the KPA alone is among them."""
    choices: tuple[Choice, ...]
    announced: tuple[Event, ...]
    """Events that are announced for its service in the window."""
    observed_s: int
    """Seconds of history in which the service was observed."""
    second_opinion: Diagnosis


def explain(cycle: Planner, spec: FleetSpec, plan: FleetPlan, row: int) -> Explanation:
    """The explanation of the Revision in that row; KeyError where its service is not known."""
    service = spec.services[row]
    if service not in cycle.state.keys:
        raise KeyError(service)
    i = cycle.state.keys.index(service)
    one = plan.at(row)
    history = cycle.grids.coarse.history(cycle.grids.service_time_s, some=slice(i, i + 1))
    arrivals = history.arrivals[0]
    ahead = max(1, int(np.ceil(one.lead_s / history.step_s)))
    place, key = int(plan.chosen[row]), spec.keys[row]
    chosen = cycle.shadow_worker.chosen([key], np.ones(1, np.bool_))
    columns = [int(np.argmin(np.abs(plan.levels - level))) for level in SHOWN]
    return Explanation(
        plan=one,
        share=float(spec.share[row]),
        per_pod=_per_pod(spec, one, row),
        delay_cost=float(spec.delay_cost[row]),
        in_force=name_of(place),
        has_evidence=bool(chosen.has_evidence[0]),
        fallback_active=one.reason is Reason.FALLBACK,
        sigma=_sigma(cycle, i),
        dispersion=_dispersion(cycle, spec, row, i),
        quantiles=tuple(float(plan.rates[row, column]) for column in columns),
        few_requests=bool(cycle.state.sparse[i]),
        event=float(cycle.state.chances[i]),
        shadow=cycle.shadow_worker.candidate_scores(key, float(spec.delay_cost[row]), place, BEST),
        choices=_choices(cycle, plan, spec, row, i),
        announced=_announced(cycle, i, plan.at_s),
        observed_s=int((~np.isnan(arrivals)).sum()) * history.step_s,
        second_opinion=diagnose(arrivals, step_s=history.step_s, steps=ahead),
    )


def _announced(cycle: Planner, i: int, at_s: int) -> tuple[Event, ...]:
    service, until_s = cycle.state.keys[i].series, at_s + cycle.window.lead_s[i]
    return tuple(
        event
        for event in cycle.signals.calendar.events
        if event.concerns(service) and event.from_s < until_s and event.until_s > at_s
    )


def _per_pod(spec: FleetSpec, one: Plan, row: int) -> float:
    total = float(spec.total_value[row])
    return total if spec.rps[row] else total / one.service_time_s


def _sigma(cycle: Planner, i: int) -> float:
    known = cycle.state.peak[i]
    since_s, shift_s = (utc(i + 1) if cycle.clock is None else cycle.clock).here(i)
    local_time_s = cycle.state.origin_s + shift_s[np.searchsorted(since_s, cycle.state.origin_s, "right") - 1]
    half_hour = local_time_s % 86400 // 1800
    return float(np.exp((known["recent"] + known["long"] + known["by_time"][half_hour]) / 3))


def _dispersion(cycle: Planner, spec: FleetSpec, row: int, i: int) -> float:
    known = online.dispersions(cycle.state)
    return float(shared(known, np.array([i]), spec.share[row : row + 1])[0])


def _choices(cycle: Planner, plan: FleetPlan, spec: FleetSpec, row: int, i: int) -> tuple[Choice, ...]:
    """Numbers of pods around the one wanted, as scaler.plan.newsvendor weighs them."""
    one = plan.at(row)
    per_pod = _per_pod(spec, one, row)
    if not np.isfinite(per_pod):
        return ()
    around = np.arange(max(0, one.desired - 3), one.desired + 4)
    counting_s = MIN_COUNTING_S if spec.rps[row] else max(one.service_time_s, MIN_COUNTING_S)
    forecast = cycle.forecast(plan.at_s)
    rates = forecast.rates[i].astype(np.float64) * float(spec.share[row])
    weights = forecast.weights[i].astype(np.float64)
    dispersion = _dispersion(cycle, spec, row, i)
    short = shortage_probs(around, rates * counting_s, weights, per_pod * counting_s, dispersion)
    saves = float(plan.worth[row]) * per_pod * short
    return tuple(Choice(int(n), float(p), float(v)) for n, p, v in zip(around, short, saves, strict=True))
