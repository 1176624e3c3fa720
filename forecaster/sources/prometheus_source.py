"""Read demand from Prometheus.

Column j of the demand is the mean over [start + j*step, start + (j+1)*step).  A query that is evaluated at t
covers the window (t - W, t] before it, so column j is evaluated at its end, start + (j+1)*step: it contains
nothing later than the column, live as in a backfill.  The window W is a multiple of the step.  If W is one
step, the column is exactly this mean, up to the times of the samples: a request is counted when it is
answered, and is visible at the next sample, up to one interval later.  If W is m steps, because a window
needs four intervals between samples, the column is the mean over itself and the m - 1 columns before it: it
is smoothed, and late by (W - step)/2, but every request is still counted exactly once in all.

Columns younger than `delay_s` may lack their last sample.  Columns younger than the window may still change
if requests at the activator woke a pod that has not been scraped yet: these requests may then be counted
twice, now by the activator and in a later column by the pod.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from config.sources import Sources
from forecaster.sources import gaps
from forecaster.sources.demand import Demand
from forecaster.sources.presets.query_plan import QueryPlan, detect_query_plan
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import NoData
from forecaster.sources.range_read import Chunk, Matrix, Progress, RangeRead
from models.fleet.keys import RevisionKey, ServiceKey

_QUERY_PLAN_S = 3600
"""Seconds for which a detected query plan is used.  An upgrade of Serving is noticed within this time."""


class PrometheusSource:
    """The demand of every Revision that one Prometheus has."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._client = Client(sources)
        self._plans: dict[int, tuple[QueryPlan, int]] = {}

    @property
    def url(self) -> str:
        """The address of Prometheus, without credentials."""
        return self._client.url

    def close(self) -> None:
        """Close the connections."""
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
        """Read the demand on [start_s, end_s), one column per step.

        Args:
            start_s: Unix seconds, a multiple of `step_s`.
            end_s: Unix seconds, a multiple of `step_s`; not included.
            step_s: seconds per column.
            progress: called after every answer.
            services: the Revisions in the cluster and their services.  Each of them has a row, and other
                Revisions count as deleted.  None: the cluster is not known; the service of a Revision is
                then the one that the metrics name, or the name of the Revision without `-NNNNN`.

        Raises:
            ReadError: Prometheus cannot be read (`forecaster.sources.prometheus.errors`).
            ValueError: the range is empty or not on the grid.
        """
        if step_s <= 0 or start_s % step_s or end_s % step_s or start_s >= end_s:
            raise ValueError(f"[{start_s}, {end_s}): must be a range on a grid of {step_s} s, and not empty")
        plan = self._query_plan(step_s, end_s, end_s - start_s)
        range_read = RangeRead(self._client, plan, start_s, end_s)
        chunks = list(range_read.chunks(progress))
        has_series = any(chunk.keys for chunk in chunks)
        activator_scraped = any(chunk.activator_scraped.any() for chunk in chunks)
        if not has_series and not (services and activator_scraped):
            raise NoData(
                f"{self._client.url}: no series of preset {plan.preset.name} between {start_s} and {end_s}"
                " (Unix seconds)"
            )
        return _demand(range_read, chunks, services)

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Age in seconds at which a column of `step_s` is complete; `at_s` is the present in Unix seconds.

        Raises:
            ReadError: Prometheus cannot be read.
        """
        return self._query_plan(step_s, at_s, 0).delay_s

    def _query_plan(self, step_s: int, at_s: int, span_s: int) -> QueryPlan:
        """The query plan of a step: detected at first use, and again after an hour of the data's time."""
        plan, detected_s = self._plans.get(step_s, (None, 0))
        if plan is not None and not plan.interval_assumed and abs(at_s - detected_s) < _QUERY_PLAN_S:
            return plan
        plan = detect_query_plan(self._client, self._sources, step_s, at_s, span_s)
        self._plans[step_s] = (plan, at_s)
        return plan


def _demand(
    range_read: RangeRead, chunks: Sequence[Chunk], services: Mapping[RevisionKey, ServiceKey] | None
) -> Demand:
    """The demand of all chunks, its rows sorted by Revision."""
    keys = tuple(sorted({key for chunk in chunks for key in chunk.keys} | set(services or ())))
    arrived, busy = _joined(chunks, keys)
    activator_scraped = np.concatenate([chunk.activator_scraped for chunk in chunks])
    in_cluster = np.array([services is not None and key in services for key in keys], np.bool_)
    if activator_scraped.any():
        never_observed = np.isnan(arrived).all(axis=1)
        arrived = gaps.zero_after_first_observation(arrived, activator_scraped)
        arrived[np.ix_(never_observed & in_cluster, activator_scraped)] = 0
        busy[np.isnan(busy) & (arrived == 0)] = 0
    kept = np.ones(len(keys), np.bool_)
    if services is not None:
        arrived = gaps.mask_deleted(arrived, ~in_cluster)
        busy[np.isnan(arrived)] = np.nan
        kept = in_cluster | ~np.isnan(arrived).all(axis=1)
    known = services or {}
    revisions = tuple(key for key, keep in zip(keys, kept, strict=True) if keep)
    return Demand(
        revisions=revisions,
        services=tuple(known.get(key) or range_read.service(key) for key in revisions),
        arrivals=arrived[kept],
        busy=busy[kept],
        start_s=range_read.start_s,
        step_s=range_read.plan.step_s,
        delay_s=range_read.plan.delay_s,
        window_s=range_read.plan.window_s,
        warnings=range_read.warnings(),
    )


def _joined(chunks: Sequence[Chunk], keys: tuple[RevisionKey, ...]) -> tuple[Matrix, Matrix]:
    """(r, n) arrivals and busy of the Revisions `keys` (r,), the chunks side by side; NaN = not observed."""
    row = {key: i for i, key in enumerate(keys)}
    n = sum(chunk.activator_scraped.size for chunk in chunks)
    arrived = np.full((len(keys), n), np.nan, np.float32)
    busy = np.full((len(keys), n), np.nan, np.float32)
    first = 0
    for chunk in chunks:
        rows = [row[key] for key in chunk.keys]
        columns = slice(first, first + chunk.activator_scraped.size)
        arrived[rows, columns] = chunk.arrivals
        busy[rows, columns] = chunk.busy
        first += chunk.activator_scraped.size
    return arrived, busy
