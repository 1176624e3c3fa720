"""Is a Revision active?  The condition Active of its PodAutoscaler.

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/kpa.go, computeActiveCondition.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from scaler.kpa.resolve import KpaSpec


class Activity(StrEnum):
    """The condition Active in words; the values are those of a Kubernetes condition."""

    ACTIVATING = "Unknown"
    ACTIVE = "True"
    INACTIVE = "False"


QUEUED, NO_TRAFFIC, TIMED_OUT = "Queued", "NoTraffic", "TimedOut"


@dataclass(frozen=True)
class Status:
    """Status of a PodAutoscaler."""

    activity: Activity
    reason: str
    """`Queued`, `NoTraffic`, `TimedOut`, or empty."""
    since_s: float
    """When activity or reason changed last."""
    initialized: bool = False
    """True once enough pods were ready: the initial scale no longer counts."""


def begun(activity: Activity, since_s: float, *, initialized: bool) -> Status:
    """A status that has stood since `since_s`, with the reason it usually has."""
    reason = {Activity.ACTIVATING: QUEUED, Activity.ACTIVE: "", Activity.INACTIVE: NO_TRAFFIC}[activity]
    return Status(activity, reason, since_s, initialized)


def next_status(spec: KpaSpec, status: Status, want: int, ready_pods: int, now_s: float) -> Status:
    """The status after a reconcile in which so many pods were wanted (-1 = unknown) and ready."""
    enough = max(spec.min_scale, 1 if status.initialized else spec.initial_scale)
    status = replace(status, initialized=status.initialized or ready_pods >= enough)
    activity, reason = _active(status, want, ready_pods, enough)
    if (activity, reason) == (status.activity, status.reason):
        return status
    return replace(status, activity=activity, reason=reason, since_s=now_s)


def _active(status: Status, want: int, ready_pods: int, enough: int) -> tuple[Activity, str]:
    if want == 0 or enough == 0:
        # A Revision goes to zero while it activates only where it could not be activated in time.
        timed_out = status.activity is Activity.ACTIVATING and enough > 0
        return Activity.INACTIVE, TIMED_OUT if timed_out else NO_TRAFFIC
    awake = want > 0 or status.activity is not Activity.INACTIVE
    if ready_pods < enough:
        return (Activity.ACTIVATING, QUEUED) if awake else (Activity.INACTIVE, NO_TRAFFIC)
    return (Activity.ACTIVE, "") if awake else (status.activity, status.reason)
