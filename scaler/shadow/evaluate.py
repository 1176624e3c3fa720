"""Evaluate candidates on the traffic of one service: their floors, and the metrics of each block of time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scaler.parallel.interface import MapItems
from scaler.plan.candidates import Candidate, Rule
from scaler.shadow.hindcast import STEP_S, Hindcast
from scaler.simulation.plan_rows import floor_rows, settings_rows
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import replay_all
from scaler.simulation.state import METRICS

BLOCK_S = 300
"""Seconds of a block."""
PODS, DELAYED, WAITED, STARTS, REQUESTS = range(5)
"""Metrics that the selection reads: pod-seconds, delayed requests, seconds waited, pod starts, requests."""
N_METRICS = 5
"""Number of these metrics."""
_COLUMN = {name: i for i, name in enumerate(METRICS)}


def floors(
    forecast: Hindcast, rules: Sequence[Rule], pod_model: PodModel, dispersion: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the floors (f, n), in pods, of f rules at each of n plans.

    dispersion   (n,) variance over mean of the requests of a second, as known at each plan
    """
    from scaler.plan.newsvendor import floors_over_time  # noqa: PLC0415  # compiled: loaded where used

    costs = sorted({rule.sizing_delay_cost for rule in rules if rule.sizing_delay_cost is not None})
    by_cost = floors_over_time(
        forecast.point_rates[np.newaxis],
        forecast.point_weights[np.newaxis],
        np.array(costs),
        per_pod=np.array([pod_model.concurrency / pod_model.service_time_s]),
        counting_s=np.array([max(1.0, pod_model.service_time_s)]),
        dispersion=dispersion[np.newaxis],
    )[0]
    by_rule = np.zeros((len(rules), len(forecast.at_s)), np.int32)
    for i, rule in enumerate(rules):
        by_rule[i] = rule.min_pods
        if rule.sizing_delay_cost is not None:
            np.maximum(by_rule[i], by_cost[:, costs.index(rule.sizing_delay_cost)], out=by_rule[i])
        if rule.min_event_prob is not None:
            likely = forecast.intermittent & (forecast.event_prob >= rule.min_event_prob)
            np.maximum(by_rule[i], likely, out=by_rule[i])
        by_rule[i] = held(by_rule[i], rule.hold_s // STEP_S)
    return by_rule


def held(floor: NDArray[np.int32], steps: int) -> NDArray[np.int32]:
    """Return the largest (n,) of each floor and the `steps` floors before it."""
    if not steps or not len(floor):
        return floor
    padded = np.concatenate([np.zeros(steps, floor.dtype), floor])
    return np.asarray(sliding_window_view(padded, steps + 1).max(axis=1))


def candidate_rows(
    pod_model: PodModel, candidate: Candidate, at_s: NDArray[np.int64], floor: NDArray[np.int32]
) -> Any:
    """Return the plan (p,) ROW of a candidate that is active from the first second on.

    at_s    (n,) seconds of the plans
    floor   (n,) pods from each of them on
    """
    initial = settings_rows(pod_model, candidate.settings)
    changed = np.flatnonzero(np.diff(floor, prepend=0))
    if not len(changed):
        return initial
    return np.concatenate([initial, floor_rows(pod_model, candidate.settings, at_s[changed], floor[changed])])


def simulate_plans(
    arrivals: NDArray[np.float32], pod_model: PodModel, plans: Sequence[Any], map_items: MapItems = map
) -> NDArray[np.float32]:
    """Return the metrics (e, b, N_METRICS) of e plans in each block of the arrivals (n,) of every second."""
    # With little traffic many candidates give the same plan: each distinct plan is simulated once.
    distinct = {plan.tobytes(): plan for plan in plans}
    index = {key: i for i, key in enumerate(distinct)}

    def simulate(plan: Any) -> NDArray[np.float32]:
        metrics = replay_all([pod_model], arrivals[np.newaxis], [0], [plan], block_s=BLOCK_S)[0]
        return candidate_metrics(metrics).astype(np.float32)

    simulated = np.stack(list(map_items(simulate, distinct.values())))
    return np.asarray(simulated[[index[plan.tobytes()] for plan in plans]])


def candidate_metrics(metrics: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metrics (..., N_METRICS) that the selection reads, of metrics (..., f) as METRICS."""
    pods = metrics[..., _COLUMN["starting_pod_s"]] + metrics[..., _COLUMN["ready_pod_s"]]
    others = (metrics[..., _COLUMN[name]] for name in ("delayed", "wait_s", "starts", "requests"))
    return np.stack([pods, *others], axis=-1)
