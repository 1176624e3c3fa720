"""Rule and behavior of the Horizontal Pod Autoscaler (HPA), for the policies that are built around them.

    h = ceil(pods x metric / target) = ceil(demand / target value);  h = pods where |ratio - 1| <= 0.1

Kubernetes [kubernetes-hpa], pkg/controller/podautoscaler: replica_calculator.go and horizontal.go.

Here an HPA is not an autoscaler of its own but a floor under the KPA:

* The metric is the demand in flight (arrivals x service time), the mean of the last minute that is known
  after the metrics delay.  Real pods would report the requests that they serve, which are fewer if pods are
  missing.
* Its current pods are its previous floor: the KPA may run more pods than the floor.
* It has at least one pod: an HPA scales to zero only behind a feature gate.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.1
"""Deviation of metric over target from 1 that the HPA ignores, as in Kubernetes."""
SYNC_S = 15
"""Seconds between two syncs of the HPA, as in Kubernetes."""
MIN_PODS = 1
"""Smallest number of pods: an HPA scales to zero only behind a feature gate."""


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """How fast an HPA may scale: up within a limit per period, down only after the stabilization window."""

    up_period_s: int = 15
    """Seconds in which pods may double or grow by four, whichever is more."""
    stabilization_s: int = 300
    """Seconds; pods are not reduced below the largest count that was desired within this time."""


KUBERNETES = Behavior()
"""Defaults of autoscaling/v2."""

Predictor = Callable[[int, int], int]
"""(sync, pods desired by the HPA's rule) -> pods desired by a forecast; called once per sync, in order."""


def desired_replicas(pods: int, demand: float, target_value: float) -> int:
    """Return the pods that the rule desires for `demand` requests in flight, given the current pods."""
    if pods > 0 and abs(demand / (pods * target_value) - 1) <= TOLERANCE:
        return pods
    return math.ceil(demand / target_value)


def simulate_hpa(
    demand: NDArray[np.float64],
    target_value: float,
    predict: Predictor,
    behavior: Behavior = KUBERNETES,
    sync_s: int = SYNC_S,
) -> list[int]:
    """Return the pods after each sync (n,): the larger of rule and forecast, limited by the behavior.

    demand   (n,) requests in flight observed at each sync
    """
    pods, previous_pods = MIN_PODS, deque([MIN_PODS], maxlen=-(-behavior.up_period_s // sync_s))
    recent: deque[int] = deque(maxlen=max(1, behavior.stabilization_s // sync_s))
    after_sync = []
    for sync, in_flight in enumerate(demand.tolist()):
        h = desired_replicas(pods, in_flight, target_value)
        desired = max(h, predict(sync, h))
        recent.append(desired)
        # Up at once, down to the stabilized count; between the two, pods do not change.
        stabilized = min(max(pods, desired), max(recent))
        limit = max(pods, 2 * previous_pods[0], previous_pods[0] + 4)
        pods = max(MIN_PODS, min(stabilized, limit))
        previous_pods.append(pods)
        after_sync.append(pods)
    return after_sync
