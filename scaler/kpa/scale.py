"""From the desired count to the replicas that are written: bounds, initial scale and scale to zero.

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/scaler.go.
"""

from dataclasses import dataclass

from scaler.kpa.activator import OperationMode
from scaler.kpa.decide import elapsed_s
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.status import Activity, PodAutoscalerStatus

UNKNOWN = -1
"""Desired or wanted pods before the first decision."""
ACTIVATION_TIMEOUT_BUFFER_S = 30
"""Seconds after the progress deadline until an activation counts as failed, as in Knative."""
PROXY_RECHECK_S = 3.0
"""Seconds until the reconcile checks again whether the activator is in the path, as in Knative."""


@dataclass(frozen=True)
class Backing:
    """What backs a Revision at a reconcile: its Deployment, and the activator in front of it."""

    replicas: int
    """Replicas of the Deployment."""
    mode: OperationMode = OperationMode.PROXY
    since_s: float | None = None
    """Time since which the activator backs the Revision; None if it does not."""
    probe_ok: bool = True
    """True if a probe finds the activator in the request path."""


@dataclass(frozen=True)
class Scaled:
    """The result of a reconcile."""

    want: int
    """Replicas wanted, -1 = unknown; 0 without a write means waiting for zero."""
    write: bool = True
    """True if the replicas are to be `want`."""
    recheck_s: tuple[float, ...] = ()
    """Seconds after which the reconcile asks to be called again."""
    probed: bool = False
    """True if the activator was probed."""

    def patched(self, replicas: int) -> bool:
        """Return True if the reconcile changes these replicas."""
        return self.write and self.want != replicas


def scale(spec: KpaSpec, status: PodAutoscalerStatus, backing: Backing, desired: int, now_s: float) -> Scaled:
    """Reconcile once at `now_s`.

    desired   latest desired count; -1 = none yet
    """
    if desired < 0 and status.activity is not Activity.ACTIVATING:
        return Scaled(desired, write=False)
    want = _within_bounds(spec, status, desired)
    if want != 0:
        return Scaled(want)
    if not spec.enable_scale_to_zero:
        return Scaled(1)
    in_state_s = elapsed_s(status.since_s, now_s)
    if status.activity is Activity.ACTIVATING:
        return _while_activating(spec, in_state_s)
    if status.activity is Activity.ACTIVE:
        return _while_active(spec, backing, in_state_s)
    return _last_pod(spec, backing, in_state_s, now_s)


def _within_bounds(spec: KpaSpec, status: PodAutoscalerStatus, desired: int) -> int:
    """Apply min-scale before max-scale; the initial scale counts until reached, and while reachable."""
    min_pods = spec.min_scale
    if spec.initial_scale > 1 and not status.initialized and spec.reachable:
        min_pods = max(min_pods, spec.initial_scale)
    if desired < min_pods:
        return min_pods
    return min(desired, spec.max_scale) if spec.max_scale else desired


def _while_activating(spec: KpaSpec, activating_s: float) -> Scaled:
    timeout_s = float(spec.progress_deadline_s + ACTIVATION_TIMEOUT_BUFFER_S)
    return Scaled(0) if activating_s > timeout_s else Scaled(UNKNOWN, write=False, recheck_s=(timeout_s,))


def _while_active(spec: KpaSpec, backing: Backing, active_s: float) -> Scaled:
    if active_s < spec.stable_window_s:
        return Scaled(1, recheck_s=(elapsed_s(active_s, spec.stable_window_s),))
    # Nothing is written yet: the Revision becomes inactive first, and the activator enters the path.
    return Scaled(0, write=False, recheck_s=(PROXY_RECHECK_S,) if backing.mode is OperationMode.PROXY else ())


def _last_pod(spec: KpaSpec, backing: Backing, inactive_s: float, now_s: float) -> Scaled:
    """Remove the last pod of an inactive Revision if grace period, retention period and probe permit."""
    probed = spec.target_burst_capacity != -1
    if probed and not backing.probe_ok:
        return Scaled(0, write=False, probed=True)
    grace_s, retention_s = spec.scale_to_zero_grace_period_s, spec.pod_retention_period_s
    if inactive_s >= max(grace_s, retention_s):
        return Scaled(0, probed=probed)
    if inactive_s < retention_s:
        return Scaled(0, write=False, recheck_s=(elapsed_s(inactive_s, retention_s),), probed=probed)
    backed_s = 0.0 if backing.since_s is None else elapsed_s(backing.since_s, now_s)
    if backed_s >= grace_s:
        return Scaled(0, probed=probed)
    return Scaled(0, write=False, recheck_s=(elapsed_s(backed_s, grace_s),), probed=probed)
