"""The HPA's rule and behavior, plans of floors, and the observed demand."""

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.policies.floors import floor_plan, observed_demand
from scaler.policies.hpa import Behavior, desired_replicas, simulate_hpa
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = pod_model_of(SCENARIOS["heavy"])


@pytest.mark.parametrize(
    ("pods", "demand", "want"),
    [
        pytest.param(4, 10.0, 4, id="exactly at the target"),
        pytest.param(4, 10.9, 4, id="a tenth more is tolerated"),
        pytest.param(4, 11.1, 5, id="more is scaled up"),
        pytest.param(4, 9.0, 4, id="a tenth less is tolerated"),
        pytest.param(4, 7.5, 3, id="less is scaled down"),
        pytest.param(4, 0.0, 0, id="no demand"),
        pytest.param(0, 0.1, 1, id="from zero"),
    ],
)
def test_desired_replicas(pods: int, demand: float, want: int) -> None:
    assert desired_replicas(pods, demand, 2.5) == want


def no_forecast(sync: int, h: int) -> int:
    return 0


def test_pods_double_or_grow_by_four_within_a_period() -> None:
    demand = np.full(4, 100.0)
    assert simulate_hpa(demand, 1.0, no_forecast) == [5, 10, 20, 40]
    # Four syncs are a period, all of which starts from the one pod at its beginning.
    assert simulate_hpa(np.full(9, 100.0), 1.0, no_forecast, Behavior(up_period_s=60)) == [5] * 4 + [
        10
    ] * 4 + [20]


def test_pods_fall_at_once_to_the_maximum_of_five_minutes() -> None:
    demand = np.array([4.0, 3.0] + [0.0] * 20)
    assert simulate_hpa(demand, 1.0, no_forecast) == [4] * 20 + [3] + [1]


def test_forecast_counts_where_larger_than_the_rule() -> None:
    assert simulate_hpa(np.array([3.0, 3.0]), 1.0, lambda sync, _: [4, 0][sync]) == [4, 4]


def test_floor_plan_keeps_the_last_row_of_a_second_and_changes_only() -> None:
    rows = floor_plan(HEAVY, [5, 5, 9, 12, 15], [0, 2, 2, 0, 0])
    assert rows["at_s"].tolist() == [5, 12]
    assert rows["floor"].tolist() == [2, 0]
    assert len(floor_plan(HEAVY, [], [])) == 0


def test_observed_demand_is_the_mean_of_the_minute_before_the_metrics_delay() -> None:
    arrivals = np.arange(200, dtype=np.float32)
    got = observed_demand(
        Series("s", 0, arrivals, SCENARIOS["web"], pod_model_of(SCENARIOS["web"])), np.array([15, 45, 150])
    )
    # 30 s of delay, 0.25 s of service: nothing known; seconds 0 ... 14; seconds 60 ... 119.
    assert got.tolist() == [0.0, arrivals[:15].sum() / 60 * 0.25, arrivals[60:120].sum() / 60 * 0.25]
