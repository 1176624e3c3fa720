"""Capacities of hours, forecast from the same hours a day or a week before."""

import numpy as np

from config.scenario import SCENARIOS
from scaler.policies.aws_predictive import AWS_PREDICTIVE
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]
HOUR_S = 3600


def floors(per_hour: list[float], start_s: int = 0) -> list[tuple[int, int]]:
    """Return the (second, floor) rows of a plan for `per_hour` requests/s in each hour."""
    arrivals = np.repeat(per_hour, HOUR_S).astype(np.float32)
    rows = AWS_PREDICTIVE.plan(Series("s", start_s, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    return list(zip(rows["at_s"].tolist(), rows["floor"].tolist(), strict=True))


def test_less_than_a_day_gives_no_plan() -> None:
    assert floors([28.0] * 23) == []


def test_capacity_equals_the_day_before_and_is_active_five_minutes_early() -> None:
    day = [0.0] * 24
    day[5], day[6] = 28.0, 14.0
    got = floors(day * 2)
    # 28 and 14 in flight at 2.8 a pod; an hour keeps its capacity until it ends, also before a lower one.
    five_s = 29 * HOUR_S
    assert got[:3] == [(five_s - 300, 10), (five_s + HOUR_S, 5), (five_s + 2 * HOUR_S, 0)]


def test_capacity_equals_the_week_before_where_there_is_a_week() -> None:
    hours = [0.0] * 24 * 8
    hours[5] = 28.0
    hours[24 * 6 + 5] = 14.0
    got = dict(floors(hours))
    assert got[(24 * 7 + 5) * HOUR_S - 300] == 10
    # Until there is a week, the day before.
    assert got[(24 + 5) * HOUR_S - 300] == 10


def test_hours_are_those_of_the_clock() -> None:
    day = [0.0] * 24
    day[5] = 28.0
    on_the_hour = floors(day * 3)
    # A start half an hour later gives the same hours, each with half of the requests.
    assert {at_s % HOUR_S for at_s, _ in on_the_hour} == {0, HOUR_S - 300}
    assert {at_s % HOUR_S for at_s, _ in floors(day * 3, start_s=HOUR_S // 2)} == {1800, 1500}
    assert floors(day * 3, start_s=HOUR_S // 2)[0][1] == 5
