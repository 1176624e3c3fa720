"""One evaluation of the autoscaler: the number of pods that it desires.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/scaling/autoscaler.go.  An evaluation does not apply
min-scale, max-scale and initial-scale; scaler.kpa.scale does.
"""

import math
from dataclasses import dataclass, replace

from scaler.kpa.delay import DelayWindow, delay_window, record_count
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.window import Window, is_empty, linear_average, weighted_average


@dataclass(frozen=True)
class KpaState:
    """What one evaluation passes to the next."""

    panic_since_s: float | None = None
    """Last time that the panic threshold was reached; None in stable mode."""
    max_panic_pods: int = 0
    """Largest desired count of the current panic."""
    delay: DelayWindow | None = None
    """None if there is no scale-down delay."""


@dataclass(frozen=True)
class Observed:
    """The input of an evaluation."""

    stable: float
    """Average over the stable window, in the unit of the metric."""
    panic: float
    """Average over the panic window."""
    ready_pods: int


@dataclass(frozen=True)
class ScaleDecision:
    """The result of an evaluation."""

    desired_pods: int
    excess_burst_capacity: int
    """EBC; a negative value puts the activator into the request path."""


def initial_state(spec: KpaSpec, ready_pods: int, now_s: float) -> KpaState:
    """Return the state of an autoscaler that is created while `ready_pods` are ready.

    With more than one pod it starts in panic mode, which keeps the pods until there is data.
    """
    return KpaState(
        panic_since_s=now_s if ready_pods > 1 else None,
        max_panic_pods=ready_pods,
        delay=delay_window(spec.scale_down_delay_s) if spec.scale_down_delay_s > 0 else None,
    )


def observe(spec: KpaSpec, stable: Window, panic: Window, ready_pods: int, now_s: float) -> Observed | None:
    """Return the averages at `now_s`; None if there is no data to decide on.

    With an unlimited target burst capacity pods are not scraped, so that no data means no load.
    """
    if is_empty(stable, now_s) and spec.target_burst_capacity != -1:
        return None
    average = weighted_average if spec.weighted else linear_average
    return Observed(average(stable, now_s), average(panic, now_s), ready_pods)


def decide(
    spec: KpaSpec, state: KpaState, observed: Observed, now_s: float
) -> tuple[ScaleDecision, KpaState]:
    """Evaluate the autoscaler at `now_s`: return its decision, and the state for the next evaluation.

    Three pods with a target value of 10 requests each.  The load of 90 requests in the panic window starts a
    panic, since 9 pods are more than twice the ready pods; the panic keeps 9 pods when the load falls:

    >>> spec = KpaSpec(target_value=10.0)
    >>> decision, state = decide(spec, KpaState(), Observed(stable=25.0, panic=25.0, ready_pods=3), 0.0)
    >>> decision.desired_pods, state.panic_since_s
    (3, None)
    >>> decision, state = decide(spec, state, Observed(stable=30.0, panic=90.0, ready_pods=3), 2.0)
    >>> decision.desired_pods, state.panic_since_s
    (9, 2.0)
    >>> decision, state = decide(spec, state, Observed(stable=30.0, panic=25.0, ready_pods=9), 4.0)
    >>> decision.desired_pods, state.panic_since_s
    (9, 2.0)
    """
    ready = max(1, observed.ready_pods)
    stable_pods = math.ceil(observed.stable / spec.target_value)
    panic_pods = math.ceil(observed.panic / spec.target_value)
    desired_stable = _within_rates(spec, stable_pods, ready)
    desired_panic = _within_rates(spec, panic_pods, ready)

    # The threshold compares the pods of the panic window before the scale rates limit them.
    state = _panic(spec, state, panic_pods / ready >= spec.panic_threshold, now_s)
    desired = desired_stable
    if state.panic_since_s is not None:
        # A panic never removes pods: its largest count remains desired until it ends.
        desired = max(desired_stable, desired_panic, state.max_panic_pods)
        state = replace(state, max_panic_pods=desired)
    if spec.reachable and state.delay is not None:
        delay, desired = record_count(state.delay, now_s, desired)
        state = replace(state, delay=delay)
    return ScaleDecision(desired, _excess_burst_capacity(spec, observed)), state


def _within_rates(spec: KpaSpec, pods: int, ready: int) -> int:
    """Return `pods` limited by the scale rates from `ready` pods; under load at least activation-scale."""
    max_pods = math.ceil(spec.max_scale_up_rate * ready)
    min_pods = math.floor(ready / spec.max_scale_down_rate) if spec.reachable else 0
    limited = min(max(pods, min_pods), max_pods)
    return max(limited, spec.activation_scale) if pods > 0 and spec.activation_scale > 1 else limited


def _panic(spec: KpaSpec, state: KpaState, over_threshold: bool, now_s: float) -> KpaState:
    if over_threshold:
        return replace(state, panic_since_s=now_s)
    if state.panic_since_s is not None and elapsed_s(state.panic_since_s, now_s) > spec.stable_window_s:
        return replace(state, panic_since_s=None, max_panic_pods=0)
    return state


def _excess_burst_capacity(spec: KpaSpec, observed: Observed) -> int:
    """Return capacity of the ready pods - target burst capacity - load of the panic window."""
    if spec.target_burst_capacity == 0:
        return 0
    if spec.target_burst_capacity == -1:
        return -1
    return math.floor(observed.ready_pods * spec.total_value - spec.target_burst_capacity - observed.panic)


def elapsed_s(since_s: float, now_s: float) -> float:
    """Return the seconds between two times, rounded to the nanosecond, in which Knative counts."""
    return round(now_s - since_s, 9)
