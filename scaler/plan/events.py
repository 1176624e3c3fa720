"""Compute the floors that announced events need, whichever rule is active.

Rules are selected on past traffic.  A rule without a floor would prepare no pod for an event that is certain.
"""

import numpy as np
from numpy.typing import NDArray

from scaler.plan.bounds import MAX_PODS, Pods
from scaler.plan.rules import RuleInputs, newsvendor_floors

Array = NDArray[np.float64]


def announced_floors(
    rates: Array,
    *,
    like: RuleInputs,
    capacity_known: NDArray[np.bool_],
    sizing_delay_cost: Array,
    pod_cost: Array,
) -> Pods:
    """Return the floors (r,) for announced rates: newsvendor floors, at pod cost 1 at least the capacity.

    rates               (r,) requests/s; 0 = no event
    like                capacity of a pod and counting of arrivals of each Revision
    capacity_known      (r,) where it is False, an event needs one pod
    sizing_delay_cost   (r,) pod-seconds per delayed request
    pod_cost            (r,) cost of a pod-second; 1 unless a budget makes pods scarce
    """
    coming = rates > 0
    certain = RuleInputs(
        point_rates=rates[:, np.newaxis].astype(np.float32),
        point_weights=np.ones((len(rates), 1), np.float32),
        event_prob=like.event_prob,
        per_pod=like.per_pod,
        counting_s=like.counting_s,
        dispersion=like.dispersion,
    )
    sized = newsvendor_floors(certain, (sizing_delay_cost / pod_cost)[:, np.newaxis])[:, 0]
    capacity = np.where(capacity_known, np.ceil(np.nan_to_num(rates / like.per_pod) - 1e-6), 1.0)
    floors = np.maximum(sized, np.where(pod_cost <= 1, np.minimum(capacity, MAX_PODS), 0))
    return np.where(coming, floors, 0).astype(np.int32)
