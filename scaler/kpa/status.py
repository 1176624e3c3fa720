"""Whether a Revision is active: the condition Active of its PodAutoscaler.

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/kpa.go, computeActiveCondition.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from scaler.kpa.resolve import KpaSpec


class Activity(StrEnum):
    """The condition Active; the values are the status texts of a Kubernetes condition."""

    ACTIVATING = "Unknown"
    ACTIVE = "True"
    INACTIVE = "False"


QUEUED, NO_TRAFFIC, TIMED_OUT = "Queued", "NoTraffic", "TimedOut"


@dataclass(frozen=True)
class PodAutoscalerStatus:
    """Status of a PodAutoscaler."""

    activity: Activity
    reason: str
    """`Queued`, `NoTraffic`, `TimedOut`, or empty."""
    since_s: float
    """Time of the last change of activity or reason."""
    initialized: bool = False
    """True once enough pods were ready; from then on the initial scale does not apply."""


def initial_status(activity: Activity, since_s: float, *, initialized: bool) -> PodAutoscalerStatus:
    """Return a status that has not changed since `since_s`, with the usual reason of its activity."""
    reason = {Activity.ACTIVATING: QUEUED, Activity.ACTIVE: "", Activity.INACTIVE: NO_TRAFFIC}[activity]
    return PodAutoscalerStatus(activity, reason, since_s, initialized)


def next_status(
    spec: KpaSpec, status: PodAutoscalerStatus, want: int, ready_pods: int, now_s: float
) -> PodAutoscalerStatus:
    """Return the status after a reconcile.

    want   replicas wanted by the reconcile; -1 = unknown
    """
    enough = max(spec.min_scale, 1 if status.initialized else spec.initial_scale)
    status = replace(status, initialized=status.initialized or ready_pods >= enough)
    activity, reason = _active(status, want, ready_pods, enough)
    if (activity, reason) == (status.activity, status.reason):
        return status
    return replace(status, activity=activity, reason=reason, since_s=now_s)


def _active(status: PodAutoscalerStatus, want: int, ready_pods: int, enough: int) -> tuple[Activity, str]:
    """Return activity and reason; `enough`: ready pods from which the Revision is active."""
    if want == 0 or enough == 0:
        # An activating Revision goes to zero only if it could not be activated in time.
        timed_out = status.activity is Activity.ACTIVATING and enough > 0
        return Activity.INACTIVE, TIMED_OUT if timed_out else NO_TRAFFIC
    awake = want > 0 or status.activity is not Activity.INACTIVE
    if ready_pods < enough:
        return (Activity.ACTIVATING, QUEUED) if awake else (Activity.INACTIVE, NO_TRAFFIC)
    return (Activity.ACTIVE, "") if awake else (status.activity, status.reason)
