"""Hours forecast from the hours of a day or a week before."""

import numpy as np

from config.scenario import SCENARIOS
from scaler.policies.aws_predictive import AWS_PREDICTIVE
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of

HEAVY = SCENARIOS["heavy"]
HOUR_S = 3600


def floors(per_hour: list[float], start_s: int = 0) -> list[tuple[int, int]]:
    """Seconds and floors for so many requests a second in each hour."""
    arrivals = np.repeat(per_hour, HOUR_S).astype(np.float32)
    rows = AWS_PREDICTIVE.plan(Series("s", start_s, arrivals, HEAVY, pod_model_of(HEAVY)), 10.0)
    return list(zip(rows["at_s"].tolist(), rows["floor"].tolist(), strict=True))


def test_less_than_a_day_says_nothing() -> None:
    assert floors([28.0] * 23) == []


def test_an_hour_is_as_the_day_before_and_ready_five_minutes_early() -> None:
    day = [0.0] * 24
    day[5], day[6] = 28.0, 14.0
    got = floors(day * 2)
    # 28 and 14 in flight at 2.8 a pod; the lower hour does not take what the one before still needs.
    at_5 = 29 * HOUR_S
    assert got[:3] == [(at_5 - 300, 10), (at_5 + HOUR_S, 5), (at_5 + 2 * HOUR_S, 0)]


def test_where_there_is_a_week_an_hour_is_as_the_week_before() -> None:
    hours = [0.0] * 24 * 8
    hours[5] = 28.0
    hours[24 * 6 + 5] = 14.0
    got = dict(floors(hours))
    assert got[(24 * 7 + 5) * HOUR_S - 300] == 10
    # By the day before until there is a week.
    assert got[(24 + 5) * HOUR_S - 300] == 10


def test_hours_are_those_of_the_clock() -> None:
    day = [0.0] * 24
    day[5] = 28.0
    on_the_hour = floors(day * 3)
    # Begun half an hour later: the same hours, half full each.
    assert {at % HOUR_S for at, _ in on_the_hour} == {0, HOUR_S - 300}
    assert {at % HOUR_S for at, _ in floors(day * 3, start_s=HOUR_S // 2)} == {1800, 1500}
    assert floors(day * 3, start_s=HOUR_S // 2)[0][1] == 5
