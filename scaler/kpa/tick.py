"""The KPA on one Revision: it receives stats, and at each tick it evaluates and reconciles.

This module calls the rules in Knative's order: windows, decision, bounds, scale to zero, mode and status.
Each rule is in the module of its name.
"""

from dataclasses import dataclass, replace

from scaler.kpa.activator import OperationMode, activators, backing_since, next_mode
from scaler.kpa.decide import KpaState, Observed, ScaleDecision, decide, initial_state, observe
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.scale import UNKNOWN, Backing, Scaled, scale
from scaler.kpa.status import PodAutoscalerStatus, next_status
from scaler.kpa.window import Window, empty_window, record

TICK_S = 2
"""Seconds between evaluations, as in Knative."""


@dataclass(frozen=True)
class AutoscaledRevision:
    """The state of the KPA for one Revision between two ticks."""

    stable: Window
    panic: Window
    kpa: KpaState
    latest: ScaleDecision
    """The latest decision, kept while there is no data; -1 pods before the first decision."""
    status: PodAutoscalerStatus
    backing: Backing


@dataclass(frozen=True)
class Tick:
    """Input and result of one tick."""

    observed: Observed | None
    """None if there was no data to decide on."""
    decision: ScaleDecision | None
    """The result of this evaluation; None if `observed` is None."""
    scaled: Scaled
    patched: bool
    """True if the replicas were written."""


def initial_revision(
    spec: KpaSpec, *, ready_pods: int, now_s: float, status: PodAutoscalerStatus, backing: Backing
) -> AutoscaledRevision:
    """Return a Revision whose autoscaler is created at `now_s` while `ready_pods` are ready."""
    return AutoscaledRevision(
        stable=empty_window(spec.stable_window_s),
        panic=empty_window(spec.panic_window_s),
        kpa=initial_state(spec, ready_pods, now_s),
        latest=ScaleDecision(UNKNOWN, spec.initial_ebc),
        status=status,
        backing=backing,
    )


def report(revision: AutoscaledRevision, t_s: float, value: float) -> AutoscaledRevision:
    """Return the Revision with a stat recorded in both windows.

    value   requests in flight, or requests/s; without those that arrived through the activator
    """
    return replace(
        revision,
        stable=record(revision.stable, t_s, value),
        panic=record(revision.panic, t_s, value),
    )


def evaluate(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Observed | None, AutoscaledRevision]:
    """Evaluate once; without data, return None and the unchanged Revision."""
    observed = observe(spec, revision.stable, revision.panic, ready_pods, now_s)
    if observed is None:
        return None, revision
    decision, state = decide(spec, revision.kpa, observed, now_s)
    return observed, replace(revision, kpa=state, latest=decision)


def tick(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Tick, AutoscaledRevision]:
    """Evaluate once, and reconcile."""
    observed, revision = evaluate(spec, revision, ready_pods, now_s)
    backing = revision.backing
    scaled = scale(spec, revision.status, backing, revision.latest.desired_pods, now_s)
    patched = scaled.patched(backing.replicas)
    mode = next_mode(scaled.want, revision.latest.excess_burst_capacity)
    revision = replace(
        revision,
        status=next_status(spec, revision.status, scaled.want, ready_pods, now_s),
        backing=replace(
            backing,
            replicas=scaled.want if patched else backing.replicas,
            mode=mode,
            since_s=backing_since(backing.since_s, mode, ready_pods, now_s),
        ),
    )
    decision = None if observed is None else revision.latest
    return Tick(observed, decision, scaled, patched), revision


def mode_and_activators(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int
) -> tuple[OperationMode, int]:
    """Return the mode of the ServerlessService, and the number of activators."""
    return revision.backing.mode, activators(spec, ready_pods)
