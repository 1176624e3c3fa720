"""Convert the counts of a file and a scenario to the series that policies receive, one at a time.

A series of a year has 126 MB as seconds.  Series are therefore computed when they are needed, and only some
are cached.

A service time that the file gives for a series is measured, so it replaces that of the scenario.  Only an
entry under `series:` of the scenario that sets service-seconds and matches the series takes precedence over
it.

* TrafficError   the user: the file has no such series, or ends before the scored span
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.scenario import Scenario
from forecaster.sources.exports.export import Export
from scaler.policies.policy import Series
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.traffic import arrivals_by_second, observed_span, series_rng

CACHE_BYTES = 512 * 2**20
"""Bytes of arrivals that are cached."""


class TrafficError(ValueError):
    """The file does not have what the user asks for."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Traffic:
    """The chosen series of an export, and how they become seconds.

    rows           rows of the chosen series in the export.
    scale_to       requests/s in the mean to which each series is scaled; None = not scaled.
    score_from_s   Unix seconds from which metrics count; None = from the start.
    """

    export: Export
    scenario: Scenario
    rows: tuple[int, ...]
    scale_to: float | None = None
    seed: int = 7
    score_from_s: int | None = None
    _cache: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process receives: the cache is computed there again."""
        return {**self.__dict__, "_cache": {}}

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the chosen series."""
        return tuple(self.export.series[row] for row in self.rows)

    @property
    def seconds(self) -> int:
        """Seconds from the first second of the export to its end."""
        return self.export.end_s - self.export.start_s

    @property
    def score_s(self) -> int:
        """Seconds from the first second of the export to the first scored one."""
        return _seconds_before(self.score_from_s, self.export.start_s)

    def series_at(self, k: int) -> Series:
        """Return the k-th series, from its first observed step to its last."""
        counts, name = self.export.counts[self.rows[k]], self.series_name(k)
        start_s = self.export.start_s + int(np.argmax(np.isfinite(counts))) * self.export.step_s
        scenario = self._scenario(k)
        return Series(
            name=name,
            start_s=start_s,
            arrivals=self._arrivals(k, counts, scenario),
            scenario=scenario,
            pod_model=pod_model_of(scenario),
            score_s=_seconds_before(self.score_from_s, start_s),
            seed=self.seed,
        )

    def series_name(self, k: int) -> str:
        """Return the name of the k-th series."""
        return self.export.series[self.rows[k]]

    def _arrivals(self, k: int, counts: NDArray[np.float32], scenario: Scenario) -> NDArray[np.float32]:
        cached = self._cache.get(k)
        if cached is not None:
            return cached
        arrivals = arrivals_by_second(
            observed_span(counts),
            self.export.step_s,
            series_rng(self.seed, self.series_name(k)),
            scale_to=self.scale_to,
            dispersion=scenario.dispersion,
        )
        if sum(entry.nbytes for entry in list(self._cache.values())) + arrivals.nbytes <= CACHE_BYTES:
            self._cache[k] = arrivals
        return arrivals

    def _scenario(self, k: int) -> Scenario:
        name, measured_s = self.series_name(k), float(self.export.service_time_s[self.rows[k]])
        scenario = self.scenario.for_series(name)
        overridden = any(
            fnmatchcase(name, glob) and "service_seconds" in overrides
            for glob, overrides in self.scenario.series.items()
        )
        if measured_s > 0 and not overridden:
            return replace(scenario, service_seconds=measured_s)
        return scenario


def traffic_of(
    export: Export,
    scenario: Scenario,
    *,
    only: str = "*",
    scale_to: float | None = None,
    seed: int = 7,
    score_from_s: int | None = None,
) -> Traffic:
    """Return the series whose names match the glob `only`.

    Raises:
        TrafficError: no series matches, or the file ends before `score_from_s`.
    """
    if score_from_s is not None and score_from_s >= export.end_s:
        raise TrafficError(
            f"score-from: {score_from_s} is not before the end of {export.source}, {export.end_s}: "
            "there is nothing to score"
        )
    rows = matching_rows(export.series, only)
    return Traffic(export, scenario, tuple(rows), scale_to, seed, score_from_s)


def matching_rows(series: Sequence[str], only: str) -> list[int]:
    """Return the rows of the series whose names match the glob `only`.

    Raises:
        TrafficError: no series matches.
    """
    rows = [i for i, name in enumerate(series) if fnmatchcase(name, only)]
    if not rows:
        raise TrafficError(f"series: {only!r} matches none of the {len(series)} series of the file")
    return rows


def _seconds_before(score_from_s: int | None, start_s: int) -> int:
    return 0 if score_from_s is None else max(0, score_from_s - start_s)
