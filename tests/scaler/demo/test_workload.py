"""The traffic that is shipped, and what the story makes of it."""

from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import read_export
from scaler.demo.workload import BEGIN_S, MAX_HOURS, MEAN_RATE, TRACE, Workload, workload

WHOLE = Path(__file__).parents[2] / "data" / "nasa_http_60s.csv.gz"
DAY_S = 86400


@pytest.fixture(scope="module", name="told")
def _told() -> Workload:
    return workload(7)


def test_the_trace_is_a_cutting_of_the_real_one_and_is_small() -> None:
    cut, whole = read_export(TRACE), read_export(WHOLE)
    at = (cut.start_s - whole.start_s) // 60
    np.testing.assert_array_equal(cut.counts[0], whole.counts[0, at : at + cut.counts.shape[1]])
    assert cut.counts.shape[1] == 15 * 1440
    assert TRACE.stat().st_size < 200_000


def test_the_licence_is_told_beside_the_trace() -> None:
    said = (TRACE.parent / "README.md").read_text()
    assert "CC BY 4.0" in said
    assert TRACE.name in said


def test_two_weeks_lie_before_the_show_and_a_start_up_after_the_longest_one(told: Workload) -> None:
    assert (told.begin_s, told.begin_s % 300) == (BEGIN_S, 0)
    assert told.begin_s - told.start_s > 14 * DAY_S
    end_s = told.start_s + told.arrivals.shape[1]
    assert end_s - (told.begin_s + MAX_HOURS * 3600) >= told.pod_model.startup_s + 2


def test_the_traffic_is_scaled_and_falls_on_the_revisions_half_and_half(told: Workload) -> None:
    assert told.arrivals.sum(axis=0, dtype=np.float64).mean() == pytest.approx(MEAN_RATE, rel=0.01)
    share = told.arrivals[0].sum(dtype=np.float64) / told.arrivals.sum(dtype=np.float64)
    assert share == pytest.approx(0.5, abs=0.001)
    assert (told.arrivals == np.round(told.arrivals)).all()
    assert not np.array_equal(told.arrivals[0], told.arrivals[1])


def test_a_seed_is_a_story(told: Workload) -> None:
    np.testing.assert_array_equal(workload(7).arrivals, told.arrivals)
    assert not np.array_equal(workload(8).arrivals, told.arrivals)
