"""Who calls whom among the series of a backtest, found anew as often as the live cycle finds it.

What the file says is looked at, on the live cycle's long grid, and not the seconds that are made of it.  Of a
file whose steps are longer than that grid's nothing is found: its requests are thrown on the seconds of a
step at random, so that how long after a call one comes is not in it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from config.settings import Timing
from forecaster.forecasting.upstream import CALLS_S, UpstreamEvents, callers
from forecaster.history.store import coarser
from models.fleet.keys import ServiceKey
from scaler.backtest.series import Traffic
from scaler.parallel.interface import Executor, serial, until_stopped
from scaler.policies.policy import Series

GRID_S, ANEW_S = Timing.history_step_s, Timing.refit_period_s
NOBODY = -1
CHUNK_ROWS = 50
"""Series that are brought on the grid at once."""

Turns = Mapping[int, tuple[tuple[int, int], ...]]
"""By k, of the series that ever have one: Unix seconds from when on which other series is the k-th one's
caller, or NOBODY.  Known by what came before that second."""


def callers_among(traffic: Traffic, executor: Executor = serial) -> Turns:
    """When which series of the traffic have which others as callers.

    spread   over the times at which they are found anew
    """
    if len(traffic) < 2 or traffic.export.step_s > GRID_S:
        return {}
    busy, start_s, step_s = _busy(traffic)
    keys = tuple(ServiceKey("", name) for name in traffic.series)
    place = {key: k for k, key in enumerate(keys)}
    turns: dict[int, list[tuple[int, int]]] = {}
    before: Mapping[ServiceKey, ServiceKey] = {}
    anew = max(1, ANEW_S // step_s)

    def found_at(known: int) -> Mapping[ServiceKey, ServiceKey]:
        return callers(keys, busy[:, max(0, known - CALLS_S // step_s) : known])

    by_time = dict(until_stopped(executor(found_at, range(anew, busy.shape[1] + 1, anew))))
    for known, found in sorted(by_time.items()):
        for key in sorted(found.keys() | before.keys()):
            if found.get(key) != before.get(key):
                caller = place[found[key]] if key in found else NOBODY
                turns.setdefault(place[key], []).append((start_s + known * step_s, caller))
        before = found
    return {k: tuple(its) for k, its in turns.items()}


def with_calls(traffic: Traffic, k: int, turns: Turns) -> Series:
    """The k-th series, with what its callers had where it ever has one."""
    series = traffic.series_at(k)
    if k not in turns:
        return series
    others = sorted({caller for _, caller in turns[k]} - {NOBODY})
    row = {other: i for i, other in enumerate(others)} | {NOBODY: NOBODY}
    arrivals = np.full((len(others), len(series.arrivals)), np.nan, np.float32)
    for i, other in enumerate(others):
        caller = traffic.series_at(other)
        late_s = caller.start_s - series.start_s
        first, last = max(0, late_s), min(len(series.arrivals), late_s + len(caller.arrivals))
        if first < last:
            arrivals[i, first:last] = caller.arrivals[first - late_s : last - late_s]
    calls = UpstreamEvents(
        from_s=np.array([from_s - series.start_s for from_s, _ in turns[k]], np.int64),
        caller=np.array([row[caller] for _, caller in turns[k]], np.intp),
        arrivals=arrivals,
    )
    return replace(series, calls=calls)


def _busy(traffic: Traffic) -> tuple[NDArray[np.bool_], int, int]:
    """(s, n) which steps of the grid had requests, Unix seconds where the first begins, and seconds of one.

    The grid is that of the live cycle, where the file's steps fit into it.
    """
    export = traffic.export
    per = -(-GRID_S // export.step_s)
    step_s = per * export.step_s
    begin = -(-(-export.start_s % step_s) // export.step_s)
    n = max(0, export.counts.shape[1] - begin) // per
    busy = np.zeros((len(traffic), n), np.bool_)
    for first in range(0, len(traffic), CHUNK_ROWS):
        some = slice(first, first + CHUNK_ROWS)
        counts = export.counts[list(traffic.places[some]), begin : begin + n * per]
        np.greater(coarser(counts, per), 0, out=busy[some])
    return busy, export.start_s + begin * export.step_s, step_s
