"""Forecast the next two hours with an ensemble of classical models, for the services where it adds skill.

pending_refit   services to refit, divided into chunks
refit_pending   the ensemble after all chunks were refit, by any executor
refit           the refit of one chunk: a pure function, which may run in another process
Ensemble        what is known of every service; `forecast` returns the forecasts as arrays

The first refit of a service evaluates the members at rolling origins of its past.  That costs about fifty
times as much CPU as each later refit, which adds one origin.  Where the combination of the members adds no
skill, the ensemble gives no forecast.  `forecaster.forecasting.refit_schedule` selects the services of each
refit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ensemble.blend import RollingForecasts, blend
from models.ensemble.rolling import Skill, actuals_after, evaluate_rolling, measure_skill
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

HORIZON_S = 7200
"""Seconds that are forecast.  Chosen by hand: twice the default refit period."""
N_ORIGINS, ORIGIN_DISTANCE_S = 48, 7200
"""Number of rolling origins at which a new service is evaluated, and the seconds between two of them: the
last four days.  Chosen by hand."""
MAX_ORIGINS = 96
"""Newest origins of a service that are kept.  Chosen by hand."""
CHUNK_SERVICES = 1
"""Services of one chunk.  A stopped program waits for the chunks that are being refit, so chunks are as small
as possible."""

Executor = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[tuple[Any, Any]]]
"""Applies a function to many items and returns each item with its result, in any order
(scaler.parallel.processes)."""


@dataclass(frozen=True, eq=False)
class ServiceRecord:
    """What the ensemble knows of one service.

    origins_s         (k,) Unix seconds of the evaluated origins, ascending; none where it adds no skill.
    member_forecasts  (k, m, h) float32 requests/s: the path that each member forecast at each origin.
    evaluated_s       Unix seconds of the last evaluation.
    skill             the skill of the combination of the members.
    path              (h,) float32 requests/s: the forecast of the ensemble for the steps from `evaluated_s`
                      on; NaN where it adds no skill.
    """

    origins_s: NDArray[np.int64]
    member_forecasts: NDArray[np.float32]
    evaluated_s: int
    skill: Skill
    path: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EnsembleForecast:
    """The forecasts of the ensemble for s services.

    step_s    seconds per step.
    issued_s  (s,) Unix seconds at which the first step of each service begins.
    rates     (s, h) requests/s; NaN = no forecast.
    """

    step_s: int
    issued_s: NDArray[np.int64]
    rates: NDArray[np.float32]

    def peak(self, from_s: float, until_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """(s,) the maximum rate of the steps that overlap [from_s, until_s); NaN = no forecast.

        from_s, until_s   Unix seconds; until_s is (s,)
        """
        first = np.floor((from_s - self.issued_s) / self.step_s)[:, np.newaxis]
        last = np.ceil((until_s - self.issued_s) / self.step_s)[:, np.newaxis]
        step = np.arange(self.rates.shape[1])
        inside = (step >= first) & (step < last) & ~np.isnan(self.rates)
        peak = np.where(inside, self.rates, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(np.isinf(peak), np.nan, peak).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The records of all evaluated services, on one grid.

    step_s    seconds per step of the rates.
    records   service -> what is known of it.
    """

    step_s: int
    records: Mapping[ServiceKey, ServiceRecord] = field(default_factory=dict)

    def forecast(self, keys: tuple[ServiceKey, ...]) -> EnsembleForecast:
        """The forecasts for these services."""
        horizon = HORIZON_S // self.step_s
        rates, issued_s = np.full((len(keys), horizon), np.nan, np.float32), np.zeros(len(keys), np.int64)
        if self.records:
            for row, key in enumerate(keys):
                if (record := self.records.get(key)) is not None:
                    rates[row], issued_s[row] = record.path, record.evaluated_s
        return EnsembleForecast(self.step_s, issued_s, rates)


@dataclass(frozen=True, eq=False)
class RefitChunk:
    """Some services that one worker refits together.

    keys      (c,).
    rates     (c, n) requests/s on a grid that ends at `end_s`; NaN = not observed.
    step_s    seconds per step.
    end_s     Unix seconds.
    records   (c,) what is known of each service; None = never evaluated.
    """

    keys: tuple[ServiceKey, ...]
    rates: NDArray[np.float32]
    step_s: int
    end_s: int
    records: tuple[ServiceRecord | None, ...]


