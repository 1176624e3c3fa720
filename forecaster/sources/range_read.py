"""Read one range from Prometheus, chunk by chunk, and collect warnings and names of services on the way."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources import gaps
from forecaster.sources.chunks import ChunkSizer
from forecaster.sources.presets.preset import Query
from forecaster.sources.presets.promql import fill_placeholders
from forecaster.sources.presets.query_plan import QueryPlan
from forecaster.sources.prometheus.answer import Answer, to_matrix
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import Malformed, QueryTooLarge
from models.fleet.keys import RevisionKey, ServiceKey

_GENERATED = re.compile(r"(.+)-\d{5,}")

Matrix = NDArray[np.float32]

Progress = Callable[[int, int], None]
"""Called with (columns read, columns in all)."""


def service_of(revision: str) -> str:
    """The service of a Revision, from its name alone: the name without `-NNNNN`, or the name itself."""
    match = _GENERATED.fullmatch(revision)
    return match[1] if match else revision


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some columns of a range.

    keys               (r,) Revisions that an answer named.
    arrivals, busy     (r, n) as in Demand.
    activator_scraped  (n,) an activator was scraped; False everywhere if the autoscaler is scraped, which
                       distinguishes zero from not observed by itself.
    """

    keys: tuple[RevisionKey, ...]
    arrivals: Matrix
    busy: Matrix
    activator_scraped: NDArray[np.bool_]


class RangeRead:
    """One read of a range: its chunks, and the warnings and names of services in its answers."""

    def __init__(self, client: Client, plan: QueryPlan, start_s: int, end_s: int) -> None:
        self.client, self.plan = client, plan
        self.start_s, self.end_s = start_s, end_s
        self._service_names: dict[RevisionKey, str] = {}
        self._warnings: dict[str, None] = dict.fromkeys(plan.warnings)
        self._n_unusable = 0

    def chunks(self, progress: Progress | None) -> Iterator[Chunk]:
        """The range in chunks that are small enough for the server, each column once.

        Raises:
            ReadError: Prometheus cannot be read, or the query of a single column is too large.
        """
        step_s, sizer = self.plan.step_s, ChunkSizer()
        n = (self.end_s - self.start_s) // step_s
        done = 0
        while done < n:
            columns = min(sizer.columns, n - done)
            try:
                chunk = self._chunk(self.start_s + done * step_s, columns)
            except QueryTooLarge:
                smaller = sizer.halved(columns)
                if smaller is None:
                    raise
                sizer = smaller
                continue
            done += columns
            sizer = sizer.after(len(chunk.keys), self.plan.lookahead)
            if progress is not None:
                progress(done, n)
            yield chunk

    def service(self, key: RevisionKey) -> ServiceKey:
        """The service of a Revision, from the metrics or else from the name of the Revision."""
        return ServiceKey(key.namespace, self._service_names.get(key) or service_of(key.name))

    def warnings(self) -> tuple[str, ...]:
        """Warnings of Prometheus, and of data that were left out."""
        if self._n_unusable:
            unusable = (
                f"{self._n_unusable} samples were infinite, negative or too large; they count as not observed"
            )
            return (*self._warnings, unusable)
        return tuple(self._warnings)

    def _chunk(self, start_s: int, columns: int) -> Chunk:
        plan = self.plan
        # The query reaches beyond the chunk: later columns show the pods that the activator's requests woke.
        n = columns + plan.lookahead
        rows: dict[RevisionKey, int] = {}
        matrices = [
            self._matrix(query, rows, start_s, n)
            for query in (plan.preset.arrivals, plan.preset.gap, plan.busy, *plan.preset.kpa_view)
        ]
        pods, activator, in_flight, *views = (_with_rows(matrix, len(rows)) for matrix in matrices)
        kpa_view = _minimum(views, pods.shape)
        arrived = gaps.arrivals(pods, activator, kpa_view, wake_steps=plan.lookahead)[:, :columns]
        busy = gaps.busy(in_flight[:, :columns], pods[:, :columns], arrived)
        activator_scraped = np.zeros(columns, np.bool_)
        if plan.preset.activator_up and np.isnan(kpa_view).all():
            activator_scraped = self._activator_scraped(plan.preset.activator_up, start_s, columns)
        return Chunk(tuple(rows), arrived, busy, activator_scraped)

    def _matrix(self, query: Query | None, rows: dict[RevisionKey, int], start_s: int, n: int) -> Matrix:
        """(rows, n) the values of one query; Revisions that no earlier query named get the next rows."""
        if query is None:
            return np.full((len(rows), n), np.nan, np.float32)
        answer = self._answer(query.promql, start_s, n)
        row_of_series: dict[int, int] = {}
        for i, series in enumerate(answer.series):
            names = query.labels.read(series.metric)
            if names is None:
                self._warn_unnamed(query, series.metric)
                continue
            key, service = names
            row_of_series[i] = rows.setdefault(key, len(rows))
            if service:
                self._service_names[key] = service
        first_s, step_s = start_s + self.plan.step_s, self.plan.step_s
        matrix, unusable = to_matrix(
            answer.series, row_of_series, len(rows), first_s=first_s, step_s=step_s, n=n
        )
        self._n_unusable += unusable
        return matrix

    def _warn_unnamed(self, query: Query, metric: Mapping[str, str]) -> None:
        labels = f"{query.labels.namespace} and {query.labels.revision}"
        if self.plan.preset.name == "custom":
            raise Malformed(f"arrivals-query or busy-query: a series needs the labels {labels}, not {metric}")
        self._warnings[f"series without the labels {labels} are left out"] = None

    def _activator_scraped(self, query: str, start_s: int, n: int) -> NDArray[np.bool_]:
        answer = self._answer(query, start_s, n)
        first_s, step_s = start_s + self.plan.step_s, self.plan.step_s
        up, _ = to_matrix(answer.series, {0: 0}, 1, first_s=first_s, step_s=step_s, n=n)
        scraped: NDArray[np.bool_] = up[0] > 0
        return scraped

    def _answer(self, template: str, start_s: int, n: int) -> Answer:
        """The answer to a range query, evaluated at the ends of n columns from `start_s` on."""
        step_s = self.plan.step_s
        answer = self.client.range(
            fill_placeholders(template, window_s=self.plan.window_s, step_s=step_s),
            first_s=start_s + step_s,
            last_s=start_s + n * step_s,
            step_s=step_s,
        )
        self._warnings.update(dict.fromkeys(answer.warnings))
        return answer


def _with_rows(matrix: Matrix, rows: int) -> Matrix:
    """The matrix with rows of NaN added, for Revisions that only a later query named."""
    added = np.full((rows - matrix.shape[0], matrix.shape[1]), np.nan, np.float32)
    return np.concatenate([matrix, added]) if added.size else matrix


def _minimum(views: list[Matrix], shape: tuple[int, ...]) -> Matrix:
    """The minimum of several matrices, of those that have a value; NaN where none has."""
    out = np.full(shape, np.nan, np.float32)
    for view in views:
        out = np.fmin(out, view)
    return out
