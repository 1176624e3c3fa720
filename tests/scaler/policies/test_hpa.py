"""The HPA's rule and how fast it moves, and floors as rows."""

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.policies.floors import demand_known, floors
from scaler.policies.hpa import Behavior, follow, wanted
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

WORLD = pod_model_of(SCENARIOS["heavy"])


@pytest.mark.parametrize(
    ("pods", "demand", "want"),
    [
        pytest.param(4, 10.0, 4, id="just what they are for"),
        pytest.param(4, 10.9, 4, id="a tenth more is let be"),
        pytest.param(4, 11.1, 5, id="beyond it, up"),
        pytest.param(4, 9.0, 4, id="a tenth less is let be"),
        pytest.param(4, 7.5, 3, id="beyond it, down"),
        pytest.param(4, 0.0, 0, id="nothing"),
        pytest.param(0, 0.1, 1, id="from zero"),
    ],
)
def test_the_rule(pods: int, demand: float, want: int) -> None:
    assert wanted(pods, demand, 2.5) == want


def no_forecast(sync: int, h: int) -> int:
    return 0


def test_pods_double_or_become_four_more_within_a_period() -> None:
    demand = np.full(4, 100.0)
    assert follow(demand, 1.0, no_forecast) == [5, 10, 20, 40]
    # Four syncs are a period: all of it from the one pod there was at its beginning.
    assert follow(np.full(9, 100.0), 1.0, no_forecast, Behavior(up_period_s=60)) == [5] * 4 + [10] * 4 + [20]


def test_down_goes_at_once_to_the_most_of_five_minutes() -> None:
    demand = np.array([4.0, 3.0] + [0.0] * 20)
    assert follow(demand, 1.0, no_forecast) == [4] * 20 + [3] + [1]


def test_the_forecast_counts_where_it_is_more() -> None:
    assert follow(np.array([3.0, 3.0]), 1.0, lambda sync, _: [4, 0][sync]) == [4, 4]


def test_of_rows_at_one_second_the_last_counts_and_what_does_not_change_is_left_out() -> None:
    rows = floors(WORLD, [5, 5, 9, 12, 15], [0, 2, 2, 0, 0])
    assert rows["at_s"].tolist() == [5, 12]
    assert rows["floor"].tolist() == [2, 0]
    assert len(floors(WORLD, [], [])) == 0


def test_demand_is_the_minute_before_the_metrics_delay() -> None:
    arrivals = np.arange(200, dtype=np.float32)
    got = demand_known(
        Series("s", 0, arrivals, SCENARIOS["web"], pod_model_of(SCENARIOS["web"])), np.array([15, 45, 150])
    )
    # 30 s of delay, 0.25 s of service: nothing yet; seconds 0 ... 14; seconds 60 ... 119.
    assert got.tolist() == [0.0, arrivals[:15].sum() / 60 * 0.25, arrivals[60:120].sum() / 60 * 0.25]
