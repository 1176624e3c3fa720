"""Who calls whom is known in a backtest too: found from the past alone, and of use to who is called."""

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
from scaler.backtest.upstream import CHUNK_ROWS, GRID_S, NOBODY, upstream_spans, with_upstream
from scaler.controller.signals import ExogenousSignals
from scaler.parallel.threads import Threads
from scaler.policies.table import POLICIES

Making = Callable[..., Traffic]
Counts = dict[str, NDArray[np.float32]]
START_S = 1_700_000_040
HOUR_MIN = 60


def chain(hours: int, *, late_min: int = 5, seed: int = 3) -> Counts:
    """In minutes: `called` has a request so long after each of `caller`'s, `other` has some of its own."""
    rng = np.random.default_rng(seed)
    caller, other = ((rng.random(hours * HOUR_MIN) < 1 / 60).astype(np.float32) for _ in range(2))
    called = np.zeros_like(caller)
    called[late_min:] = caller[:-late_min]
    return {"called": called, "caller": caller, "other": other}


def from_on(counts: Counts, minute: int, name: str) -> Counts:
    """The same, but that `name` has other requests from that minute on."""
    changed = counts[name].copy()
    changed[minute:] = np.random.default_rng(8).random(len(changed) - minute) < 0.05
    return {**counts, name: changed}


def request(*names: str, costs: tuple[float, ...] = (300.0,)) -> BacktestRequest:
    return BacktestRequest({name: POLICIES[name] for name in names}, costs)


def test_who_follows_another_has_it_as_caller_as_soon_as_that_is_sure(making: Making) -> None:
    turns = upstream_spans(making(chain(30)))
    assert set(turns) == {0}
    ((from_s, caller),) = turns[0]
    assert caller == 1
    assert START_S + 4 * 3600 < from_s < START_S + 24 * 3600
    assert from_s % GRID_S == 0


def test_it_is_found_by_what_came_before_and_let_go_when_it_is_so_no_more(making: Making) -> None:
    counts = chain(96)
    whole = upstream_spans(making(counts))
    for hour in (10, 30, 47):
        for name in counts:
            changed = upstream_spans(making(from_on(counts, hour * HOUR_MIN, name)))
            until_s = START_S + hour * 3600
            for k in range(3):
                before, after = (
                    [turn for turn in turns.get(k, ()) if turn[0] <= until_s] for turns in (whole, changed)
                )
                assert before == after
    gone = upstream_spans(making(from_on(counts, 30 * HOUR_MIN, "called")))
    assert gone[0][-1][1] == NOBODY


def test_the_live_cycle_finds_the_same(making: Making) -> None:
    traffic = making(chain(30))
    keys = tuple(ServiceKey("shop", name) for name in traffic.series)
    begin = -START_S % GRID_S // 60
    rates = traffic.export.counts[:, begin:] / np.float32(60)
    steps = rates.shape[1] // 5
    ring, outside = (
        RingBuffer(keys, steps, GRID_S, START_S + begin * 60, packed=True),
        ExogenousSignals(GRID_S),
    )
    ring.append(rates[:, : steps * 5].reshape(3, steps, 5).mean(axis=2), START_S + begin * 60)
    outside.find_upstream(online.initial_state(keys, 30, ring.end_s), ring)
    found = outside.callers(keys)
    assert found is not None
    assert found.tolist() == [1, -1, -1]
    assert upstream_spans(traffic)[0][-1][1] == 1


def test_one_series_or_steps_longer_than_the_grid_have_no_callers(making: Making) -> None:
    counts = chain(30)
    assert upstream_spans(making(counts, only="called")) == {}
    assert upstream_spans(making(counts, step_s=600)) == {}
    assert upstream_spans(making(chain(30, late_min=1), step_s=GRID_S))[0][0][1] == 1
    assert upstream_spans(making({name: its[:3] for name, its in counts.items()})) == {}


def test_many_series_are_brought_on_the_grid_piece_by_piece(making: Making) -> None:
    counts: Mapping[str, NDArray[np.float32]] = chain(30)
    idle = {f"a{i:03}": np.zeros(30 * HOUR_MIN, np.float32) for i in range(CHUNK_ROWS + 1)}
    assert upstream_spans(making({**idle, **counts})).keys() == {CHUNK_ROWS + 1}


