"""The KPA at work on one Revision: stats come in, and each tick evaluates and reconciles.

Windows, decision, bounds, scale to zero, mode and status are put together here in Knative's order; each
rule is in the file of its name.
"""

from dataclasses import dataclass, replace

from scaler.kpa.activator import Mode, activators, backing_since, next_mode
from scaler.kpa.decide import KpaState, Observed, ScaleDecision, created, decide, observe
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.scale import UNKNOWN, Backing, Scaled, scale
from scaler.kpa.status import Status, next_status
from scaler.kpa.window import Window, empty_window, record

TICK_S = 2
"""Seconds between evaluations."""


@dataclass(frozen=True)
class AutoscaledRevision:
    """What the KPA knows of a Revision between two ticks."""

    stable: Window
    panic: Window
    kpa: KpaState
    latest: ScaleDecision
    """Kept while there is no data to decide on; -1 pods before the first decision."""
    status: Status
    backing: Backing


@dataclass(frozen=True)
class Tick:
    """What one tick saw and came to."""

    seen: Observed | None
    """None where there was no data to decide on."""
    decision: ScaleDecision | None
    """The result of this evaluation; None where `seen` is."""
    scaled: Scaled
    patched: bool
    """True where replicas were written."""


def begin(
    spec: KpaSpec, *, ready_pods: int, now_s: float, status: Status, backing: Backing
) -> AutoscaledRevision:
    """A Revision whose autoscaler is created at `now_s`, while so many pods are ready."""
    return AutoscaledRevision(
        stable=empty_window(spec.stable_window_s),
        panic=empty_window(spec.panic_window_s),
        kpa=created(spec, ready_pods, now_s),
        latest=ScaleDecision(UNKNOWN, spec.initial_ebc),
        status=status,
        backing=backing,
    )


def report(revision: AutoscaledRevision, t_s: float, value: float) -> AutoscaledRevision:
    """The Revision after a stat: requests in flight, or requests/s, less what came through the activator."""
    return replace(
        revision,
        stable=record(revision.stable, t_s, value),
        panic=record(revision.panic, t_s, value),
    )


def evaluate(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Observed | None, AutoscaledRevision]:
    """One evaluation; without data all stays as it was."""
    seen = observe(spec, revision.stable, revision.panic, ready_pods, now_s)
    if seen is None:
        return None, revision
    decision, state = decide(spec, revision.kpa, seen, now_s)
    return seen, replace(revision, kpa=state, latest=decision)


def tick(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Tick, AutoscaledRevision]:
    """One evaluation and the reconcile after it."""
    seen, revision = evaluate(spec, revision, ready_pods, now_s)
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
    decision = None if seen is None else revision.latest
    return Tick(seen, decision, scaled, patched), revision


def in_path(spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int) -> tuple[Mode, int]:
    """The mode, and how many activators there are."""
    return revision.backing.mode, activators(spec, ready_pods)
