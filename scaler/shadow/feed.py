"""Convert data of the planner to input of the shadow evaluation, and its results to shares per service."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.forecasting import online
from models.fleet.keys import ServiceKey
from scaler.plan.demand import FleetDemand, revision_dispersion
from scaler.plan.fleet import FleetSpec
from scaler.plan.rules import ActivePolicy, RuleInputs, active_policy
from scaler.plan.timing import service_rows
from scaler.shadow.worker import ObservedArrivals, PlanRecord, ShadowWorker

MIN_DELAYED = 0.001
"""Share of the requests that is assumed to be delayed where less was, or where nothing is known."""


def observed_arrivals(
    state: online.FleetState,
    spec: FleetSpec,
    service_row: NDArray[np.intp],
    arrivals: NDArray[np.float32],
    dispersion: NDArray[np.float64],
) -> ObservedArrivals | None:
    """Return the requests of the newest step of `state` by Revision; None where nothing was observed.

    service_row   (r,) row of each Revision's service
    arrivals      (s, 1) requests/s
    dispersion    (s,) variance over mean of the counts of a second
    """
    silent = np.append(state.unobserved_s, 0.0)[service_row] > 0
    if silent.any() and np.isnan(arrivals).all():
        # No service with traffic was observed: that is a gap, not a lull.
        return None
    rates = np.append(np.nan_to_num(arrivals), np.zeros((1, 1), np.float32), axis=0)[service_row]
    counts = (rates * (state.step_s * spec.share)[:, np.newaxis]).astype(np.float32)
    by_revision = revision_dispersion(dispersion, service_row, spec.share)
    return ObservedArrivals(state.origin_s - state.step_s, state.step_s, spec.keys, counts, by_revision)


def plan_record(inputs: RuleInputs, spec: FleetSpec, now_s: int) -> PlanRecord:
    """Return the record of a plan at `now_s` (Unix seconds)."""
    return PlanRecord(now_s, spec.keys, inputs, spec.min_pods, spec.max_pods)


def shadow_policy(
    worker: ShadowWorker,
    spec: FleetSpec,
    demand: FleetDemand,
    intermittent: NDArray[np.bool_],
    hold_s: float,
) -> ActivePolicy:
    """Return the active policy of each Revision, as the shadow evaluation selected it.

    intermittent   (r,) the service has few requests
    hold_s         seconds for which floors are held at least where the selection has no evidence
    """
    active = worker.active_candidates(spec.keys, intermittent)
    return active_policy(
        active.candidate,
        writable=spec.settings_usable,
        has_evidence=active.has_evidence,
        fallback_active=active.fallback_active,
        hold_s=hold_s,
        default_sizing_delay_cost=demand.default_sizing_delay_cost,
    )


def delayed_shares(
    worker: ShadowWorker, spec: FleetSpec | None, keys: Sequence[ServiceKey]
) -> NDArray[np.float64]:
    """Return the share (s,) of each service's requests that the active policies delay in shadow."""
    shares = np.full(len(keys), MIN_DELAYED)
    if spec is not None:
        row = service_rows(spec, tuple(keys))
        known = row >= 0
        np.fmax.at(shares, row[known], worker.delayed_shares(spec.keys)[known])
    return shares
