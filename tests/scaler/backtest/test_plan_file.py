"""plan.csv: a plan that is written and read again is the same plan."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.scenario import SCENARIOS, Scenario
from scaler.backtest.plan_file import COLUMNS, HEADING, plan_lines
from scaler.policies.policy import PlanRows, Series
from scaler.simulation.plan_rows import NO_PLAN, plan_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.simulator import replay

START_S = 1_700_000_040


def make_series(scenario: Scenario = SCENARIOS["web"], name: str = "shop/cart", seconds: int = 900) -> Series:
    arrivals = np.random.default_rng(2).poisson(40, seconds).astype(np.float32)
    return Series(name, START_S, arrivals, scenario, pod_model_of(scenario))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(HEADING + text)))


def number(text: str) -> float:
    return float(text) if text else math.nan


def rows_of(lines: list[dict[str, str]], series: Series) -> PlanRows:
    """Return the plan as another program would read it."""
    return plan_rows(
        series.pod_model,
        [int(line["timestamp"]) - START_S for line in lines],
        [int(line["floor"]) for line in lines],
        target_utilization=[number(line["target_utilization"]) for line in lines],
        window_s=[number(line["window_s"]) for line in lines],
        panic_threshold=[number(line["panic_threshold"]) for line in lines],
        retention_s=[number(line["retention_s"]) for line in lines],
    )


def test_plan_file_has_documented_columns_and_short_numbers() -> None:
    series = make_series()
    rows = plan_rows(series.pod_model, [0, 60], [2, 3], target_utilization=[70, math.nan], window_s=15,
                     panic_threshold=110, retention_s=[600, math.nan])  # fmt: skip
    assert HEADING.strip().split(",") == list(COLUMNS)
    assert plan_lines(series, rows).splitlines() == [
        f"{START_S},shop/cart,2,70,15,110,600",
        f"{START_S + 60},shop/cart,3,,15,110,",
    ]


def test_floor_is_zero_before_the_first_row_of_a_plan() -> None:
    series = make_series()
    assert plan_lines(series, NO_PLAN) == f"{START_S},shop/cart,0,,,,\n"
    later = plan_rows(series.pod_model, [30], [4], window_s=15)
    assert plan_lines(series, later).splitlines()[0] == f"{START_S},shop/cart,0,,,,"


def test_last_of_several_rows_of_a_second_is_written() -> None:
    series = make_series()
    lines = read(plan_lines(series, plan_rows(series.pod_model, [0, 30, 30], [1, 2, 3])))
    assert [line["floor"] for line in lines] == ["1", "3"]


def test_rows_after_the_end_of_traffic_are_left_out() -> None:
    series = make_series(seconds=100)
    lines = read(plan_lines(series, plan_rows(series.pod_model, [0, 99, 100], [1, 2, 3])))
    assert [line["floor"] for line in lines] == ["1", "2"]


def test_special_characters_in_a_series_name_are_quoted() -> None:
    for name in ('a,"b"\nc', " x ", "é"):
        assert read(plan_lines(make_series(name=name), NO_PLAN))[0]["series"] == name


maybe_percent = st.none() | st.floats(1, 100).map(lambda percent: round(percent, 3))


@given(
    at_s=st.lists(st.integers(0, 899), min_size=1, max_size=8, unique=True).map(sorted),
    data=st.data(),
    concurrency=st.sampled_from([0, 1, 3, 10, 700]),
)
@settings(deadline=None)
def test_plan_file_read_again_is_the_same_plan(
    at_s: list[int], data: st.DataObject, concurrency: int
) -> None:
    series = make_series(replace(SCENARIOS["web"], container_concurrency=concurrency))

    def draw_column(values: st.SearchStrategy[float | None]) -> list[float]:
        return [math.nan if (value := data.draw(values)) is None else value for _ in at_s]

    rows = plan_rows(
        series.pod_model,
        at_s,
        [data.draw(st.integers(0, 50)) for _ in at_s],
        target_utilization=draw_column(maybe_percent),
        window_s=draw_column(st.none() | st.sampled_from([6.0, 15.0, 60.0])),
        panic_threshold=draw_column(st.none() | st.floats(110, 1000)),
        retention_s=draw_column(st.none() | st.integers(0, 3600).map(float)),
    )
    read_rows = rows_of(read(plan_lines(series, rows)), series)
    assert read_rows[-len(rows) :].tobytes() == rows.tobytes()
    assert replay(series.pod_model, series.arrivals, read_rows) == pytest.approx(
        replay(series.pod_model, series.arrivals, rows)
    )
