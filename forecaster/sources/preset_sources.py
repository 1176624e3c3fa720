"""Read demand with several presets: that of the configuration, and those named by annotations."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from config.sources import Sources
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import Malformed, NoData, QueryRejected
from forecaster.sources.prometheus_source import PrometheusSource
from models.fleet.keys import RevisionKey, ServiceKey


class PresetSources:
    """One Prometheus, read with the preset of the configuration and with those of Revisions."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._by_preset = {sources.preset: PrometheusSource(sources)}

    def close(self) -> None:
        """Close the connections."""
        for source in self._by_preset.values():
            source.close()

    def delay_s(self, step_s: int, at_s: int) -> float:
        """Age in seconds at which a column is complete, as `PrometheusSource.delay_s`.

        Raises:
            ReadError: Prometheus cannot be read.
        """
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
        """Read the demand on [start_s, end_s), as `PrometheusSource.read`.

        If a preset of Revisions has no data or its query is rejected, only these Revisions are not observed,
        and a warning names them.

        presets   the preset of each Revision that has one of its own

        Raises:
            ReadError: Prometheus cannot be reached, or no preset has any data.
        """
        own = {key: name for key, name in (presets or {}).items() if name != self._sources.preset}
        default = self._by_preset[self._sources.preset]
        others = {key: service for key, service in (services or {}).items() if key not in own}
        default_error: NoData | None = None
        try:
            demand = default.read(start_s, end_s, step_s, services=None if services is None else others)
        except NoData as error:
            if not own:
                raise
            default_error = error
            demand = _no_revisions(start_s, end_s, step_s, default.delay_s(step_s, end_s))
        demands = [_without(demand, frozenset(own))]
        warnings: list[str] = []
        for name in sorted(set(own.values())):
            subset = {
                key: (services or {})[key] for key in own if own[key] == name and key in (services or {})
            }
            source = self._by_preset.setdefault(name, PrometheusSource(replace(self._sources, preset=name)))
            try:
                demand = source.read(start_s, end_s, step_s, services=subset)
            except (NoData, QueryRejected, Malformed) as error:
                # A wrong annotation of one Revision must not stop the reads of all others.
                warnings.append(f"preset {name} of {', '.join(map(str, sorted(subset)[:3]))}: {error}")
                continue
            demands.append(_only(demand, frozenset(subset)))
        if default_error is not None and len(demands) == 1:
            raise default_error
        joined = _joined(demands)
        return replace(joined, warnings=(*joined.warnings, *warnings))


def _only(demand: Demand, keys: frozenset[RevisionKey]) -> Demand:
    return _rows(demand, [i for i, key in enumerate(demand.revisions) if key in keys])


def _without(demand: Demand, keys: frozenset[RevisionKey]) -> Demand:
    return _rows(demand, [i for i, key in enumerate(demand.revisions) if key not in keys])


def _rows(demand: Demand, rows: list[int]) -> Demand:
    return replace(
        demand,
        revisions=tuple(demand.revisions[i] for i in rows),
        services=tuple(demand.services[i] for i in rows),
        arrivals=demand.arrivals[rows],
        busy=demand.busy[rows],
    )


def _joined(demands: list[Demand]) -> Demand:
    """All rows, sorted by Revision; the delay is the longest of all."""
    if len(demands) == 1:
        return demands[0]
    revisions = [key for demand in demands for key in demand.revisions]
    services = [key for demand in demands for key in demand.services]
    order = sorted(range(len(revisions)), key=revisions.__getitem__)
    windows = {demand.window_s for demand in demands if demand.revisions}
    return replace(
        demands[0],
        revisions=tuple(revisions[i] for i in order),
        services=tuple(services[i] for i in order),
        arrivals=np.concatenate([demand.arrivals for demand in demands])[order],
        busy=np.concatenate([demand.busy for demand in demands])[order],
        delay_s=max(demand.delay_s for demand in demands),
        window_s=windows.pop() if len(windows) == 1 else None,
        warnings=tuple(dict.fromkeys(warning for demand in demands for warning in demand.warnings)),
    )


def _no_revisions(start_s: int, end_s: int, step_s: int, delay_s: float) -> Demand:
    empty = np.empty((0, (end_s - start_s) // step_s), np.float32)
    return Demand((), (), empty, empty, start_s, step_s, delay_s)
