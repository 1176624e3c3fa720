"""Moving averages, the hour of the day, and the limit on changes in a minute."""

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.policies.kedastral import KEDASTRAL_LIKE, limit_change, moving_average
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]


def test_moving_average_starts_with_the_oldest_value() -> None:
    got = moving_average(np.array([8.0, 2.0, 4.0, 4.0]), 3)
    # α = 2/3 over two: 8 -> 4; 1/2 over three: 8, 5, 4.5; then 2, 3, 3.5.
    assert got.tolist() == pytest.approx([8.0, 4.0, 4.5, 3.5])


@pytest.mark.parametrize(("previous", "pods", "limited"), [(4, 20, 8), (9, 1, 4), (3, 4, 4), (1, 0, 1)])
def test_change_is_limited_to_double_and_half(previous: int, pods: int, limited: int) -> None:
    assert limit_change(previous, pods) == limited


def test_steady_load_gets_a_fifth_of_headroom() -> None:
    arrivals = np.full(3600, 27, np.float32)
    rows = KEDASTRAL_LIKE.plan(Series("s", 0, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    # A fifth more than 27 in flight at 2.8 a pod is 11.6; pods double each minute from the initial one.
    assert rows["at_s"].tolist() == [90, 150, 210, 270]
    assert rows["floor"].tolist() == [2, 4, 8, 12]


def test_mean_of_the_next_hour_counts_before_the_hour_begins() -> None:
    at_s = np.arange(2 * 86400)
    busy = at_s % 86400 // 3600 == 12
    arrivals = np.where(busy, 28 * 4, 28).astype(np.float32)
    rows = KEDASTRAL_LIKE.plan(Series("s", 0, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    noon = 86400 + 12 * 3600
    floor = rows["floor"][np.searchsorted(rows["at_s"], noon, side="right") - 1]
    # 0.8 x 28 and 0.2 x 112 in flight, a fifth more, at 2.8 a pod.
    assert floor == int(np.ceil(1.2 * (0.8 * 28 + 0.2 * 112) / 2.8))
