"""From the count that is desired to the replicas that are written: bounds, initial scale and scale to zero.

Rules as in knative/serving 98e5ef9, pkg/reconciler/autoscaling/kpa/scaler.go.
"""

from dataclasses import dataclass

from scaler.kpa.activator import Mode
from scaler.kpa.decide import elapsed_s
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.status import Activity, Status

UNKNOWN = -1
"""Pods desired or wanted: not known."""
ACTIVATION_TIMEOUT_BUFFER_S = 30
"""Added to the progress deadline before an activation counts as failed."""
PROXY_RECHECK_S = 3.0


@dataclass(frozen=True)
class Backing:
    """What stands behind a Revision when it is reconciled."""

    replicas: int
    """As the Deployment asks for."""
    mode: Mode = Mode.PROXY
    since_s: float | None = None
    """Since when the activator backs the Revision; None where it does not."""
    probe_ok: bool = True
    """Does a probe find the activator in the path?"""


@dataclass(frozen=True)
class Scaled:
    """What a reconcile comes to."""

    want: int
    """Pods wanted, -1 = unknown; 0 without a write means waiting for it."""
    write: bool = True
    """True: the replicas are to be `want`."""
    recheck_s: tuple[float, ...] = ()
    """The reconcile asked to be called again after so many seconds."""
    probed: bool = False
    """True: the activator was looked for in the path."""

    def patched(self, replicas: int) -> bool:
        """True where that changes the replicas."""
        return self.write and self.want != replicas


def scale(spec: KpaSpec, status: Status, backing: Backing, desired: int, now_s: float) -> Scaled:
    """One reconcile at `now_s`, with the latest desired count (-1 = none yet)."""
    if desired < 0 and status.activity is not Activity.ACTIVATING:
        return Scaled(desired, write=False)
    want = _within_bounds(spec, status, desired)
    if want != 0:
        return Scaled(want)
    if not spec.enable_scale_to_zero:
        return Scaled(1)
    for_s = elapsed_s(status.since_s, now_s)
    if status.activity is Activity.ACTIVATING:
        return _while_activating(spec, for_s)
    if status.activity is Activity.ACTIVE:
        return _while_active(spec, backing, for_s)
    return _last_pod(spec, backing, for_s, now_s)


def _within_bounds(spec: KpaSpec, status: Status, desired: int) -> int:
    """min-scale wins over max-scale; an initial scale counts until it was reached, and while reachable."""
    least = spec.min_scale
    if spec.initial_scale > 1 and not status.initialized and spec.reachable:
        least = max(least, spec.initial_scale)
    if desired < least:
        return least
    return min(desired, spec.max_scale) if spec.max_scale else desired


def _while_activating(spec: KpaSpec, activating_s: float) -> Scaled:
    timeout_s = float(spec.progress_deadline_s + ACTIVATION_TIMEOUT_BUFFER_S)
    return Scaled(0) if activating_s > timeout_s else Scaled(UNKNOWN, write=False, recheck_s=(timeout_s,))


def _while_active(spec: KpaSpec, backing: Backing, active_s: float) -> Scaled:
    if active_s < spec.stable_window_s:
        return Scaled(1, recheck_s=(elapsed_s(active_s, spec.stable_window_s),))
    # Nothing is written yet: this marks the Revision inactive and puts the activator in.
    return Scaled(0, write=False, recheck_s=(PROXY_RECHECK_S,) if backing.mode is Mode.PROXY else ())


def _last_pod(spec: KpaSpec, backing: Backing, inactive_s: float, now_s: float) -> Scaled:
    """Inactive for so long: may the last pod go?"""
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
