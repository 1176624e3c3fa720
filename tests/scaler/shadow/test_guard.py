"""Begin and end of the fallback to the KPA alone, on cases with results computed by hand."""

import numpy as np
import pytest

from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, REQUESTS
from scaler.shadow.guard import GUARD_HOURS, Guard, new_guard
from scaler.shadow.selection import BASELINE, SELECTED


def after_hour(
    guard: Guard, extra_delayed: float, *, delay_cost: float = 30.0, requests: float = 1e4, elapsed_h: int = 1
) -> Guard:
    """Return the guard after an hour with `extra_delayed` more delayed requests than under the KPA alone."""
    selected, baseline = np.zeros((1, N_METRICS)), np.zeros((1, N_METRICS))
    selected[:, REQUESTS] = baseline[:, REQUESTS] = requests
    baseline[:, DELAYED] = 100.0
    selected[:, DELAYED] = 100.0 + extra_delayed
    return guard.updated(
        selected, baseline, delay_cost=np.array([delay_cost]), share=0.001, elapsed_h=elapsed_h
    )


@pytest.mark.parametrize(
    ("extra_delayed", "delay_cost", "active"),
    [
        pytest.param(11, 30, True, id="above the limit"),
        pytest.param(9, 30, False, id="below the limit"),
        pytest.param(-50, 30, False, id="fewer than the KPA alone"),
        pytest.param(11, 10, True, id="at delay cost 10"),
        pytest.param(500, 9, False, id="below delay cost 10"),
    ],
)
def test_fallback_begins_above_the_limit_of_extra_delays(
    extra_delayed: float, delay_cost: float, *, active: bool
) -> None:
    assert after_hour(new_guard(1), extra_delayed, delay_cost=delay_cost).active.tolist() == [active]


def test_fallback_ends_below_half_of_the_limit() -> None:
    guard = after_hour(new_guard(1), 30)
    # The extra share is 0.003, then 0.0015, 0.001, 0.00073, 0.0006, 0.0005 after hours without extra delays.
    active = []
    for _ in range(7):
        guard = after_hour(guard, 0)
        active.append(bool(guard.active[0]))
    assert active[:3] == [True] * 3
    assert active[-1] is False
    assert after_hour(guard, 1).active.tolist() == [False]


def test_hour_counts_half_after_twelve_hours_and_nothing_after_a_day() -> None:
    guard = after_hour(new_guard(1), 1000, requests=1.0)
    assert guard.sums[0, SELECTED, DELAYED] == 1100
    for elapsed_h, kept in ((12, 550.0), (11, 1100 * 0.5 ** (23 / 12)), (1, 0.0)):
        guard = after_hour(guard, -100, requests=0.0, elapsed_h=elapsed_h)
        assert guard.sums[0, SELECTED, DELAYED] == pytest.approx(kept)
    assert after_hour(guard, 5, elapsed_h=GUARD_HOURS + 3).sums[0, BASELINE, DELAYED] == 100


def test_hours_without_requests_begin_no_fallback() -> None:
    assert after_hour(new_guard(1), 0, requests=0.0).active.tolist() == [False]
    assert new_guard(3).sums[:, :, PODS].tolist() == [[0, 0]] * 3


def test_realigned_guard_keeps_hours_and_new_service_has_none() -> None:
    guard = after_hour(new_guard(1), 500).realigned(np.array([-1, 0]))
    assert guard.active.tolist() == [False, True]
    assert guard.sums[:, SELECTED, DELAYED].tolist() == [0, 600]
    assert guard.realigned(np.empty(0, np.intp)).sums.shape == (0, 2, N_METRICS)
