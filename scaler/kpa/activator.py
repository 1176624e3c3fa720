"""Is the activator in the request path, since when, and how many of them?

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/kpa.go.
"""

import math
from enum import StrEnum

from scaler.kpa.resolve import KpaSpec

MIN_ACTIVATORS = 2


class Mode(StrEnum):
    """Mode of a ServerlessService."""

    SERVE = "Serve"
    """Requests go to the pods."""
    PROXY = "Proxy"
    """Requests go through the activator."""


def next_mode(want: int, excess_burst_capacity: int) -> Mode:
    """The mode after a reconcile in which so many pods were wanted (-1 = unknown)."""
    return Mode.SERVE if want > 0 and excess_burst_capacity >= 0 else Mode.PROXY


def backing_since(since_s: float | None, mode: Mode, ready_pods: int, now_s: float) -> float | None:
    """Since when the activator backs the Revision; None where it does not.

    since_s   what held until now
    mode      from now on; the activator also stands in where no pod is ready
    """
    if mode is Mode.SERVE and ready_pods > 0:
        return None
    return now_s if since_s is None else since_s


def activators(spec: KpaSpec, ready_pods: int) -> int:
    """How many activators are put in the path."""
    if spec.target_burst_capacity == 0:
        return MIN_ACTIVATORS
    to_cover = ready_pods * spec.total_value + max(spec.target_burst_capacity, 0.0)
    return max(MIN_ACTIVATORS, math.ceil(to_cover / spec.activator_capacity))