@dataclass(frozen=True, eq=False)
class Pending:
    """A refit that is not done yet: the ensemble without deleted services, and the chunks to refit."""

    ensemble: Ensemble
    chunks: tuple[RefitChunk, ...]


def serial(work: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Apply a function to one item after the other, in this thread: the simplest Executor."""
    return ((item, work(item)) for item in items)


def pending_refit(ensemble: Ensemble, keys: tuple[ServiceKey, ...], history: FleetHistory) -> Pending:
    """The refit of the services of `history`; the records of deleted services are dropped.

    keys      (s,) all services that exist
    history   the services to refit, on the coarse grid; records of another grid are dropped
    """
    records = ensemble.records if history.step_s == ensemble.step_s else {}
    ensemble = Ensemble(history.step_s, {key: records[key] for key in keys if key in records})
    chunks = []
    for first in range(0, len(history.keys), CHUNK_SERVICES):
        chunk_keys = history.keys[first : first + CHUNK_SERVICES]
        rates = history.arrivals[first : first + CHUNK_SERVICES]
        known = tuple(ensemble.records.get(key) for key in chunk_keys)
        chunks.append(RefitChunk(chunk_keys, rates, history.step_s, history.end_s, known))
    return Pending(ensemble, tuple(chunks))


def refit_pending(pending: Pending, executor: Executor = serial) -> Ensemble:
    """The ensemble after a refit; services of chunks that a stopped executor left out are unchanged."""
    records = dict(pending.ensemble.records)
    for chunk, evaluated in executor(refit, pending.chunks):
        records |= dict(zip(chunk.keys, evaluated, strict=True))
    return Ensemble(pending.ensemble.step_s, records)


def refit(chunk: RefitChunk) -> list[ServiceRecord]:
    """(c,) the records of the services of a chunk after an evaluation at the end of the chunk."""
    return [
        _evaluate(rates.astype(np.float64), chunk.step_s, chunk.end_s, record)
        for rates, record in zip(chunk.rates, chunk.records, strict=True)
    ]


def _evaluate(
    rates: NDArray[np.float64], step_s: int, end_s: int, record: ServiceRecord | None
) -> ServiceRecord:
    horizon, start_s = HORIZON_S // step_s, end_s - rates.size * step_s
    past = _recorded(rates, step_s, start_s, record)
    if past is None:
        distance = max(1, ORIGIN_DISTANCE_S // step_s)
        origins = rates.size - distance * np.arange(N_ORIGINS, 0, -1)
        origins = origins[origins >= rates.size // 4].astype(np.int64)
        past = evaluate_rolling(rates, step_s, origins, horizon)
    newest = evaluate_rolling(rates, step_s, np.array([rates.size]), horizon)
    rolling = RollingForecasts(
        np.concatenate([past.origins, newest.origins]),
        np.concatenate([past.forecast, newest.forecast]),
        np.concatenate([past.actual, newest.actual]),
    )
    blended = blend(rolling, step_s)
    skill = measure_skill(rolling, blended)
    if not skill.adds_skill:
        no_forecasts = np.empty((0, *rolling.forecast.shape[1:]), np.float32)
        no_path = np.full(horizon, np.nan, np.float32)
        return ServiceRecord(np.empty(0, np.int64), no_forecasts, end_s, skill, no_path)
    path = blended.mean[-1].astype(np.float32)
    origins_s = start_s + rolling.origins[-MAX_ORIGINS:] * step_s
    forecasts = rolling.forecast[-MAX_ORIGINS:].astype(np.float32)
    return ServiceRecord(origins_s, forecasts, end_s, skill, path)


def _recorded(
    rates: NDArray[np.float64], step_s: int, start_s: int, record: ServiceRecord | None
) -> RollingForecasts | None:
    """The recorded forecasts at origins within the rates (n,); None = there are none."""
    if record is None or not record.origins_s.size:
        return None
    origins = (record.origins_s - start_s) // step_s
    inside = (origins >= 0) & (origins < rates.size)
    if not inside.any():
        return None
    origins, forecasts = origins[inside], record.member_forecasts[inside].astype(np.float64)
    return RollingForecasts(origins, forecasts, actuals_after(rates, origins, forecasts.shape[2]))
