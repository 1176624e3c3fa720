"""The replayed metrics: what they tell, and above all what they do not tell yet."""

from dataclasses import replace

import numpy as np
import pytest

from forecaster.sources.prometheus.errors import NoData
from scaler.demo.traffic import ReplayedMetrics
from scaler.demo.workload import REVISIONS, Workload


def test_a_figure_is_the_mean_of_its_step(short_workload: Workload) -> None:
    start_s = short_workload.begin_s - 600
    told = ReplayedMetrics(short_workload, lambda: float(short_workload.begin_s)).read(
        start_s, start_s + 300, 30
    )
    came = short_workload.from_second(start_s)[:, :300].reshape(2, 10, 30)
    np.testing.assert_allclose(told.arrivals, came.mean(axis=2), rtol=1e-6)
    np.testing.assert_array_equal(told.busy, told.arrivals)  # a second each
    assert (told.revisions, told.start_s, told.step_s, told.delay_s) == (REVISIONS, start_s, 30, 30.0)


def test_nothing_is_told_before_it_is_as_old_as_the_metrics_delay(short_workload: Workload) -> None:
    at_s = short_workload.begin_s
    for now_s, known in ((at_s + 29.9, 1), (at_s + 30.0, 2), (at_s + 59.9, 2), (at_s + 60.0, 3)):
        told = ReplayedMetrics(short_workload, lambda now_s=now_s: now_s).read(at_s - 60, at_s + 120, 30)  # type: ignore[misc]
        assert np.isfinite(told.arrivals[0]).sum() == known


def test_another_future_tells_the_same_past(short_workload: Workload) -> None:
    other = short_workload.arrivals.copy()
    now_s = short_workload.begin_s + 100
    other[:, now_s - 30 - short_workload.start_s :] = 999
    spans = (now_s // 300 * 300 - 86100, now_s // 300 * 300 + 300)
    one, two = (
        ReplayedMetrics(told, lambda: float(now_s)).read(*spans, 30)
        for told in (short_workload, replace(short_workload, arrivals=other))
    )
    np.testing.assert_array_equal(one.arrivals, two.arrivals)


def test_before_the_trace_nothing_was_observed(short_workload: Workload) -> None:
    source = ReplayedMetrics(short_workload, lambda: float(short_workload.begin_s))
    told = source.read(short_workload.start_s - 600, short_workload.start_s + 600, 300)
    assert np.isnan(told.arrivals[0]).tolist() == [True, True, False, False]
    with pytest.raises(NoData):
        source.read(short_workload.start_s - 600, short_workload.start_s, 300)


def test_after_the_trace_nothing_is_known_however_late_it_is(short_workload: Workload) -> None:
    end_s = short_workload.start_s + short_workload.arrivals.shape[1]
    told = ReplayedMetrics(short_workload, lambda: end_s + 1e6).read(end_s - 300, end_s + 300, 300)
    assert np.isnan(told.arrivals[0]).tolist() == [False, True]
