"""Detect the upstream service of each series of a backtest, as often as the live loop detects it.

The detection reads the counts of the file on the coarse grid of the live loop, not the seconds that are drawn
from them.  Nothing is detected in a file with longer steps: its requests are distributed over the seconds of
a step at random, so the time between a request and the one that follows it is lost.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from config.settings import Timing
from forecaster.forecasting.upstream import UPSTREAM_HISTORY_S, UpstreamEvents, upstream_services
from forecaster.history.service_demand import coarsen
from models.fleet.keys import ServiceKey
from scaler.backtest.series import Traffic
from scaler.parallel.interface import Executor, serial, until_stopped
from scaler.policies.policy import Series

GRID_S, DETECT_S = Timing.history_step_s, Timing.refit_period_s
"""Seconds of a step of the grid, and from one detection to the next: those of the live loop."""
NO_UPSTREAM = -1
"""In place of the index of an upstream service: there is none."""
CHUNK_SERIES = 50
"""Series that are converted to the grid together, which bounds the memory."""

UpstreamSpans = Mapping[int, tuple[tuple[int, int], ...]]
"""k -> (from_s, upstream): from Unix second from_s on, the series `upstream` (or NO_UPSTREAM) precedes series
k. It is detected from what was observed before that second.  Series without an upstream service are left out.
"""


def upstream_spans(traffic: Traffic, executor: Executor = serial) -> UpstreamSpans:
    """Return which series precede which, and when.

    executor   for the moments of detection
    """
    if len(traffic) < 2 or traffic.export.step_s > GRID_S:
        return {}
    busy, start_s, step_s = _busy_steps(traffic)
    keys = tuple(ServiceKey("", name) for name in traffic.series)
    index = {key: k for k, key in enumerate(keys)}
    spans: dict[int, list[tuple[int, int]]] = {}
    previous: Mapping[ServiceKey, ServiceKey] = {}
    every = max(1, DETECT_S // step_s)

    def detect(known_steps: int) -> Mapping[ServiceKey, ServiceKey]:
        first = max(0, known_steps - UPSTREAM_HISTORY_S // step_s)
        return upstream_services(keys, busy[:, first:known_steps])

    detected = dict(until_stopped(executor(detect, range(every, busy.shape[1] + 1, every))))
    for known_steps, upstream_of in sorted(detected.items()):
        for key in sorted(upstream_of.keys() | previous.keys()):
            if upstream_of.get(key) != previous.get(key):
                upstream = index[upstream_of[key]] if key in upstream_of else NO_UPSTREAM
                spans.setdefault(index[key], []).append((start_s + known_steps * step_s, upstream))
        previous = upstream_of
    return {k: tuple(changes) for k, changes in spans.items()}


def with_upstream(traffic: Traffic, k: int, spans: UpstreamSpans) -> Series:
    """Return the k-th series, with the arrivals of its upstream services where it has any."""
    series = traffic.series_at(k)
    if k not in spans:
        return series
    upstream = sorted({other for _, other in spans[k]} - {NO_UPSTREAM})
    row = {other: i for i, other in enumerate(upstream)} | {NO_UPSTREAM: NO_UPSTREAM}
    arrivals = np.full((len(upstream), len(series.arrivals)), np.nan, np.float32)
    for i, other in enumerate(upstream):
        preceding = traffic.series_at(other)
        offset_s = preceding.start_s - series.start_s
        first, last = max(0, offset_s), min(len(series.arrivals), offset_s + len(preceding.arrivals))
        if first < last:
            arrivals[i, first:last] = preceding.arrivals[first - offset_s : last - offset_s]
    events = UpstreamEvents(
        from_s=np.array([from_s - series.start_s for from_s, _ in spans[k]], np.int64),
        upstream=np.array([row[other] for _, other in spans[k]], np.intp),
        arrivals=arrivals,
    )
    return replace(series, upstream=events)


def _busy_steps(traffic: Traffic) -> tuple[NDArray[np.bool_], int, int]:
    """Return (s, n) whether a step had requests, Unix seconds of the first step, and seconds of a step.

    The grid is that of the live loop where the steps of the file fit into it.
    """
    export = traffic.export
    steps = -(-GRID_S // export.step_s)
    step_s = steps * export.step_s
    begin = -(-(-export.start_s % step_s) // export.step_s)
    n = max(0, export.counts.shape[1] - begin) // steps
    busy = np.zeros((len(traffic), n), np.bool_)
    for first in range(0, len(traffic), CHUNK_SERIES):
        chunk = slice(first, first + CHUNK_SERIES)
        counts = export.counts[list(traffic.rows[chunk]), begin : begin + n * steps]
        np.greater(coarsen(counts, steps), 0, out=busy[chunk])
    return busy, export.start_s + begin * export.step_s, step_s
