"""Simulation of many candidates in compiled form: scaler.simulation.kernel, with floors that rules give."""

from typing import Any

from models.numeric.compiled import compiled, compiled_loop
from scaler.simulation.kernel import is_idle, second
from scaler.simulation.state import Arrivals, Batch, Item


@compiled_loop
def simulate_population(
    pod_params: Any,
    batch: Batch,
    arrivals: Arrivals,
    rule_of_item: Any,
    planned_s: Any,
    floors: Any,
    metrics: Any,
) -> None:
    """Simulate k items of r Revisions in the seconds of their arrivals.

    pod_params     (k,) POD_PARAMS of scaler.simulation.state
    rule_of_item   (k,) index of the rule that gives the floor of each item
    planned_s      (p,) seconds at which floors were planned, ascending
    floors         (r, f, p) pods that each of f rules asked for then
    metrics        (k, m) METRICS, added to
    """
    for i in range(len(batch.spec)):
        revision = arrivals.of_item[i]
        item = Item(
            pod_params[i],
            batch.baseline[i],
            batch.spec[i],
            batch.revision[i],
            batch.windows[i, 0],
            batch.windows[i, 1],
            batch.buckets[i, 0],
            batch.buckets[i, 1],
            batch.delay[i],
            batch.starting_groups[i],
        )
        item_floors = floors[revision, rule_of_item[i]]
        requests = arrivals.requests[revision]
        simulate(item, requests, arrivals.start_s, planned_s, item_floors, metrics[i])


@compiled
def simulate(item: Item, requests: Any, start_s: int, planned_s: Any, floors: Any, metrics: Any) -> None:
    """Simulate one item in the seconds start_s, start_s + 1, ... of its arrivals.

    requests    (n,) requests in each second
    planned_s   (p,) seconds from which the floors hold
    floors      (p,) pods; the min-scale of the baseline is the smallest floor
    metrics     (m,) METRICS, added to
    """
    spec, min_pods, plan = item.spec, item.baseline.min_scale, 0
    for i in range(len(requests)):
        t = start_s + i
        while plan < len(planned_s) and planned_s[plan] <= t:
            spec.min_scale = max(min_pods, floors[plan])
            plan += 1
        if not is_idle(item, requests[i], t):
            second(item, t, requests[i], metrics)
