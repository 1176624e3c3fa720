"""The shipped trace, and the workload of the demo made from it."""

from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import read_export
from scaler.demo.workload import BEGIN_S, MAX_HOURS, MEAN_RATE, TRACE, Workload, workload

WHOLE = Path(__file__).parents[2] / "data" / "nasa_http_60s.csv.gz"
DAY_S = 86400


@pytest.fixture(scope="module", name="workload_7")
def _workload_7() -> Workload:
    return workload(7)


def test_trace_is_a_small_part_of_the_whole_trace() -> None:
    cut, whole = read_export(TRACE), read_export(WHOLE)
    first = (cut.start_s - whole.start_s) // 60
    np.testing.assert_array_equal(cut.counts[0], whole.counts[0, first : first + cut.counts.shape[1]])
    assert cut.counts.shape[1] == 15 * 1440
    assert TRACE.stat().st_size < 200_000


def test_licence_is_beside_the_trace() -> None:
    readme = (TRACE.parent / "README.md").read_text()
    assert "CC BY 4.0" in readme
    assert TRACE.name in readme


def test_trace_covers_two_weeks_before_and_a_start_up_after_the_demo(workload_7: Workload) -> None:
    assert (workload_7.begin_s, workload_7.begin_s % 300) == (BEGIN_S, 0)
    assert workload_7.begin_s - workload_7.start_s > 14 * DAY_S
    end_s = workload_7.start_s + workload_7.arrivals.shape[1]
    assert end_s - (workload_7.begin_s + MAX_HOURS * 3600) >= workload_7.pod_model.startup_s + 2


def test_traffic_is_scaled_and_split_between_revisions(workload_7: Workload) -> None:
    assert workload_7.arrivals.sum(axis=0, dtype=np.float64).mean() == pytest.approx(MEAN_RATE, rel=0.01)
    share = workload_7.arrivals[0].sum(dtype=np.float64) / workload_7.arrivals.sum(dtype=np.float64)
    assert share == pytest.approx(0.5, abs=0.001)
    assert (workload_7.arrivals == np.round(workload_7.arrivals)).all()
    assert not np.array_equal(workload_7.arrivals[0], workload_7.arrivals[1])


def test_arrivals_depend_on_the_seed_only(workload_7: Workload) -> None:
    np.testing.assert_array_equal(workload(7).arrivals, workload_7.arrivals)
    assert not np.array_equal(workload(8).arrivals, workload_7.arrivals)
