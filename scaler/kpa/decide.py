"""One evaluation of the autoscaler: how many pods it would ask for.

Rules as in knative/serving 98e5ef9, pkg/autoscaler/scaling/autoscaler.go.  Bounds play no part here:
min-scale, max-scale and initial-scale come in `scale`.
"""

import math
from dataclasses import dataclass, replace

from scaler.kpa.delay import DelayWindow, delay_window, record_count
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.window import Window, is_empty, linear_average, weighted_average


@dataclass(frozen=True)
class KpaState:
    """What one evaluation leaves to the next."""

    panic_since_s: float | None = None
    """Last moment over the threshold; None in stable mode."""
    max_panic_pods: int = 0
    """Most pods asked for in this panic."""
    delay: DelayWindow | None = None
    """None where there is no scale-down delay."""


@dataclass(frozen=True)
class Observed:
    """What an evaluation is made of."""

    stable: float
    """Average over the stable window, in the unit of the metric."""
    panic: float
    """Average over the panic window."""
    ready_pods: int


@dataclass(frozen=True)
class ScaleDecision:
    """What an evaluation comes to."""

    desired_pods: int
    excess_burst_capacity: int
    """EBC; negative puts the activator in the request path."""


def created(spec: KpaSpec, ready_pods: int, now_s: float) -> KpaState:
    """The state of an autoscaler that is created while so many pods are ready.

    With more than one pod it starts in panic, which holds them until there is data.
    """
    return KpaState(
        panic_since_s=now_s if ready_pods > 1 else None,
        max_panic_pods=ready_pods,
        delay=delay_window(spec.scale_down_delay_s) if spec.scale_down_delay_s > 0 else None,
    )


def observe(spec: KpaSpec, stable: Window, panic: Window, ready_pods: int, now_s: float) -> Observed | None:
    """The averages at `now_s`; None where there is no data to decide on.

    With an unlimited target burst capacity pods are not scraped, and no data means no load.
    """
    if is_empty(stable, now_s) and spec.target_burst_capacity != -1:
        return None
    average = weighted_average if spec.weighted else linear_average
    return Observed(average(stable, now_s), average(panic, now_s), ready_pods)


def decide(spec: KpaSpec, state: KpaState, seen: Observed, now_s: float) -> tuple[ScaleDecision, KpaState]:
    """One evaluation: what the autoscaler asks for at `now_s`, and the state it goes on with."""
    ready = max(1, seen.ready_pods)
    wanted_stable = math.ceil(seen.stable / spec.target_value)
    wanted_panic = math.ceil(seen.panic / spec.target_value)
    for_stable = _within_rates(spec, wanted_stable, ready)
    for_panic = _within_rates(spec, wanted_panic, ready)

    # The threshold is held against what the panic window wants, before any rate limit.
    state = _panic(spec, state, wanted_panic / ready >= spec.panic_threshold, now_s)
    desired = for_stable
    if state.panic_since_s is not None:
        # Panic never gives pods back: the most so far holds until the mode ends.
        desired = max(for_stable, for_panic, state.max_panic_pods)
        state = replace(state, max_panic_pods=desired)
    if spec.reachable and state.delay is not None:
        delay, desired = record_count(state.delay, now_s, desired)
        state = replace(state, delay=delay)
    return ScaleDecision(desired, _excess_burst_capacity(spec, seen)), state


def _within_rates(spec: KpaSpec, wanted: int, ready: int) -> int:
    """Pods wanted, within what the rates allow from `ready` pods; under load at least activation-scale."""
    most = math.ceil(spec.max_scale_up_rate * ready)
    least = math.floor(ready / spec.max_scale_down_rate) if spec.reachable else 0
    pods = min(max(wanted, least), most)
    return max(pods, spec.activation_scale) if wanted > 0 and spec.activation_scale > 1 else pods


def _panic(spec: KpaSpec, state: KpaState, over: bool, now_s: float) -> KpaState:
    if over:
        return replace(state, panic_since_s=now_s)
    if state.panic_since_s is not None and elapsed_s(state.panic_since_s, now_s) > spec.stable_window_s:
        return replace(state, panic_since_s=None, max_panic_pods=0)
    return state


def _excess_burst_capacity(spec: KpaSpec, seen: Observed) -> int:
    """Capacity of the ready pods less target burst less load, on the panic window."""
    if spec.target_burst_capacity == 0:
        return 0
    if spec.target_burst_capacity == -1:
        return -1
    return math.floor(seen.ready_pods * spec.total_value - spec.target_burst_capacity - seen.panic)


def elapsed_s(since_s: float, now_s: float) -> float:
    """Seconds from one moment to another, to the nanosecond, in which Knative counts them."""
    return round(now_s - since_s, 9)
