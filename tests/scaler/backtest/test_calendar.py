"""A calendar in the scenario has the same effect in a backtest as in the live loop."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.policy import Lever
from config.scenario import SCENARIOS, Scenario
from config.zones import utc_offsets
from scaler.backtest.request import BacktestRequest
from scaler.backtest.run import run
from scaler.backtest.series import Traffic
from scaler.policies.policy import PlanRows
from scaler.policies.table import POLICIES
from scaler.simulation.score import ReplayMetrics

MakeTraffic = Callable[..., Traffic]
START_S = 1_700_000_040
HOUR_MIN, DAY_MIN = 60, 1440
FROM_MIN, UNTIL_MIN = 300, 330
HEAVY = replace(SCENARIOS["heavy"], levers=frozenset({Lever.FLOOR}))
SPARSE = replace(SCENARIOS["sparse"], levers=frozenset({Lever.FLOOR}))
SALE = Event(
    name="sale",
    services=("shop/*",),
    from_s=START_S + 60 * FROM_MIN,
    until_s=START_S + 60 * UNTIL_MIN,
    requests_per_second=60.0,
)


def with_calendar(scenario: Scenario, *events: Event, **calendar: object) -> Scenario:
    return replace(scenario, calendar=Calendar(events=events, **calendar))  # type: ignore[arg-type]


def sale_counts() -> NDArray[np.float32]:
    """Return six hours of requests by minute: six requests/s, and ten times as many during the sale."""
    rate = np.full(6 * HOUR_MIN, 6.0)
    rate[FROM_MIN:UNTIL_MIN] = 60.0
    return np.random.default_rng(2).poisson(60 * rate).astype(np.float32)


def tidecast_metrics(traffic: Traffic, delay_cost: float = 30.0) -> ReplayMetrics:
    request = BacktestRequest({name: POLICIES[name] for name in ("kpa", "tidecast")}, (delay_cost,))
    return run(traffic, request).backtest.outcomes[1].metrics[0]


def floor_at(rows: PlanRows, at_s: int) -> int:
    before = int(np.searchsorted(rows["at_s"], at_s, side="right")) - 1
    return int(rows["floor"][before]) if before >= 0 else 0


@pytest.mark.parametrize("event", [SALE, replace(SALE, requests_per_second=None, times=10.0)])
def test_pods_are_ready_at_the_start_of_an_announced_event(make_traffic: MakeTraffic, event: Event) -> None:
    late_s = START_S + 60 * (FROM_MIN - 10)
    counts = {"shop/cart": sale_counts()}
    unknown, known = (
        make_traffic(counts, scenario, score_from_s=late_s)
        for scenario in (HEAVY, with_calendar(HEAVY, event))
    )
    without_event, with_event = tidecast_metrics(unknown), tidecast_metrics(known)
    assert with_event.requests == without_event.requests
    assert with_event.delayed < 0.5 * without_event.delayed
    plain_rows, rows = (POLICIES["tidecast"].plan(traffic.series_at(0), 30.0) for traffic in (unknown, known))
    # 60 requests/s of one second each are 60 in flight: fifteen pods of four.
    assert floor_at(rows, 60 * FROM_MIN - 45) >= 15
    for minute in (FROM_MIN - 10, UNTIL_MIN + 15):
        assert floor_at(rows, 60 * minute) == floor_at(plain_rows, 60 * minute)


def test_event_changes_plans_of_series_that_match_the_globs(make_traffic: MakeTraffic) -> None:
    counts = {"shop/cart": sale_counts()}
    plain = POLICIES["tidecast"].plan(make_traffic(counts, HEAVY).series_at(0), 30.0)
    for globs, changes in ((("shop/cart",), True), (("team/*", "cart"), False)):
        scenario = with_calendar(HEAVY, replace(SALE, services=globs))
        rows = POLICIES["tidecast"].plan(make_traffic(counts, scenario).series_at(0), 30.0)
        assert (rows.tobytes() != plain.tobytes()) == changes
    scenario = with_calendar(HEAVY, replace(SALE, services=("cart",)))
    rows = POLICIES["tidecast"].plan(make_traffic({"cart": sale_counts()}, scenario).series_at(0), 30.0)
    assert floor_at(rows, 60 * FROM_MIN - 45) >= 15


def test_pods_for_an_event_are_held_when_no_other_pods_are(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic({"shop/cart": np.eye(1, 6 * HOUR_MIN)[0]}, with_calendar(SPARSE, SALE))
    rows = POLICIES["tidecast"].plan(traffic.series_at(0), 1.0)
    assert floor_at(rows, 60 * FROM_MIN - 5) >= 30
    without_levers = with_calendar(replace(SPARSE, levers=frozenset()), SALE)
    traffic = make_traffic({"shop/cart": np.eye(1, 6 * HOUR_MIN)[0]}, without_levers)
    assert len(POLICIES["tidecast"].plan(traffic.series_at(0), 1.0)) == 0


def test_announced_event_changes_no_earlier_plan(make_traffic: MakeTraffic) -> None:
    counts = {"shop/cart": sale_counts()}
    series = make_traffic(counts, HEAVY).series_at(0)
    informed = make_traffic(counts, with_calendar(HEAVY, SALE)).series_at(0)
    plans = [POLICIES["tidecast"].plan(subject, 30.0) for subject in (series, informed)]
    at_s = 60 * FROM_MIN - 45 - 60
    before = [rows[rows["at_s"] <= at_s] for rows in plans]
    assert before[0].tobytes() == before[1].tobytes()


def test_calendar_without_matching_events_changes_no_plan(make_traffic: MakeTraffic) -> None:
    counts = {"shop/cart": sale_counts()}
    rows = [
        POLICIES["tidecast"].plan(make_traffic(counts, scenario).series_at(0), 30.0).tobytes()
        for scenario in (
            HEAVY,
            with_calendar(HEAVY),
            with_calendar(HEAVY, replace(SALE, services=("team/*",))),
        )
    ]
    assert len(set(rows)) == 1


CHANGE_S = int(datetime(2023, 10, 29, 1, tzinfo=UTC).timestamp())
"""Unix seconds of the end of summer time in Berlin."""


def requests_at_nine(days: int) -> NDArray[np.float32]:
    """Return requests by minute from 14 days before CHANGE_S on: three at nine in Berlin, each day."""
    start_s = CHANGE_S - 14 * DAY_MIN * 60
    at_s = start_s + 60 * np.arange(days * DAY_MIN)
    from_s, offset_s = np.array(utc_offsets("Europe/Berlin")).T
    local_s = at_s + offset_s[np.searchsorted(from_s, at_s, side="right") - 1]
    return np.where(local_s // 60 % DAY_MIN == 9 * HOUR_MIN, 3, 0).astype(np.float32)


@pytest.mark.parametrize("by_series", [False, True])
def test_time_zone_keeps_a_local_cron_predictable_when_clocks_change(
    make_traffic: MakeTraffic, by_series: bool
) -> None:
    berlin = (
        replace(SPARSE, series={"shop/*": {"time_zone": "Europe/Berlin"}})
        if by_series
        else with_calendar(SPARSE, time_zone="Europe/Berlin")
    )
    found = []
    for scenario in (SPARSE, berlin):
        traffic = make_traffic({"shop/cart": requests_at_nine(18)}, scenario)
        export = replace(traffic.export, start_s=CHANGE_S - 14 * DAY_MIN * 60)
        found.append(tidecast_metrics(replace(traffic, export=export, score_from_s=CHANGE_S), 3000.0))
    utc, local = found
    # In UTC the cron shifts by an hour at once: the first of the four days after the change is missed.
    assert utc.cold == 1
    assert local.cold == 0
