"""One read of a range: its questions, chunk by chunk, and what is learnt on the way."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources import gaps
from forecaster.sources.chunks import ChunkSizer
from forecaster.sources.presets.preset import Query
from forecaster.sources.presets.promql import filled
from forecaster.sources.presets.query_plan import QueryPlan
from forecaster.sources.prometheus.answer import Answer, lay
from forecaster.sources.prometheus.client import Client
from forecaster.sources.prometheus.errors import Malformed, Overtaxed
from models.fleet.keys import RevisionKey, ServiceKey

_GENERATED = re.compile(r"(.+)-\d{5,}")

Matrix = NDArray[np.float32]

Progress = Callable[[int, int], None]
"""Called with (columns read, columns in all)."""


def service_of(revision: str) -> str:
    """The service of a revision that is known by name only: the name less `-NNNNN`, or the name itself."""
    found = _GENERATED.fullmatch(revision)
    return found[1] if found else revision


@dataclass(frozen=True, eq=False)
class Part:
    """Some columns of a read.

    keys            (r,) revisions that an answer named.
    arrivals, busy  (r, n) as in Demand.
    watching        (n,) whether an activator was scraped; set where only this tells zero from not observed.
    """

    keys: tuple[RevisionKey, ...]
    arrivals: Matrix
    busy: Matrix
    watching: NDArray[np.bool_]


class RangeRead:
    """One read: its questions, chunk by chunk, and what is learnt on the way."""

    def __init__(self, client: Client, way: QueryPlan, start_s: int, end_s: int) -> None:
        self.client, self.way = client, way
        self.start_s, self.end_s = start_s, end_s
        self.service_names: dict[RevisionKey, str] = {}
        self.warnings: dict[str, None] = dict.fromkeys(way.warnings)
        self.unusable = 0

    def parts(self, progress: Progress | None) -> Iterator[Part]:
        """The range in chunks that a server can bear, each column once."""
        step_s, pace = self.way.step_s, ChunkSizer()
        n = (self.end_s - self.start_s) // step_s
        done = 0
        while done < n:
            take = min(pace.columns, n - done)
            try:
                part = self._part(self.start_s + done * step_s, take)
            except Overtaxed:
                smaller = pace.halved(take)
                if smaller is None:
                    raise
                pace = smaller
                continue
            done += take
            pace = pace.after(len(part.keys), self.way.ahead)
            if progress is not None:
                progress(done, n)
            yield part

    def service(self, key: RevisionKey) -> ServiceKey:
        """What the metrics say it belongs to; else its name less `-NNNNN`."""
        return ServiceKey(key.namespace, self.service_names.get(key) or service_of(key.name))

    def said(self) -> tuple[str, ...]:
        """Warnings: of Prometheus, and of what was left out."""
        if self.unusable:
            left_out = (
                f"{self.unusable} samples were infinite, absurd or negative; they count as not observed"
            )
            return (*self.warnings, left_out)
        return tuple(self.warnings)

    def _part(self, start_s: int, take: int) -> Part:
        way = self.way
        # Also past the range's end, for pods that will have counted what the activator did at its end.
        n = take + way.ahead
        rows: dict[RevisionKey, int] = {}
        sheets = [
            self._ask(query, rows, start_s, n)
            for query in (way.preset.arrivals, way.preset.gap, way.busy, *way.preset.kpa_view)
        ]
        pods, activator, in_flight, *views = (_grown(sheet, len(rows)) for sheet in sheets)
        view = _least(views, pods)
        arrived = gaps.arrivals(pods, activator, view, wake_steps=way.ahead)[:, :take]
        busy = gaps.busy(in_flight[:, :take], pods[:, :take], arrived)
        watching = np.zeros(take, np.bool_)
        if way.preset.activator_up and np.isnan(view).all():
            watching = self._watching(way.preset.activator_up, start_s, take)
        return Part(tuple(rows), arrived, busy, watching)

    def _ask(self, query: Query | None, rows: dict[RevisionKey, int], start_s: int, n: int) -> Matrix:
        """(rows, n) figures of one query; revisions that it is first to know get the next rows."""
        if query is None:
            return np.full((len(rows), n), np.nan, np.float32)
        answer = self._range(query.promql, start_s, n)
        places: dict[int, int] = {}
        for place, series in enumerate(answer.series):
            named = query.labels.read(series.metric)
            if named is None:
                self._unnamed(query, series.metric)
                continue
            key, service = named
            places[place] = rows.setdefault(key, len(rows))
            if service:
                self.service_names[key] = service
        sheet, unusable = lay(
            answer.series, places, len(rows), first_s=start_s + self.way.step_s, step_s=self.way.step_s, n=n
        )
        self.unusable += unusable
        return sheet

    def _unnamed(self, query: Query, metric: Mapping[str, str]) -> None:
        wanted = f"{query.labels.namespace} and {query.labels.revision}"
        if self.way.preset.name == "custom":
            raise Malformed(
                f"arrivals-query or busy-query: an answer needs the labels {wanted}, not {metric}"
            )
        self.warnings[f"series without the labels {wanted} are left out"] = None

    def _watching(self, query: str, start_s: int, n: int) -> NDArray[np.bool_]:
        answer = self._range(query, start_s, n)
        up, _ = lay(answer.series, {0: 0}, 1, first_s=start_s + self.way.step_s, step_s=self.way.step_s, n=n)
        watching: NDArray[np.bool_] = up[0] > 0
        return watching

    def _range(self, template: str, start_s: int, n: int) -> Answer:
        step_s = self.way.step_s
        answer = self.client.range(
            filled(template, window_s=self.way.window_s, step_s=step_s),
            first_s=start_s + step_s,
            last_s=start_s + n * step_s,
            step_s=step_s,
        )
        self.warnings.update(dict.fromkeys(answer.warnings))
        return answer


def _grown(sheet: Matrix, rows: int) -> Matrix:
    """`sheet` with rows of NaN added, for revisions that a later query was first to know."""
    more = np.full((rows - sheet.shape[0], sheet.shape[1]), np.nan, np.float32)
    return np.concatenate([sheet, more]) if more.size else sheet


def _least(views: list[Matrix], like: Matrix) -> Matrix:
    """Least of several views, each where it has a figure; NaN where none has."""
    out = np.full(like.shape, np.nan, np.float32)
    for view in views:
        out = np.fmin(out, view)
    return out
