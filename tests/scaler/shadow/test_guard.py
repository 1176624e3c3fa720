"""Whom the KPA alone serves, where it can be reckoned by hand."""

import numpy as np
import pytest

from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, REQUESTS
from scaler.shadow.guard import GUARD_HOURS, Guard, new_guard
from scaler.shadow.selection import BASELINE, SELECTED


def hour(
    guard: Guard, more: float, *, delay_cost: float = 30.0, requests: float = 1e4, passed_h: int = 1
) -> Guard:
    """After an hour in which ours delayed so many requests more than the KPA alone."""
    ours, alone = np.zeros((1, N_METRICS)), np.zeros((1, N_METRICS))
    ours[:, REQUESTS] = alone[:, REQUESTS] = requests
    alone[:, DELAYED] = 100.0
    ours[:, DELAYED] = 100.0 + more
    return guard.updated(ours, alone, delay_cost=np.array([delay_cost]), share=0.001, elapsed_h=passed_h)


@pytest.mark.parametrize(
    ("more", "delay_cost", "on"),
    [
        pytest.param(11, 30, True, id="more than it may be"),
        pytest.param(9, 30, False, id="less than it may be"),
        pytest.param(-50, 30, False, id="better"),
        pytest.param(11, 10, True, id="at a cost of 10"),
        pytest.param(500, 9, False, id="delays are not minded"),
    ],
)
def test_when_the_guard_is_on(more: float, delay_cost: float, *, on: bool) -> None:
    assert hour(new_guard(1), more, delay_cost=delay_cost).active.tolist() == [on]


def test_it_is_off_again_only_below_half_of_it() -> None:
    guard = hour(new_guard(1), 30)
    # A share of 0.003, halved by one hour as good, and so on: 0.0015, 0.001, 0.00073, 0.0006, 0.0005.
    said = []
    for _ in range(7):
        guard = hour(guard, 0)
        said.append(bool(guard.active[0]))
    assert said[:3] == [True] * 3
    assert said[-1] is False
    assert hour(guard, 1).active.tolist() == [False]


def test_an_hour_is_forgotten_after_a_day_and_counts_half_after_twelve_hours() -> None:
    guard = hour(new_guard(1), 1000, requests=1.0)
    assert guard.sums[0, SELECTED, DELAYED] == 1100
    for passed_h, kept in ((12, 550.0), (11, 1100 * 0.5 ** (23 / 12)), (1, 0.0)):
        guard = hour(guard, -100, requests=0.0, passed_h=passed_h)
        assert guard.sums[0, SELECTED, DELAYED] == pytest.approx(kept)
    assert hour(guard, 5, passed_h=GUARD_HOURS + 3).sums[0, BASELINE, DELAYED] == 100


def test_where_no_request_came_nobody_did_better() -> None:
    assert hour(new_guard(1), 0, requests=0.0).active.tolist() == [False]
    assert new_guard(3).sums[:, :, PODS].tolist() == [[0, 0]] * 3


def test_the_past_stays_with_its_service_and_one_that_comes_has_none() -> None:
    guard = hour(new_guard(1), 500).realigned(np.array([-1, 0]))
    assert guard.active.tolist() == [False, True]
    assert guard.sums[:, SELECTED, DELAYED].tolist() == [0, 600]
    assert guard.realigned(np.empty(0, np.intp)).sums.shape == (0, 2, N_METRICS)
