"""What passes between a cycle and its shadow: what came and what was planned, and what is delayed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.forecasting import online
from models.fleet.keys import ServiceKey
from scaler.plan.demand import FleetDemand, expected, shared
from scaler.plan.fleet import FleetSpec
from scaler.plan.timing import service_rows
from scaler.shadow.worker import ObservedArrivals, PlanRecord, ShadowWorker

MIN_DELAYED = 0.001
"""Share of the requests that is reckoned as delayed where less was, or nothing is known."""


def observed_arrivals(
    state: online.FleetState, spec: FleetSpec, rows: NDArray[np.intp], arrivals: NDArray[np.float32]
) -> ObservedArrivals | None:
    """What came in the newest step of `state`, by Revision; None where that is not to be lived through.

    rows (r,) the Revisions' services; arrivals (s, 1) requests/s
    """
    silent = np.append(state.silent_s, 0.0)[rows] > 0
    if silent.any() and np.isnan(arrivals).all():
        # Nobody was observed who had traffic before: that is no lull.
        return None
    known = np.append(np.nan_to_num(arrivals), np.zeros((1, 1), np.float32), axis=0)[rows]
    counts = (known * (state.step_s * spec.share)[:, np.newaxis]).astype(np.float32)
    dispersion = shared(online.dispersions(state), rows, spec.share)
    return ObservedArrivals(state.origin_s - state.step_s, state.step_s, spec.keys, counts, dispersion)


def plan_record(seen: FleetDemand, spec: FleetSpec, now_s: int) -> PlanRecord:
    """What was expected at `now_s`."""
    return PlanRecord(now_s, spec.keys, expected(seen), spec.min_pods, spec.max_pods)


def delayed(shade: ShadowWorker, spec: FleetSpec | None, keys: Sequence[ServiceKey]) -> NDArray[np.float64]:
    """(s,) share of each service's requests that what is in force delays, as far as the shadow knows."""
    out = np.full(len(keys), MIN_DELAYED)
    if spec is not None:
        at = service_rows(spec, tuple(keys))
        np.fmax.at(out, at[at >= 0], shade.delayed(spec.keys)[at >= 0])
    return out
