"""Whether the activator is in the request path of a Revision, since when, and how many activators there are.

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/kpa.go.
"""

import math
from enum import StrEnum

from scaler.kpa.resolve import KpaSpec

MIN_ACTIVATORS = 2
"""Smallest number of activators in the path of a Revision, as in Knative."""


class OperationMode(StrEnum):
    """Mode of a ServerlessService."""

    SERVE = "Serve"
    """Requests go to the pods."""
    PROXY = "Proxy"
    """Requests go through the activator."""


def next_mode(want: int, excess_burst_capacity: int) -> OperationMode:
    """Return the mode after a reconcile.

    want   replicas wanted by the reconcile; -1 = unknown
    """
    return OperationMode.SERVE if want > 0 and excess_burst_capacity >= 0 else OperationMode.PROXY


def backing_since(since_s: float | None, mode: OperationMode, ready_pods: int, now_s: float) -> float | None:
    """Return the time since which the activator backs the Revision; None if it does not.

    since_s   the same before this reconcile
    mode      the mode from now on; without a ready pod, the activator backs the Revision in both modes
    """
    if mode is OperationMode.SERVE and ready_pods > 0:
        return None
    return now_s if since_s is None else since_s


def activators(spec: KpaSpec, ready_pods: int) -> int:
    """Return the number of activators in the path."""
    if spec.target_burst_capacity == 0:
        return MIN_ACTIVATORS
    capacity = ready_pods * spec.total_value + max(spec.target_burst_capacity, 0.0)
    return max(MIN_ACTIVATORS, math.ceil(capacity / spec.activator_capacity))
