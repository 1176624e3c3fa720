"""Series that policies receive: from the first observed second of each, with the scenario of each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.backtest import series as series_module
from scaler.backtest.series import Traffic, TrafficError

START_S = 1_700_000_040
MakeTraffic = Callable[..., Traffic]
NONE = np.nan


def test_series_spans_first_to_last_observed_step(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic({"a": [NONE, NONE, 3, 0], "b": [1, 2, 3, NONE]})
    late, early = traffic.series_at(0), traffic.series_at(1)
    assert (late.start_s, len(late.arrivals), late.arrivals.sum()) == (START_S + 120, 120, 3)
    assert (early.start_s, len(early.arrivals), early.arrivals.sum()) == (START_S, 180, 6)


def test_series_without_observed_step_is_empty(make_traffic: MakeTraffic) -> None:
    assert len(make_traffic({"a": [NONE, NONE], "b": [1, 1]}).series_at(0).arrivals) == 0


def test_score_from_is_one_time_for_all_series(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic({"a": [NONE, NONE, 3, 0], "b": [1, 2, 3, 4]}, score_from_s=START_S + 90)
    assert [traffic.series_at(k).score_s for k in (0, 1)] == [0, 90]
    assert traffic.score_s == 90
    assert make_traffic({"b": [1, 2]}, score_from_s=5).series_at(0).score_s == 0


def test_arrivals_do_not_depend_on_selected_series(make_traffic: MakeTraffic) -> None:
    counts = {"a": [30] * 9, "b": [20] * 9}
    every, single = make_traffic(counts), make_traffic(counts, only="b")
    assert single.series == ("b",)
    assert every.series_at(1).arrivals.tolist() == single.series_at(0).arrivals.tolist()


def test_arrivals_are_the_same_with_and_without_cache(
    make_traffic: MakeTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = make_traffic({"a": [30] * 9})
    cached = traffic.series_at(0).arrivals
    assert traffic.series_at(0).arrivals is cached
    monkeypatch.setattr(series_module, "CACHE_BYTES", 0)
    traffic = make_traffic({"a": [30] * 9})
    recomputed = traffic.series_at(0).arrivals
    assert traffic.series_at(0).arrivals is not recomputed
    assert recomputed.tolist() == cached.tolist()


def test_service_time_of_the_file_overrides_the_scenario(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic({"a": [1, 1], "b": [1, 1]}, service_times_s={"a": 0.125})
    assert (
        traffic.series_at(0).pod_model.service_time_s
        == traffic.series_at(0).scenario.service_seconds
        == 0.125
    )
    assert traffic.series_at(1).pod_model.service_time_s == SCENARIOS["sparse"].service_seconds


def test_service_time_of_a_series_in_the_scenario_overrides_the_file(make_traffic: MakeTraffic) -> None:
    overrides = {"a*": {"service_seconds": 2.0}, "b": {"startup_seconds": 9.0}}
    scenario = replace(SCENARIOS["sparse"], series=overrides)
    traffic = make_traffic({"a": [1, 1], "b": [1, 1]}, scenario, service_times_s={"a": 0.125, "b": 0.25})
    assert traffic.series_at(0).pod_model.service_time_s == 2.0
    assert (traffic.series_at(1).pod_model.service_time_s, traffic.series_at(1).pod_model.startup_s) == (
        0.25,
        9.0,
    )


def test_no_matching_series_or_scored_second_is_an_error(make_traffic: MakeTraffic) -> None:
    with pytest.raises(TrafficError, match=r"'c\*' matches none of the 2 series"):
        make_traffic({"a": [1, 1], "b": [1, 1]}, only="c*")
    with pytest.raises(TrafficError, match=r"score-from: .* is not before the end of traffic.csv"):
        make_traffic({"a": [1, 1]}, score_from_s=START_S + 120)