def test_what_a_caller_had_stands_at_the_seconds_of_the_called_one(making: Making) -> None:
    counts = chain(30)
    early, late = counts["called"].copy(), counts["caller"].copy()
    early[-7:], late[:90] = np.nan, np.nan
    traffic = making({"called": early, "caller": late, "other": counts["other"]})
    series, caller = with_upstream(traffic, 0, upstream_spans(traffic)), traffic.series_at(1)
    assert series.upstream is not None
    assert series.upstream.upstream.tolist() == [0]
    (heard,) = series.upstream.arrivals
    assert len(heard) == len(series.arrivals)
    assert np.isnan(heard[: 90 * 60]).all()
    assert heard[90 * 60 :].tolist() == caller.arrivals[: len(heard) - 90 * 60].tolist()
    # And the other way round: what was before its own first second is left out.
    turns = {1: ((START_S, 0), (START_S + 9000, NOBODY))}
    series, called = with_upstream(traffic, 1, turns), traffic.series_at(0)
    assert series.upstream is not None
    assert series.upstream.from_s.tolist() == [-90 * 60, 9000 - 90 * 60]
    assert series.upstream.upstream.tolist() == [0, NOBODY]
    (heard,) = series.upstream.arrivals
    assert heard[: len(called.arrivals) - 90 * 60].tolist() == called.arrivals[90 * 60 :].tolist()
    assert np.isnan(heard[len(called.arrivals) - 90 * 60 :]).all()


def test_a_series_that_nobody_calls_is_as_it_was(making: Making) -> None:
    traffic = making(chain(30))
    assert with_upstream(traffic, 2, upstream_spans(traffic)).upstream is None


@pytest.fixture(scope="module", name="made")
def _made(making: Making) -> Traffic:
    return making(chain(72), score_from_s=START_S + 24 * 3600)


def test_on_another_machine_the_callers_are_the_same(making: Making) -> None:
    traffic = making(chain(30))
    turns = upstream_spans(traffic)
    here = with_upstream(traffic, 0, turns)
    sent, known = pickle.loads(pickle.dumps((traffic, turns)))
    there = with_upstream(sent, 0, known)
    assert here.upstream is not None
    assert there.upstream is not None
    for name in ("from_s", "caller", "arrivals"):
        assert getattr(there.upstream, name).tobytes() == getattr(here.upstream, name).tobytes()


def test_who_is_called_waits_less_and_costs_less(made: Traffic, making: Making) -> None:
    asked = request("kpa", "tidecast")
    found = run(made, asked).backtest
    alone = run(making(chain(72), only="called", score_from_s=START_S + 24 * 3600), asked).backtest
    mine, without = found.outcomes[1].metrics[0], alone.outcomes[1].metrics[0]
    assert found.outcomes[0].metrics[0] == alone.outcomes[0].metrics[0]
    assert mine.delayed < 0.7 * without.delayed
    assert mine.pod_s + 300 * mine.delayed < 0.8 * (without.pod_s + 300 * without.delayed)


def test_threads_change_nothing(made: Traffic) -> None:
    asked = request("kpa", "tidecast")
    here, there = (run(made, asked, executor=executor).backtest for executor in (Threads(1), Threads(2)))
    assert [each.metrics for each in here.outcomes] == [each.metrics for each in there.outcomes]


def test_no_plan_knows_what_a_caller_had_less_than_the_metrics_delay_before(making: Making) -> None:
    counts = chain(40)
    plan = POLICIES["tidecast"].plan

    def rows_of(counts: Counts) -> NDArray[np.void]:
        traffic = making(counts)
        return plan(with_upstream(traffic, 0, upstream_spans(traffic)), 300.0)

    before = rows_of(counts)
    delay_s = making(counts).series_at(0).scenario.metrics_delay_seconds
    for minute in (6 * HOUR_MIN, 25 * HOUR_MIN + 7, 33 * HOUR_MIN + 1):
        after = rows_of(from_on(counts, minute, "caller"))
        at_s = minute * 60 + delay_s
        assert after[after["at_s"] <= at_s].tobytes() == before[before["at_s"] <= at_s].tobytes()
        assert after.tobytes() != before.tobytes()


def test_a_plan_without_callers_is_another_from_when_one_was_found(making: Making) -> None:
    traffic = making(chain(40))
    its, turns = traffic.series_at(0), upstream_spans(traffic)
    called = with_upstream(traffic, 0, turns)
    mine, without = (POLICIES["tidecast"].plan(each, 300.0) for each in (called, replace(its)))
    from_s = turns[0][0][0] - its.start_s
    same = [rows[rows["at_s"] <= from_s].tobytes() for rows in (mine, without)]
    assert same[0] == same[1]
    assert mine.tobytes() != without.tobytes()
