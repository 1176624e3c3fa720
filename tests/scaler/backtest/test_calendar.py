"""What a calendar in the scenario tells is known in a backtest as it is in the live cycle."""

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

Making = Callable[..., Traffic]
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


def told(scenario: Scenario, *events: Event, **calendar: object) -> Scenario:
    return replace(scenario, calendar=Calendar(events=events, **calendar))  # type: ignore[arg-type]


def sale() -> NDArray[np.float32]:
    """Six hours of six requests/s in minutes, ten times as many while the sale lasts."""
    rate = np.full(6 * HOUR_MIN, 6.0)
    rate[FROM_MIN:UNTIL_MIN] = 60.0
    return np.random.default_rng(2).poisson(60 * rate).astype(np.float32)


def ours(traffic: Traffic, delay_cost: float = 30.0) -> ReplayMetrics:
    asked = BacktestRequest({name: POLICIES[name] for name in ("kpa", "tidecast")}, (delay_cost,))
    return run(traffic, asked).backtest.outcomes[1].metrics[0]


def floor_at(rows: PlanRows, at_s: int) -> int:
    before = int(np.searchsorted(rows["at_s"], at_s, side="right")) - 1
    return int(rows["floor"][before]) if before >= 0 else 0


@pytest.mark.parametrize("event", [SALE, replace(SALE, requests_per_second=None, times=10.0)])
def test_pods_are_ready_when_an_announced_event_begins(making: Making, event: Event) -> None:
    late_s = START_S + 60 * (FROM_MIN - 10)
    counts = {"shop/cart": sale()}
    unknown, known = (
        making(counts, scenario, score_from_s=late_s) for scenario in (HEAVY, told(HEAVY, event))
    )
    without, with_it = ours(unknown), ours(known)
    assert with_it.requests == without.requests
    assert with_it.delayed < 0.5 * without.delayed
    alone, rows = (POLICIES["tidecast"].plan(each.series_at(0), 30.0) for each in (unknown, known))
    # 60 requests/s of a second are 60 in flight: fifteen pods of four.
    assert floor_at(rows, 60 * FROM_MIN - 45) >= 15
    for minute in (FROM_MIN - 10, UNTIL_MIN + 15):
        assert floor_at(rows, 60 * minute) == floor_at(alone, 60 * minute)


def test_an_event_concerns_the_series_that_its_globs_fit(making: Making) -> None:
    counts = {"shop/cart": sale()}
    plain = POLICIES["tidecast"].plan(making(counts, HEAVY).series_at(0), 30.0)
    for globs, changes in ((("shop/cart",), True), (("team/*", "cart"), False)):
        scenario = told(HEAVY, replace(SALE, services=globs))
        rows = POLICIES["tidecast"].plan(making(counts, scenario).series_at(0), 30.0)
        assert (rows.tobytes() != plain.tobytes()) == changes
    scenario = told(HEAVY, replace(SALE, services=("cart",)))
    rows = POLICIES["tidecast"].plan(making({"cart": sale()}, scenario).series_at(0), 30.0)
    assert floor_at(rows, 60 * FROM_MIN - 45) >= 15


def test_pods_for_an_event_are_there_also_where_nothing_else_is_kept(making: Making) -> None:
    traffic = making({"shop/cart": np.eye(1, 6 * HOUR_MIN)[0]}, told(SPARSE, SALE))
    rows = POLICIES["tidecast"].plan(traffic.series_at(0), 1.0)
    assert floor_at(rows, 60 * FROM_MIN - 5) >= 30
    bound = told(replace(SPARSE, levers=frozenset()), SALE)
    traffic = making({"shop/cart": np.eye(1, 6 * HOUR_MIN)[0]}, bound)
    assert len(POLICIES["tidecast"].plan(traffic.series_at(0), 1.0)) == 0


def test_what_is_announced_changes_no_plan_that_is_over_before_it(making: Making) -> None:
    counts = {"shop/cart": sale()}
    series = making(counts, HEAVY).series_at(0)
    knows = making(counts, told(HEAVY, SALE)).series_at(0)
    without, with_it = (POLICIES["tidecast"].plan(its, 30.0) for its in (series, knows))
    at_s = 60 * FROM_MIN - 45 - 60
    before = [rows[rows["at_s"] <= at_s] for rows in (without, with_it)]
    assert before[0].tobytes() == before[1].tobytes()


def test_a_calendar_that_says_nothing_changes_nothing(making: Making) -> None:
    counts = {"shop/cart": sale()}
    rows = [
        POLICIES["tidecast"].plan(making(counts, scenario).series_at(0), 30.0).tobytes()
        for scenario in (HEAVY, told(HEAVY), told(HEAVY, replace(SALE, services=("team/*",))))
    ]
    assert len(set(rows)) == 1


CHANGE_S = int(datetime(2023, 10, 29, 1, tzinfo=UTC).timestamp())
"""Summer time ends in Berlin."""


def at_nine(days: int) -> NDArray[np.float32]:
    """In minutes from START_S less so many days on: some requests at nine in Berlin."""
    start_s = CHANGE_S - 14 * DAY_MIN * 60
    at_s = start_s + 60 * np.arange(days * DAY_MIN)
    since_s, ahead_s = np.array(utc_offsets("Europe/Berlin")).T
    local_s = at_s + ahead_s[np.searchsorted(since_s, at_s, side="right") - 1]
    return np.where(local_s // 60 % DAY_MIN == 9 * HOUR_MIN, 3, 0).astype(np.float32)


@pytest.mark.parametrize("by_series", [False, True])
def test_who_lives_by_berlin_keeps_its_nine_oclock_cron_when_the_clocks_change(
    making: Making, by_series: bool
) -> None:
    berlin = (
        replace(SPARSE, series={"shop/*": {"time_zone": "Europe/Berlin"}})
        if by_series
        else told(SPARSE, time_zone="Europe/Berlin")
    )
    came = []
    for scenario in (SPARSE, berlin):
        traffic = making({"shop/cart": at_nine(18)}, scenario)
        export = replace(traffic.export, start_s=CHANGE_S - 14 * DAY_MIN * 60)
        came.append(ours(replace(traffic, export=export, score_from_s=CHANGE_S), 3000.0))
    utc, local = came
    # In UTC it comes an hour later all at once; of the four days after that the first is lost.
    assert utc.cold == 1
    assert local.cold == 0
