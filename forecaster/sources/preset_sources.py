"""Demand under several presets at once: of most Revisions as the configuration says, of some as they say."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from config.sources import Sources
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import Malformed, NoData, Refused
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey


class PresetSources:
    """One Prometheus, read by the configuration's preset and by those that Revisions name."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._by_preset = {sources.preset: PrometheusSource(sources)}

    def close(self) -> None:
        """Gives the connections back."""
        for source in self._by_preset.values():
            source.close()

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Age that a figure should have to be read, seconds.  Raises ReadError."""
        return self._by_preset[self._sources.preset].delay_s(step_s, at_s)

    def read(
        self,
        start_s: int,
        end_s: int,
        step_s: int,
        *,
        services: Mapping[RevisionKey, ServiceKey] | None = None,
        presets: Mapping[RevisionKey, str] | None = None,
    ) -> Demand:
        """Demand on [start_s, end_s), as `PrometheusSource.read` has it.

        presets: the Revisions that name one of their own.  Where there is nothing under it, or it is refused,
        these Revisions alone are not observed, and a warning says so.  Raises ReadError where Prometheus does
        not answer, or nothing at all is there.
        """
        own = {key: name for key, name in (presets or {}).items() if name != self._sources.preset}
        usual = self._by_preset[self._sources.preset]
        others = {key: service for key, service in (services or {}).items() if key not in own}
        missed: NoData | None = None
        try:
            demand = usual.read(start_s, end_s, step_s, services=None if services is None else others)
        except NoData as error:
            if not own:
                raise
            missed = error
            demand = _nothing(start_s, end_s, step_s, usual.delay_s(step_s, end_s))
        parts = [_rows(demand, frozenset(own), keep=False)]
        wrong: list[str] = []
        for name in sorted(set(own.values())):
            theirs = {
                key: (services or {})[key] for key in own if own[key] == name and key in (services or {})
            }
            source = self._by_preset.setdefault(name, PrometheusSource(replace(self._sources, preset=name)))
            try:
                read = source.read(start_s, end_s, step_s, services=theirs)
            except (NoData, Refused, Malformed) as error:
                # One annotation that is wrong must not cost all others their figures.
                wrong.append(f"preset {name} of {', '.join(map(str, sorted(theirs)[:3]))}: {error}")
                continue
            parts.append(_rows(read, frozenset(theirs), keep=True))
        if missed is not None and len(parts) == 1:
            raise missed
        joined = _joined(parts)
        return replace(joined, warnings=(*joined.warnings, *wrong))


def _rows(demand: Demand, keys: frozenset[RevisionKey], *, keep: bool) -> Demand:
    """Only the rows of `keys`, or only the others."""
    chosen = [i for i, key in enumerate(demand.revisions) if (key in keys) == keep]
    return replace(
        demand,
        revisions=tuple(demand.revisions[i] for i in chosen),
        services=tuple(demand.services[i] for i in chosen),
        arrivals=demand.arrivals[chosen],
        busy=demand.busy[chosen],
    )


def _joined(parts: list[Demand]) -> Demand:
    """All rows, sorted by Revision; as old as the oldest part."""
    if len(parts) == 1:
        return parts[0]
    revisions = [key for part in parts for key in part.revisions]
    services = [key for part in parts for key in part.services]
    order = sorted(range(len(revisions)), key=revisions.__getitem__)
    windows = {part.window_s for part in parts if part.revisions}
    return replace(
        parts[0],
        revisions=tuple(revisions[i] for i in order),
        services=tuple(services[i] for i in order),
        arrivals=np.concatenate([part.arrivals for part in parts])[order],
        busy=np.concatenate([part.busy for part in parts])[order],
        delay_s=max(part.delay_s for part in parts),
        window_s=windows.pop() if len(windows) == 1 else None,
        warnings=tuple(dict.fromkeys(w for part in parts for w in part.warnings)),
    )


def _nothing(start_s: int, end_s: int, step_s: int, delay_s: float) -> Demand:
    empty = np.empty((0, (end_s - start_s) // step_s), np.float32)
    return Demand((), (), empty, empty, start_s, step_s, delay_s)
