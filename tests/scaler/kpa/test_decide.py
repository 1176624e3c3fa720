"""Single evaluations that no golden file has, and properties of all evaluations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.kpa.decide import KpaState, Observed, decide
from scaler.kpa.resolve import KpaSpec


@pytest.mark.parametrize(
    ("burst_capacity", "ebc"),
    [
        pytest.param(0.0, 0, id="activator only at zero"),
        pytest.param(-1.0, -1, id="unlimited: activator always in the path"),
        pytest.param(98.0, -95, id="short of the target"),
    ],
)
def test_excess_burst_capacity(burst_capacity: float, ebc: int) -> None:
    spec = KpaSpec(target_value=1, total_value=1.3, target_burst_capacity=burst_capacity)
    decision, _ = decide(spec, KpaState(), Observed(stable=10, panic=10, ready_pods=10), 0.0)
    assert decision.excess_burst_capacity == ebc


def test_panic_ends_after_more_than_a_stable_window() -> None:
    spec = KpaSpec(target_value=1)
    state = KpaState(panic_since_s=20.37, max_panic_pods=9)
    calm = Observed(stable=2, panic=2, ready_pods=4)
    held, _ = decide(spec, state, calm, 80.37)
    assert held.desired_pods == 9
    freed, next_state = decide(spec, state, calm, 80.38)
    assert (freed.desired_pods, next_state) == (2, KpaState())


demand = st.floats(0, 1e6)


@given(demand, demand, st.integers(0, 500), st.integers(0, 1000))
def test_panic_never_removes_pods(stable: float, panic: float, ready: int, max_panic_pods: int) -> None:
    state = KpaState(panic_since_s=0.0, max_panic_pods=max_panic_pods)
    decision, next_state = decide(KpaSpec(), state, Observed(stable, panic, ready), 2.0)
    assert decision.desired_pods >= max_panic_pods
    assert next_state.max_panic_pods == decision.desired_pods


@given(demand, demand, st.integers(0, 500))
def test_scale_up_rate_always_permits_one_more_pod(stable: float, panic: float, ready: int) -> None:
    spec = KpaSpec(max_scale_up_rate=1.01)
    decision, _ = decide(spec, KpaState(), Observed(stable, panic, ready), 2.0)
    needed = stable / spec.target_value
    assert decision.desired_pods >= min(needed, max(1, ready) + 1)
