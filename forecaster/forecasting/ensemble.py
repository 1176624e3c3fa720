"""The slow lane: every hour or so, for those services where it adds_skill, what slow models say of the next hours.

    due       what is to be heard now: the services whose turn it is, in chunks that go anywhere
    heard     the lane after that; refresh is both at once
    ahead     what the lane says of a fleet, as arrays

Whose turn it is: first those where it paid, then those never tried, by traffic x loss, then those tried long
ago; as many as the CPU budget allows.  One that is new is rehearsed at origins of its past, which costs some
fifty times what going on costs; that is paid once.  Where it does not pay, nothing is said.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ensemble.blend import Told, blend
from models.ensemble.rehearse import Skill, came_after, said_at, worth
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

AHEAD_S = 7200
ORIGINS, APART_S = 48, 7200
"""A service that is new is rehearsed at so many origins, so far apart."""
MAX_ORIGINS = 96
HERE_CPU_S, ELSEWHERE_CPU_S = 60.0, 3600.0
"""CPU seconds for one refresh, on the machine that plans and on a cluster for such work."""
RETRY_S = 3 * 86400
"""A service where it did not pay is tried anew after this long."""
ORIGIN_S = 0.2
"""CPU seconds of all members at one origin of two weeks of five minutes."""
WHOLE_STEPS = 4032
GOING_ON = 0.75
"""Share of the budget that those may take where it paid before."""
CHUNK = 1
"""Of those that go to one worker together: who is asked to end waits for so many at most."""

Executor = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[tuple[Any, Any]]]
"""Each item with what the function made of it, in any order (scaler.parallel.processes)."""


@dataclass(frozen=True, eq=False)
class ServiceRecord:
    """What is known of one service.

    origins_s  (k,) Unix seconds, ascending; said (k, m, h) float32 requests/s: what members said there.
    tried_s    Unix seconds of the last time.
    ahead      (h,) float32 requests/s from `tried_s` on; NaN where it does not pay.
    """

    origins_s: NDArray[np.int64]
    said: NDArray[np.float32]
    tried_s: int
    worth: Skill
    ahead: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ahead:
    """What is expected of s services: rates (s, h) requests/s of the steps of `step_s` from told_s (s,) on.

    NaN = nothing is said.
    """

    step_s: int
    told_s: NDArray[np.int64]
    rates: NDArray[np.float32]

    def highest(self, from_s: float, until_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """(s,) the highest rate of the steps that [from_s, until_s) touches; NaN where nothing is said.

        until_s   (s,) Unix seconds
        """
        first = np.floor((from_s - self.told_s) / self.step_s)[:, np.newaxis]
        last = np.ceil((until_s - self.told_s) / self.step_s)[:, np.newaxis]
        step = np.arange(self.rates.shape[1])
        inside = (step >= first) & (step < last) & ~np.isnan(self.rates)
        most = np.where(inside, self.rates, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(np.isinf(most), np.nan, most).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the lane says, and remembers, of services by key; all on one grid of `step_s`."""

    step_s: int
    memory: Mapping[ServiceKey, ServiceRecord] = field(default_factory=dict)

    def ahead(self, keys: tuple[ServiceKey, ...]) -> Ahead:
        """What the lane says of these services."""
        horizon = AHEAD_S // self.step_s
        rates, told_s = np.full((len(keys), horizon), np.nan, np.float32), np.zeros(len(keys), np.int64)
        if self.memory:
            for row, key in enumerate(keys):
                if (kept := self.memory.get(key)) is not None:
                    rates[row], told_s[row] = kept.ahead, kept.tried_s
        return Ahead(self.step_s, told_s, rates)


@dataclass(frozen=True, eq=False)
class Chunk:
    """ServiceMeasurements for one worker: keys (c,), rates (c, n) on a grid that ends at `end_s`, what is remembered."""

    keys: tuple[ServiceKey, ...]
    rates: NDArray[np.float32]
    step_s: int
    end_s: int
    memory: tuple[ServiceRecord | None, ...]


@dataclass(frozen=True, eq=False)
class Pending:
    """What is to be heard: the lane until now without services that are gone, and chunks of it."""

    ensemble: Ensemble
    chunks: tuple[Chunk, ...]


