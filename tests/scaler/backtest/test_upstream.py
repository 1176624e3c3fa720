"""Upstream services in a backtest: detected from the past only, of use to the services they call."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from forecaster.forecasting import online
from forecaster.history.store import RingBuffer
from models.fleet.keys import ServiceKey
from scaler.backtest.request import BacktestRequest
from scaler.backtest.run import run
from scaler.backtest.series import Traffic
from scaler.backtest.upstream import CHUNK_SERIES, GRID_S, NO_UPSTREAM, upstream_spans, with_upstream
from scaler.controller.signals import ExogenousSignals
from scaler.parallel.threads import Threads
from scaler.policies.table import POLICIES

MakeTraffic = Callable[..., Traffic]
Counts = dict[str, NDArray[np.float32]]
START_S = 1_700_000_040
HOUR_MIN = 60


def chain(hours: int, *, delay_min: int = 5, seed: int = 3) -> Counts:
    """Return requests by minute: `called` follows `caller` after `delay_min`; `other` is independent."""
    rng = np.random.default_rng(seed)
    caller, other = ((rng.random(hours * HOUR_MIN) < 1 / 60).astype(np.float32) for _ in range(2))
    called = np.zeros_like(caller)
    called[delay_min:] = caller[:-delay_min]
    return {"called": called, "caller": caller, "other": other}


def changed_from(counts: Counts, minute: int, name: str) -> Counts:
    """Return the counts with different requests of `name` from that minute on."""
    changed = counts[name].copy()
    changed[minute:] = np.random.default_rng(8).random(len(changed) - minute) < 0.05
    return {**counts, name: changed}


def request(*names: str) -> BacktestRequest:
    return BacktestRequest({name: POLICIES[name] for name in names}, (300.0,))


def test_upstream_of_a_chain_is_detected_within_a_day(make_traffic: MakeTraffic) -> None:
    spans = upstream_spans(make_traffic(chain(30)))
    assert set(spans) == {0}
    ((from_s, upstream),) = spans[0]
    assert upstream == 1
    assert START_S + 4 * 3600 < from_s < START_S + 24 * 3600
    assert from_s % GRID_S == 0


def test_upstream_is_detected_from_the_past_and_dropped_when_the_chain_ends(
    make_traffic: MakeTraffic,
) -> None:
    counts = chain(96)
    whole = upstream_spans(make_traffic(counts))
    for hour in (10, 30, 47):
        for name in counts:
            changed = upstream_spans(make_traffic(changed_from(counts, hour * HOUR_MIN, name)))
            until_s = START_S + hour * 3600
            for k in range(3):
                before, after = (
                    [span for span in spans.get(k, ()) if span[0] <= until_s] for spans in (whole, changed)
                )
                assert before == after
    ended = upstream_spans(make_traffic(changed_from(counts, 30 * HOUR_MIN, "called")))
    assert ended[0][-1][1] == NO_UPSTREAM


def test_live_loop_detects_the_same_upstream(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic(chain(30))
    keys = tuple(ServiceKey("shop", name) for name in traffic.series)
    begin = -START_S % GRID_S // 60
    rates = traffic.export.counts[:, begin:] / np.float32(60)
    steps = rates.shape[1] // 5
    ring = RingBuffer(keys, steps, GRID_S, START_S + begin * 60, packed=True)
    signals = ExogenousSignals(GRID_S)
    ring.append(rates[:, : steps * 5].reshape(3, steps, 5).mean(axis=2), START_S + begin * 60)
    signals.find_upstream(online.initial_state(keys, 30, ring.end_s), ring)
    found = signals.upstream_rows(keys)
    assert found is not None
    assert found.tolist() == [1, -1, -1]
    assert upstream_spans(traffic)[0][-1][1] == 1


def test_single_series_or_long_steps_have_no_upstream(make_traffic: MakeTraffic) -> None:
    counts = chain(30)
    assert upstream_spans(make_traffic(counts, only="called")) == {}
    assert upstream_spans(make_traffic(counts, step_s=600)) == {}
    assert upstream_spans(make_traffic(chain(30, delay_min=1), step_s=GRID_S))[0][0][1] == 1
    assert upstream_spans(make_traffic({name: series[:3] for name, series in counts.items()})) == {}


def test_upstream_is_detected_across_chunks_of_series(make_traffic: MakeTraffic) -> None:
    counts: Mapping[str, NDArray[np.float32]] = chain(30)
    idle = {f"a{i:03}": np.zeros(30 * HOUR_MIN, np.float32) for i in range(CHUNK_SERIES + 1)}
    assert upstream_spans(make_traffic({**idle, **counts})).keys() == {CHUNK_SERIES + 1}


def test_upstream_arrivals_are_aligned_to_seconds_of_the_called_series(make_traffic: MakeTraffic) -> None:
    counts = chain(30)
    early, late = counts["called"].copy(), counts["caller"].copy()
    early[-7:], late[:90] = np.nan, np.nan
    traffic = make_traffic({"called": early, "caller": late, "other": counts["other"]})
    series, caller = with_upstream(traffic, 0, upstream_spans(traffic)), traffic.series_at(1)
    assert series.upstream is not None
    assert series.upstream.upstream.tolist() == [0]
    (arrivals,) = series.upstream.arrivals
    assert len(arrivals) == len(series.arrivals)
    assert np.isnan(arrivals[: 90 * 60]).all()
    assert arrivals[90 * 60 :].tolist() == caller.arrivals[: len(arrivals) - 90 * 60].tolist()
    # In the opposite direction, upstream arrivals before the first second of the series are left out.
    spans = {1: ((START_S, 0), (START_S + 9000, NO_UPSTREAM))}
    series, called = with_upstream(traffic, 1, spans), traffic.series_at(0)
    assert series.upstream is not None
    assert series.upstream.from_s.tolist() == [-90 * 60, 9000 - 90 * 60]
    assert series.upstream.upstream.tolist() == [0, NO_UPSTREAM]
    (arrivals,) = series.upstream.arrivals
    assert arrivals[: len(called.arrivals) - 90 * 60].tolist() == called.arrivals[90 * 60 :].tolist()
    assert np.isnan(arrivals[len(called.arrivals) - 90 * 60 :]).all()


def test_series_without_upstream_is_unchanged(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic(chain(30))
    assert with_upstream(traffic, 2, upstream_spans(traffic)).upstream is None


@pytest.fixture(scope="module", name="chain_traffic")
def _chain_traffic(make_traffic: MakeTraffic) -> Traffic:
    return make_traffic(chain(72), score_from_s=START_S + 24 * 3600)


def test_pickled_traffic_has_the_same_upstream_arrivals(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic(chain(30))
    spans = upstream_spans(traffic)
    series = with_upstream(traffic, 0, spans)
    unpickled = with_upstream(*pickle.loads(pickle.dumps((traffic, 0, spans))))
    assert series.upstream is not None
    assert unpickled.upstream is not None
    for name in ("from_s", "upstream", "arrivals"):
        assert getattr(unpickled.upstream, name).tobytes() == getattr(series.upstream, name).tobytes()


def test_called_series_delays_less_and_costs_less_with_upstream(
    chain_traffic: Traffic, make_traffic: MakeTraffic
) -> None:
    both = request("kpa", "tidecast")
    single_traffic = make_traffic(chain(72), only="called", score_from_s=START_S + 24 * 3600)
    chained, single = run(chain_traffic, both).backtest, run(single_traffic, both).backtest
    with_caller, without = chained.outcomes[1].metrics[0], single.outcomes[1].metrics[0]
    assert chained.outcomes[0].metrics[0] == single.outcomes[0].metrics[0]
    assert with_caller.delayed < 0.7 * without.delayed
    assert with_caller.pod_s + 300 * with_caller.delayed < 0.8 * (without.pod_s + 300 * without.delayed)


def test_threads_change_no_metrics_with_upstream(chain_traffic: Traffic) -> None:
    serial, threaded = (
        run(chain_traffic, request("kpa", "tidecast"), executor=Threads(jobs)).backtest for jobs in (1, 2)
    )
    assert [outcome.metrics for outcome in serial.outcomes] == [
        outcome.metrics for outcome in threaded.outcomes
    ]


def test_plan_uses_no_upstream_arrivals_within_the_metrics_delay(make_traffic: MakeTraffic) -> None:
    counts = chain(40)
    plan = POLICIES["tidecast"].plan

    def rows_of(counts: Counts) -> NDArray[np.void]:
        traffic = make_traffic(counts)
        return plan(with_upstream(traffic, 0, upstream_spans(traffic)), 300.0)

    before = rows_of(counts)
    delay_s = make_traffic(counts).series_at(0).scenario.metrics_delay_seconds
    for minute in (6 * HOUR_MIN, 25 * HOUR_MIN + 7, 33 * HOUR_MIN + 1):
        after = rows_of(changed_from(counts, minute, "caller"))
        at_s = minute * 60 + delay_s
        assert after[after["at_s"] <= at_s].tobytes() == before[before["at_s"] <= at_s].tobytes()
        assert after.tobytes() != before.tobytes()


def test_upstream_changes_plans_only_after_detection(make_traffic: MakeTraffic) -> None:
    traffic = make_traffic(chain(40))
    series, spans = traffic.series_at(0), upstream_spans(traffic)
    called = with_upstream(traffic, 0, spans)
    plans = [POLICIES["tidecast"].plan(subject, 300.0) for subject in (called, replace(series))]
    from_s = spans[0][0][0] - series.start_s
    before = [rows[rows["at_s"] <= from_s].tobytes() for rows in plans]
    assert before[0] == before[1]
    assert plans[0].tobytes() != plans[1].tobytes()
