"""From what a file says and a scenario to the series that policies are given, one at a time.

A year of a series is 126 MB as seconds, so they are made when they are asked for, and only some are kept.

A service time that the file tells of a series is measured, so it takes the place of the scenario's.  Only an
entry under `series:` of the scenario that names service-seconds and fits the series is nearer: it is of that
series, and meant.

* TrafficError   the user: the file has no such series, or ends before what is to be scored
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
from scaler.simulation.traffic import arrivals_by_second, observed, source

KEPT_BYTES = 512 * 2**20
"""So much of what was made is kept for the next time."""


class TrafficError(ValueError):
    """What the user asked of a file cannot be done with it."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Traffic:
    """The series of an export that were chosen, and how they become seconds.

    places         of the series in the export.
    scale_to       mean requests/s that each is scaled to; None: as it is.
    score_from_s   Unix seconds from which figures count; None: from the beginning.
    """

    export: Export
    scenario: Scenario
    places: tuple[int, ...]
    scale_to: float | None = None
    seed: int = 7
    score_from_s: int | None = None
    _kept: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.places)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: what was kept is made there again."""
        return {**self.__dict__, "_kept": {}}

    @property
    def series(self) -> tuple[str, ...]:
        """Names, in the order of `places`."""
        return tuple(self.export.series[place] for place in self.places)

    @property
    def seconds(self) -> int:
        """From the export's first second to its end."""
        return self.export.end_s - self.export.start_s

    @property
    def score_s(self) -> int:
        """Seconds from the export's first second to the first that is scored."""
        return _until(self.score_from_s, self.export.start_s)

    def series_at(self, k: int) -> Series:
        """The k-th series, from its first observed step to its last."""
        counts, name = self.export.counts[self.places[k]], self.series_name(k)
        start_s = self.export.start_s + int(np.argmax(np.isfinite(counts))) * self.export.step_s
        scenario = self._scenario(k)
        return Series(
            series=name,
            start_s=start_s,
            arrivals=self._arrivals(k, counts, scenario),
            scenario=scenario,
            world=pod_model_of(scenario),
            score_s=_until(self.score_from_s, start_s),
            seed=self.seed,
        )

    def series_name(self, k: int) -> str:
        """Of the k-th series."""
        return self.export.series[self.places[k]]

    def _arrivals(self, k: int, counts: NDArray[np.float32], scenario: Scenario) -> NDArray[np.float32]:
        kept = self._kept.get(k)
        if kept is not None:
            return kept
        arrivals = arrivals_by_second(
            observed(counts),
            self.export.step_s,
            source(self.seed, self.series_name(k)),
            scale_to=self.scale_to,
            dispersion=scenario.dispersion,
        )
        if sum(each.nbytes for each in list(self._kept.values())) + arrivals.nbytes <= KEPT_BYTES:
            self._kept[k] = arrivals
        return arrivals

    def _scenario(self, k: int) -> Scenario:
        name, told_s = self.series_name(k), float(self.export.service_time_s[self.places[k]])
        scenario = self.scenario.of(name)
        meant = any(
            fnmatchcase(name, glob) and "service_seconds" in said
            for glob, said in self.scenario.series.items()
        )
        return replace(scenario, service_seconds=told_s) if told_s > 0 and not meant else scenario


def traffic_of(
    export: Export,
    scenario: Scenario,
    *,
    only: str = "*",
    scale_to: float | None = None,
    seed: int = 7,
    score_from_s: int | None = None,
) -> Traffic:
    """The series whose names fit the glob `only`.

    Raises TrafficError where none does, or where the file ends before `score_from_s`.
    """
    if score_from_s is not None and score_from_s >= export.end_s:
        raise TrafficError(
            f"score-from: {score_from_s} is not before the end of {export.where}, {export.end_s}: "
            "there is nothing to score"
        )
    places = fitting(export.series, only)
    return Traffic(export, scenario, tuple(places), scale_to, seed, score_from_s)


def fitting(series: Sequence[str], only: str) -> list[int]:
    """Places of the series whose names fit the glob `only`.  Raises TrafficError where none does."""
    chosen = [i for i, name in enumerate(series) if fnmatchcase(name, only)]
    if not chosen:
        raise TrafficError(f"series: {only!r} fits none of the {len(series)} series of the file")
    return chosen


def _until(score_from_s: int | None, start_s: int) -> int:
    return 0 if score_from_s is None else max(0, score_from_s - start_s)
