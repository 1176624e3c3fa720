"""The slow lane: every hour or so, for those services where it pays, what slow models say of the next hours.

    refresh   the lane an hour later: the services whose turn it is are listened to, in chunks, anywhere

Whose turn it is: first those where it paid, then those never tried, by traffic x loss, then those tried long
ago; as many as the CPU budget allows.  One that is new is rehearsed at origins of its past, which costs some
fifty times what going on costs; that is paid once.  Where it does not pay, nothing is said.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import lograte
from models.history import FleetHistory
from models.keys import ServiceKey
from models.slow.blend import Told, blend
from models.slow.rehearse import Worth, came_after, said_at, worth

AHEAD_S = 7200
ORIGINS, APART_S = 48, 7200
"""A service that is new is rehearsed at so many origins, so far apart."""
MOST_ORIGINS = 96
RETRY_S = 3 * 86400
"""A service where it did not pay is tried anew after this long."""
ORIGIN_S = 0.15
"""CPU seconds of all members at one origin of two weeks of five minutes."""
WHOLE_STEPS = 4032
GOING_ON = 0.75
"""Share of the budget that those may take where it paid before."""
CHUNK = 4

Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[tuple[Any, Any]]]
"""Each item with what the function made of it, in any order (scaler.spread)."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What is known of one service.

    origins_s  (k,) Unix seconds, ascending; said (k, m, h) float32 requests/s: what members said there.
    tried_s    Unix seconds of the last time.
    ahead      (h,) float32 log rates from `tried_s` on; NaN where it does not pay.
    """

    origins_s: NDArray[np.int64]
    said: NDArray[np.float32]
    tried_s: int
    worth: Worth
    ahead: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lane:
    """What the lane says, and remembers, of services by key; all on one grid of `step_s`."""

    step_s: int
    memory: Mapping[ServiceKey, Memory] = field(default_factory=dict)

    def ahead(self, keys: tuple[ServiceKey, ...], origin_s: int) -> NDArray[np.float32]:
        """(s, h) log rates of the coarse steps from `origin_s` on; NaN where the lane says nothing."""
        horizon = AHEAD_S // self.step_s
        out = np.full((len(keys), horizon), np.nan, np.float32)
        for row, key in enumerate(keys):
            if (kept := self.memory.get(key)) is not None:
                late = (origin_s - kept.tried_s) // self.step_s
                if 0 <= late < horizon:
                    out[row, : horizon - late] = kept.ahead[late:]
        return out


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some services for one worker: rates (c, n) on a grid that ends at `end_s`, and what is remembered."""

    rates: NDArray[np.float32]
    step_s: int
    end_s: int
    memory: tuple[Memory | None, ...]


def one_by_one(work: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Here, one after the other."""
    return ((item, work(item)) for item in items)


def refresh(
    lane: Lane,
    history: FleetHistory,
    loss: NDArray[np.floating[Any]],
    *,
    cpu_s: float,
    spread: Spread = one_by_one,
) -> Lane:
    """The lane when `history` is what is known, on the coarse grid.

    loss   (s,) what is lost on a service now, per request; any scale.  It says where to try first.
    cpu_s  CPU seconds that may be spent, of all workers together.
    """
    if history.step_s != lane.step_s:
        lane = Lane(history.step_s)
    known = {key: lane.memory[key] for key in history.keys if key in lane.memory}
    turns = whose_turn(replace(lane, memory=known), history, loss, cpu_s)
    places = [turns[i : i + CHUNK] for i in range(0, len(turns), CHUNK)]
    chunks = [
        Chunk(
            np.ascontiguousarray(history.arrivals[rows]),
            history.step_s,
            history.end_s,
            tuple(known.get(history.keys[row]) for row in rows),
        )
        for rows in places
    ]
    for i, found in spread(_numbered, list(enumerate(chunks))):
        known |= {history.keys[row]: each for row, each in zip(places[i[0]], found, strict=True)}
    return Lane(history.step_s, known)


def whose_turn(lane: Lane, history: FleetHistory, loss: NDArray[np.floating[Any]], cpu_s: float) -> list[int]:
    """Rows of the services to listen to now, the most worth it first."""
    day = max(1, 86400 // history.step_s)
    recent = np.nan_to_num(history.arrivals[:, -day:])
    weight = recent.mean(axis=1) * np.nan_to_num(loss) if recent.shape[1] else np.zeros(len(history.keys))
    ranks, rehearsal = [], _cost_s(history.arrivals.shape[1], ORIGINS + 1)
    for row in np.flatnonzero(weight > 0).tolist():
        kept = lane.memory.get(history.keys[row])
        if kept is None:
            ranks.append((1, -weight[row], row))
        elif kept.worth.pays:
            ranks.append((0, -weight[row], row))
        elif history.end_s - kept.tried_s >= RETRY_S:
            ranks.append((2, -weight[row], row))
    turns, left = [], cpu_s
    going_on = _cost_s(history.arrivals.shape[1], 2)
    for rank, _, row in sorted(ranks):
        cost_s = rehearsal if rank else going_on
        if cost_s > left - (0 if rank else (1 - GOING_ON) * cpu_s):
            continue
        turns.append(row)
        left -= cost_s
    return turns


def listen(chunk: Chunk) -> list[Memory]:
    """What is known of the services of a chunk after one more origin: its end."""
    return [
        _listened(rates.astype(np.float64), chunk.step_s, chunk.end_s, kept)
        for rates, kept in zip(chunk.rates, chunk.memory, strict=True)
    ]


def _numbered(item: tuple[int, Chunk]) -> list[Memory]:
    return listen(item[1])


def _listened(rates: NDArray[np.float64], step_s: int, end_s: int, kept: Memory | None) -> Memory:
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
    if not value.pays:
        nothing = np.empty((0, *told.said.shape[1:]), np.float32)
        return Memory(np.empty(0, np.int64), nothing, end_s, value, ahead)
    ahead = lograte.from_rate(found.mean[-1].astype(np.float32), step_s)
    origins_s = start_s + told.at[-MOST_ORIGINS:] * step_s
    return Memory(origins_s, told.said[-MOST_ORIGINS:].astype(np.float32), end_s, value, ahead)


def _remembered(rates: NDArray[np.float64], step_s: int, start_s: int, kept: Memory | None) -> Told | None:
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
