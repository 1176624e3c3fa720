"""The result of a backtest as a table for people and as a value for programs."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from config.calendar import Calendar, Event
from config.policy import Lever
from config.scenario import SCENARIOS, Scenario, load_scenario
from scaler.backtest.request import BacktestRequest
from scaler.backtest.run import run
from scaler.backtest.series import Traffic
from scaler.backtest.summary import as_dict, scenario_keys, table
from scaler.cli.output import plain
from scaler.policies.table import POLICIES
from scaler.simulation.score import ReplayMetrics

MakeTraffic = Callable[..., Traffic]
METRICS = [field.name for field in fields(ReplayMetrics)]


def request(*delay_costs: float) -> BacktestRequest:
    return BacktestRequest({name: POLICIES[name] for name in ("kpa", "kpa-tuned", "oracle")}, delay_costs)


@pytest.fixture(name="traffic")
def _traffic(make_traffic: MakeTraffic) -> Traffic:
    return make_traffic({"a": [60, 90, 0, 0, 30] * 9, "b": [0, 0, 9, 0, 0] * 9})


def test_totals_are_sums_over_series(traffic: Traffic) -> None:
    result = as_dict(run(traffic, request(30.0)).backtest, ("kpa-tuned", "oracle"))
    assert [(policy["policy"], policy["delay_cost"]) for policy in result["policies"]] == [
        ("kpa-tuned", 30.0),
        ("oracle", None),
    ]
    for policy in result["policies"]:
        assert list(policy) == ["policy", "delay_cost", "total", "series"]
        assert [list(series) for series in policy["series"]] == [["series", *METRICS]] * 2
        assert [series["series"] for series in policy["series"]] == ["a", "b"]
        for name in METRICS:
            assert policy["total"][name] == pytest.approx(sum(series[name] for series in policy["series"]))


def test_table_has_a_row_per_policy_and_delay_cost(traffic: Traffic) -> None:
    rows = table(run(traffic, request(10.0, 30.0)).backtest)
    assert [(row["policy"], row["delay_cost"]) for row in rows] == [
        ("kpa", None),
        ("kpa-tuned", 10.0),
        ("kpa-tuned", 30.0),
        ("oracle", None),
    ]
    assert rows[0]["x_kpa"] == 1
    assert rows[0]["cost"] is None
    assert rows[2]["cost"] == pytest.approx(
        3600 * rows[2]["pod_hours"] + 30 * rows[2]["delayed_%"] / 100 * (9 * 189)
    )


def test_single_delay_cost_gives_every_row_a_cost(traffic: Traffic) -> None:
    rows = table(run(traffic, request(30.0)).backtest)
    assert all(row["cost"] >= 3600 * row["pod_hours"] for row in rows)


def test_table_without_traffic_has_no_division_by_zero(make_traffic: MakeTraffic) -> None:
    rows = table(run(make_traffic({"a": [0] * 9}), request(30.0)).backtest)
    assert rows[2]["delayed_%"] == rows[2]["wait_s_per_request"] == 0
    assert rows[0]["x_kpa"] is None


@pytest.mark.parametrize(
    "scenario",
    [
        *SCENARIOS.values(),
        Scenario(
            target=7.5,
            levers=frozenset({Lever.FLOOR, Lever.WINDOW}),
            series={"a*": {"startup_seconds": 3.0, "levers": frozenset({Lever.FLOOR})}},
        ),
        Scenario(
            calendar=Calendar(
                time_zone="Europe/Berlin",
                holidays=(20812, 20813),
                events=(
                    Event(name="sale", services=("a/*",), from_s=1, until_s=2, requests_per_second=0.5),
                    Event(name="more", from_s=1_790_000_000, until_s=1_790_003_600, times=3.0),
                ),
            ),
            series={"a*": {"time_zone": "Asia/Tokyo"}},
        ),
    ],
)
def test_scenario_of_the_result_can_be_loaded_again(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(plain(scenario_keys(scenario))))
    assert load_scenario(path) == replace(scenario)
