"""Reads demand from Prometheus.

Column j of what is read is the mean over [start + j*step, start + (j+1)*step).  A query evaluated at t tells
of the window (t - W, t] before it, so column j is evaluated at its end, start + (j+1)*step: nothing in it is
from later than the column, live as in a backfill.  W is a multiple of the step.  Where W is one step, the
column is what it says, up to when the samples were taken: a request counts when it was answered and is seen
at the next sample, up to one interval later.  Where W is m steps, because a window needs four samples'
intervals, the column is the mean over itself and the m - 1 before it: smeared and later by (W - step)/2, but
every request is still told of exactly once in all.

ReplayMetrics younger than `delay_s` may lack their last sample.  Those younger than the window may still change
where an activator's requests woke a pod that has not been scraped: they may then be told of twice, by the
activator now and by the pod in a later column.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from config.sources import Sources
from forecaster.sources import gaps
from forecaster.sources.demand import Demand
from forecaster.sources.presets.query_plan import QueryPlan, detect_query_plan
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import NoData
from forecaster.sources.range_read import Matrix, Part, Progress, RangeRead
from models.fleet.keys import RevisionKey, ServiceKey

_STANDS_S = 3600
"""How long it holds which preset a Prometheus has.  An upgrade of Serving is noticed within this time."""


class PrometheusSource:
    """Demand of every revision that one Prometheus knows."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._client = Client(sources)
        self._ways: dict[int, tuple[QueryPlan, int]] = {}

    @property
    def url(self) -> str:
        """The address that is read, fit to be shown."""
        return self._client.url

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def read(
        self,
        start_s: int,
        end_s: int,
        step_s: int,
        progress: Progress | None = None,
        *,
        services: Mapping[RevisionKey, ServiceKey] | None = None,
    ) -> Demand:
        """Demand on [start_s, end_s), one column per step.

        Args:
            start_s: Unix seconds, a multiple of `step_s`.
            end_s: Unix seconds, a multiple of `step_s`; not included.
            step_s: seconds per column.
            progress: told after every answer.
            services: the revisions in the cluster and their services.  They have a row each, and other
                revisions are known to be gone.  None: nothing is known of the cluster; a service is then
                what the metrics say, or the revision's name less `-NNNNN`.

        Raises:
            ReadError: by who must act, `forecaster.sources.prometheus.errors`.
            ValueError: the range is empty or not on the grid.
        """
        if step_s <= 0 or start_s % step_s or end_s % step_s or start_s >= end_s:
            raise ValueError(f"[{start_s}, {end_s}) is no range on a grid of {step_s} s")
        way = self._way(step_s, end_s, end_s - start_s)
        reading = RangeRead(self._client, way, start_s, end_s)
        parts = list(reading.parts(progress))
        if not any(part.keys for part in parts) and not (services and any(p.watching.any() for p in parts)):
            raise NoData(
                f"{self._client.url}: no series of preset {way.preset.name} between {start_s} and {end_s}"
                " (Unix seconds)"
            )
        return _demand(reading, parts, services)

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Age that a figure should have to be read at this step, seconds.  Raises ReadError."""
        return self._way(step_s, at_s, 0).delay_s

    def _way(self, step_s: int, at_s: int, span_s: int) -> QueryPlan:
        """How to read at this step: found out once, then again after an hour of the data's time."""
        way, found_s = self._ways.get(step_s, (None, 0))
        if way is not None and not way.assumed and abs(at_s - found_s) < _STANDS_S:
            return way
        way = detect_query_plan(self._client, self._sources, step_s, at_s, span_s)
        self._ways[step_s] = (way, at_s)
        return way


def _demand(
    reading: RangeRead, parts: Sequence[Part], services: Mapping[RevisionKey, ServiceKey] | None
) -> Demand:
    """What `parts` say together, their rows sorted by revision."""
    keys = tuple(sorted({key for part in parts for key in part.keys} | set(services or ())))
    arrived, busy = _joined(parts, keys)
    watching = np.concatenate([part.watching for part in parts])
    in_cluster = np.array([services is not None and key in services for key in keys], np.bool_)
    if watching.any():
        never_seen = np.isnan(arrived).all(axis=1)
        arrived = gaps.quiet_since_seen(arrived, watching)
        arrived[np.ix_(never_seen & in_cluster, watching)] = 0
        busy[np.isnan(busy) & (arrived == 0)] = 0
    kept = np.ones(len(keys), np.bool_)
    if services is not None:
        arrived = gaps.forget_gone(arrived, ~in_cluster)
        busy[np.isnan(arrived)] = np.nan
        kept = in_cluster | ~np.isnan(arrived).all(axis=1)
    known = services or {}
    revisions = tuple(key for key, keep in zip(keys, kept, strict=True) if keep)
    return Demand(
        revisions=revisions,
        services=tuple(known.get(key) or reading.service(key) for key in revisions),
        arrivals=arrived[kept],
        busy=busy[kept],
        start_s=reading.start_s,
        step_s=reading.way.step_s,
        delay_s=reading.way.delay_s,
        window_s=reading.way.window_s,
        warnings=reading.said(),
    )


def _joined(parts: Sequence[Part], keys: tuple[RevisionKey, ...]) -> tuple[Matrix, Matrix]:
    """(r, n) arrivals and busy of all `keys`, the parts side by side."""
    row = {key: i for i, key in enumerate(keys)}
    n = sum(part.watching.size for part in parts)
    arrived = np.full((len(keys), n), np.nan, np.float32)
    busy = np.full((len(keys), n), np.nan, np.float32)
    at = 0
    for part in parts:
        rows = [row[key] for key in part.keys]
        columns = slice(at, at + part.watching.size)
        arrived[rows, columns] = part.arrivals
        busy[rows, columns] = part.busy
        at += part.watching.size
    return arrived, busy
