"""The Horizontal Pod Autoscaler's rule and behaviour, for the policies that are built around it.

    h = ceil(pods metric / target) = ceil(demand / target value);  pods as they are where |ratio - 1| <= 0.1

Kubernetes, pkg/controller/podautoscaler: replica_calculator.go and horizontal.go.

Here an HPA is no autoscaler of its own but a floor under the KPA, so:

* The metric is the demand in flight (arrivals x service time), the mean of the last minute that is known
  after the metrics delay.  Real pods would show what they serve, which is less when they are too few.
* Its pods are the floor it set last: what the KPA holds above the floor is not its doing.
* It never goes below one pod: an HPA goes to zero behind a feature gate only.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.1
"""Of the ratio between metric and target."""
SYNC_S = 15
MIN_PODS = 1


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """How fast an HPA may move.  Down it may go at once, to what was asked for within the stabilization."""

    up_period_s: int = 15
    """Within it pods may double, or become four more, whatever is more."""
    stabilization_s: int = 300
    """Down only to the most that was wanted within so many seconds."""


KUBERNETES = Behavior()
"""Defaults of autoscaling/v2."""

Predict = Callable[[int, int], int]
"""(sync, what the HPA's rule wants) -> pods that a forecast wants; called once a sync, in their order."""


def wanted(pods: int, demand: float, target_value: float) -> int:
    """Pods that the rule wants: for `demand` requests in flight, given the pods there are."""
    if pods > 0 and abs(demand / (pods * target_value) - 1) <= TOLERANCE:
        return pods
    return math.ceil(demand / target_value)


def follow(
    demand: NDArray[np.float64],
    target_value: float,
    predict: Predict,
    behavior: Behavior = KUBERNETES,
    sync_s: int = SYNC_S,
) -> list[int]:
    """(n,) pods after each sync: the most of rule and forecast, within the behaviour, at least one.

    demand   (n,) requests in flight as seen at each sync
    """
    pods, since = MIN_PODS, deque([MIN_PODS], maxlen=-(-behavior.up_period_s // sync_s))
    recent: deque[int] = deque(maxlen=max(1, behavior.stabilization_s // sync_s))
    after = []
    for sync, in_flight in enumerate(demand.tolist()):
        h = wanted(pods, in_flight, target_value)
        most = max(h, predict(sync, h))
        recent.append(most)
        # Up at once, down to the stabilized; between the two pods stay as they are.
        stabilized = min(max(pods, most), max(recent))
        limit = max(pods, 2 * since[0], since[0] + 4)
        pods = max(MIN_PODS, min(stabilized, limit))
        since.append(pods)
        after.append(pods)
    return after
