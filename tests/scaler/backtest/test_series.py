"""What policies are given: each series from its own first second, in the world that is meant."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.backtest import series as series_module
from scaler.backtest.series import Traffic, TrafficError

START_S = 1_700_000_040
Making = Callable[..., Traffic]
NONE = np.nan


def test_each_series_begins_with_its_first_observed_step_and_ends_with_its_last(making: Making) -> None:
    traffic = making({"a": [NONE, NONE, 3, 0], "b": [1, 2, 3, NONE]})
    late, early = traffic.series_at(0), traffic.series_at(1)
    assert (late.start_s, len(late.arrivals), late.arrivals.sum()) == (START_S + 120, 120, 3)
    assert (early.start_s, len(early.arrivals), early.arrivals.sum()) == (START_S, 180, 6)


def test_a_series_of_which_nothing_was_observed_has_no_second(making: Making) -> None:
    assert len(making({"a": [NONE, NONE], "b": [1, 1]}).series_at(0).arrivals) == 0


def test_scoring_begins_at_one_moment_for_all(making: Making) -> None:
    traffic = making({"a": [NONE, NONE, 3, 0], "b": [1, 2, 3, 4]}, score_from_s=START_S + 90)
    assert [traffic.series_at(k).score_s for k in (0, 1)] == [0, 90]
    assert traffic.score_s == 90
    assert making({"b": [1, 2]}, score_from_s=5).series_at(0).score_s == 0


def test_seconds_do_not_depend_on_which_other_series_are_looked_at(making: Making) -> None:
    counts = {"a": [30] * 9, "b": [20] * 9}
    every, alone = making(counts), making(counts, only="b")
    assert alone.series == ("b",)
    assert every.series_at(1).arrivals.tolist() == alone.series_at(0).arrivals.tolist()


def test_what_is_made_anew_is_what_was_kept(making: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = making({"a": [30] * 9})
    kept = traffic.series_at(0).arrivals
    assert traffic.series_at(0).arrivals is kept
    monkeypatch.setattr(series_module, "CACHE_BYTES", 0)
    traffic = making({"a": [30] * 9})
    anew = traffic.series_at(0).arrivals
    assert traffic.series_at(0).arrivals is not anew
    assert anew.tolist() == kept.tolist()


def test_a_service_time_in_the_file_takes_the_place_of_the_scenarios(making: Making) -> None:
    traffic = making({"a": [1, 1], "b": [1, 1]}, served_s={"a": 0.125})
    assert (
        traffic.series_at(0).pod_model.service_time_s
        == traffic.series_at(0).scenario.service_seconds
        == 0.125
    )
    assert traffic.series_at(1).pod_model.service_time_s == SCENARIOS["sparse"].service_seconds


def test_but_not_of_what_the_scenario_says_of_that_very_series(making: Making) -> None:
    said = {"a*": {"service_seconds": 2.0}, "b": {"startup_seconds": 9.0}}
    scenario = replace(SCENARIOS["sparse"], series=said)
    traffic = making({"a": [1, 1], "b": [1, 1]}, scenario, served_s={"a": 0.125, "b": 0.25})
    assert traffic.series_at(0).pod_model.service_time_s == 2.0
    assert (traffic.series_at(1).pod_model.service_time_s, traffic.series_at(1).pod_model.startup_s) == (
        0.25,
        9.0,
    )


def test_what_cannot_be_chosen_or_scored_is_told(making: Making) -> None:
    with pytest.raises(TrafficError, match=r"'c\*' fits none of the 2 series"):
        making({"a": [1, 1], "b": [1, 1]}, only="c*")
    with pytest.raises(TrafficError, match=r"score-from: .* is not before the end of traffic.csv"):
        making({"a": [1, 1]}, score_from_s=START_S + 120)
