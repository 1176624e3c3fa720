"""The replayed metrics: values, and which steps are not observed yet."""

from dataclasses import replace

import numpy as np
import pytest

from forecaster.sources.prometheus.errors import NoData
from scaler.demo.traffic import ReplayedMetrics
from scaler.demo.workload import REVISIONS, Workload


def test_value_is_the_mean_of_the_step(short_workload: Workload) -> None:
    start_s = short_workload.begin_s - 600
    demand = ReplayedMetrics(short_workload, lambda: float(short_workload.begin_s)).read(
        start_s, start_s + 300, 30
    )
    arrivals = short_workload.from_second(start_s)[:, :300].reshape(2, 10, 30)
    np.testing.assert_allclose(demand.arrivals, arrivals.mean(axis=2), rtol=1e-6)
    np.testing.assert_array_equal(demand.busy, demand.arrivals)  # service time of one second
    assert (demand.revisions, demand.start_s, demand.step_s, demand.delay_s) == (REVISIONS, start_s, 30, 30.0)


def test_step_is_observed_only_after_the_metrics_delay(short_workload: Workload) -> None:
    at_s = short_workload.begin_s
    for now_s, known in ((at_s + 29.9, 1), (at_s + 30.0, 2), (at_s + 59.9, 2), (at_s + 60.0, 3)):
        demand = ReplayedMetrics(short_workload, lambda now_s=now_s: now_s).read(at_s - 60, at_s + 120, 30)  # type: ignore[misc]
        assert np.isfinite(demand.arrivals[0]).sum() == known


def test_later_traffic_does_not_change_earlier_metrics(short_workload: Workload) -> None:
    changed = short_workload.arrivals.copy()
    now_s = short_workload.begin_s + 100
    changed[:, now_s - 30 - short_workload.start_s :] = 999
    spans = (now_s // 300 * 300 - 86100, now_s // 300 * 300 + 300)
    first, second = (
        ReplayedMetrics(workload, lambda: float(now_s)).read(*spans, 30)
        for workload in (short_workload, replace(short_workload, arrivals=changed))
    )
    np.testing.assert_array_equal(first.arrivals, second.arrivals)


def test_steps_before_the_trace_are_not_observed(short_workload: Workload) -> None:
    source = ReplayedMetrics(short_workload, lambda: float(short_workload.begin_s))
    demand = source.read(short_workload.start_s - 600, short_workload.start_s + 600, 300)
    assert np.isnan(demand.arrivals[0]).tolist() == [True, True, False, False]
    with pytest.raises(NoData):
        source.read(short_workload.start_s - 600, short_workload.start_s, 300)


def test_steps_after_the_trace_are_never_observed(short_workload: Workload) -> None:
    end_s = short_workload.start_s + short_workload.arrivals.shape[1]
    demand = ReplayedMetrics(short_workload, lambda: end_s + 1e6).read(end_s - 300, end_s + 300, 300)
    assert np.isnan(demand.arrivals[0]).tolist() == [False, True]