def serial(work: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Here, one after the other."""
    return ((item, work(item)) for item in items)


def refresh(
    lane: Ensemble,
    history: FleetHistory,
    loss: NDArray[np.floating[Any]],
    *,
    cpu_s: float,
    executor: Executor = serial,
) -> Ensemble:
    """The lane when `history` is what is known, on the long grid: who is due is heard.

    loss   (s,) what is lost on a service now, per request; any scale.  It says where to try first.
    cpu_s  CPU seconds that may be spent, of all workers together.
    """
    day = max(1, 86400 // history.step_s)
    n = history.arrivals.shape[1]
    turns = select_for_refit(
        lane,
        history.keys,
        weights(history.arrivals[:, -day:], loss),
        end_s=history.end_s,
        steps=n,
        cpu_s=cpu_s,
    )
    some = replace(
        history,
        keys=tuple(history.keys[row] for row in turns),
        arrivals=history.arrivals[turns],
        service_time_s=history.service_time_s[turns],
    )
    return heard(due(lane, history.keys, some), executor)


def weights(lately: NDArray[np.float32], loss: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(s,) traffic (s, n) of late, requests/s, times loss (s,): where there is most to gain."""
    seen = np.nan_to_num(lately)
    mean = seen.mean(axis=1, dtype=np.float64) if seen.shape[1] else np.zeros(len(seen))
    return np.asarray(mean * np.nan_to_num(loss), np.float64)


def due(lane: Ensemble, keys: tuple[ServiceKey, ...], history: FleetHistory) -> Pending:
    """What is to be heard: the services of `history`, on the long grid; `keys` (s,) are all there are."""
    known = lane.memory if history.step_s == lane.step_s else {}
    lane = Ensemble(history.step_s, {key: known[key] for key in keys if key in known})
    chunks = []
    for first in range(0, len(history.keys), CHUNK):
        some = history.keys[first : first + CHUNK]
        rates, memory = history.arrivals[first : first + CHUNK], tuple(lane.memory.get(key) for key in some)
        chunks.append(Chunk(some, rates, history.step_s, history.end_s, memory))
    return Pending(lane, tuple(chunks))


def heard(due: Pending, executor: Executor = serial) -> Ensemble:
    """The lane after it; where `spread` ends before all is heard, those it did not come to are as before."""
    known = dict(due.ensemble.memory)
    for chunk, found in executor(refit, due.chunks):
        known |= dict(zip(chunk.keys, found, strict=True))
    return Ensemble(due.ensemble.step_s, known)


def select_for_refit(
    lane: Ensemble,
    keys: tuple[ServiceKey, ...],
    weight: NDArray[np.float64],
    *,
    end_s: int,
    steps: int,
    cpu_s: float,
) -> list[int]:
    """Rows of the services to listen to at `end_s` (Unix s), of `steps` long steps each, most worth it first.

    weight   (s,) where there is most to gain, as `weights`
    """
    ranks, rehearsal, going_on = [], _cost_s(steps, ORIGINS + 1), _cost_s(steps, 2)
    for row in np.flatnonzero(weight > 0).tolist():
        kept = lane.memory.get(keys[row])
        if kept is None:
            ranks.append((1, -weight[row], row))
        elif kept.worth.adds_skill:
            ranks.append((0, -weight[row], row))
        elif end_s - kept.tried_s >= RETRY_S:
            ranks.append((2, -weight[row], row))
    turns, left = [], cpu_s
    for rank, _, row in sorted(ranks):
        cost_s = rehearsal if rank else going_on
        if cost_s > left - (0 if rank else (1 - GOING_ON) * cpu_s):
            continue
        turns.append(row)
        left -= cost_s
    return turns


def refit(chunk: Chunk) -> list[ServiceRecord]:
    """What is known of the services of a chunk after one more origin: its end."""
    return [
        _listened(rates.astype(np.float64), chunk.step_s, chunk.end_s, kept)
        for rates, kept in zip(chunk.rates, chunk.memory, strict=True)
    ]


def _listened(
    rates: NDArray[np.float64], step_s: int, end_s: int, kept: ServiceRecord | None
) -> ServiceRecord:
    horizon, start_s = AHEAD_S // step_s, end_s - rates.size * step_s
    told = _remembered(rates, step_s, start_s, kept)
    if told is None:
        apart = max(1, APART_S // step_s)
        origins = rates.size - apart * np.arange(ORIGINS, 0, -1)
        origins = origins[origins >= rates.size // 4].astype(np.int64)
        told = Told(origins, said_at(rates, step_s, origins, horizon), came_after(rates, origins, horizon))
    now = np.array([rates.size])
    told = Told(
        np.concatenate([told.at, now]),
        np.concatenate([told.said, said_at(rates, step_s, now, horizon)]),
        np.concatenate([told.came, came_after(rates, now, horizon)]),
    )
    found = blend(told, step_s)
    value = worth(told, found)
    ahead = np.full(horizon, np.nan, np.float32)
    if not value.adds_skill:
        nothing = np.empty((0, *told.said.shape[1:]), np.float32)
        return ServiceRecord(np.empty(0, np.int64), nothing, end_s, value, ahead)
    ahead = found.mean[-1].astype(np.float32)
    origins_s = start_s + told.at[-MAX_ORIGINS:] * step_s
    return ServiceRecord(origins_s, told.said[-MAX_ORIGINS:].astype(np.float32), end_s, value, ahead)


def _remembered(
    rates: NDArray[np.float64], step_s: int, start_s: int, kept: ServiceRecord | None
) -> Told | None:
    """What was said at origins that the history still has; None where a rehearsal is needed."""
    if kept is None or not kept.origins_s.size:
        return None
    at = (kept.origins_s - start_s) // step_s
    inside = (at >= 0) & (at < rates.size)
    if not inside.any():
        return None
    at = at[inside]
    return Told(at, kept.said[inside].astype(np.float64), came_after(rates, at, kept.said.shape[2]))


def _cost_s(steps: int, origins: int) -> float:
    """CPU seconds, about."""
    return ORIGIN_S * origins * min(1.0, 0.2 + steps / WHOLE_STEPS)
