"""The fleet's history on two grids: what was lately, in short steps, and weeks, in long ones.

The arrays are rings in memory that are written in place: two weeks of 300 s steps of 10,000 services are
80 MB at two bytes each, and a copy a cycle would be the most expensive thing in it.  So this is the one place
of the forecast that holds state.  What the short grid gives out are views that are good until the next
`append`; what the long one gives out is unpacked, for a large fleet better for some services at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.history.encoding import pack, unpack
from forecaster.sources.demand import Demand
from models.fleet import rows
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

SLACK = 0.04
"""Room behind the newest column, as a share of the ring, before columns have to be moved to the front."""
AT_ONCE = 500
"""ServiceMeasurements that are moved, or packed, at once: copies are of so many."""
COLUMNS_AT_ONCE = 32
"""Columns that are summed at once, for the same."""
KEPT_S = 3600
"""Kept on the short grid, seconds: what the next long step is made of, and some more to look at."""
NEVER_S = -(2**62)
"""When a service was last seen that never was."""


@dataclass(frozen=True, eq=False)
class ServiceDemand:
    """Demand summed over the revisions of each service.

    keys            (s,) sorted.
    arrivals, busy  (s, n) float32 requests/s and requests in flight; NaN = not observed.
    start_s, step_s as in Demand.
    """

    keys: tuple[ServiceKey, ...]
    arrivals: NDArray[np.float32]
    busy: NDArray[np.float32]
    start_s: int
    step_s: int


@dataclass(frozen=True, eq=False)
class Summing:
    """Which rows of a Demand are summed to which service: good for as long as its services are the same.

    services  (r,) of the Demand's rows; keys (s,) sorted; at (r,) index into keys.
    """

    services: tuple[ServiceKey, ...]
    keys: tuple[ServiceKey, ...]
    at: NDArray[np.intp]


def summing(services: tuple[ServiceKey, ...]) -> Summing:
    """How to sum rows that belong to `services` (r,)."""
    keys = tuple(sorted(set(services)))
    row = {key: i for i, key in enumerate(keys)}
    return Summing(services, keys, np.array([row[key] for key in services], np.intp))


def by_service(demand: Demand, how: Summing | None = None) -> ServiceDemand:
    """Sums revisions to services.  A step counts as observed when any revision of the service was.

    Where each service has one revision there is nothing to sum, and the arrays are those of the demand.
    """
    how = how or summing(demand.services)
    if how.keys == how.services:
        return ServiceDemand(how.keys, demand.arrivals, demand.busy, demand.start_s, demand.step_s)

    def summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.zeros((len(how.keys), values.shape[1]), np.float32)
        for first in range(0, values.shape[1], COLUMNS_AT_ONCE):
            some = slice(first, first + COLUMNS_AT_ONCE)
            seen = np.zeros(out[:, some].shape, bool)
            np.add.at(out[:, some], how.at, np.nan_to_num(values[:, some]))
            np.logical_or.at(seen, how.at, ~np.isnan(values[:, some]))
            out[:, some][~seen] = np.nan
        return out

    return ServiceDemand(
        how.keys, summed(demand.arrivals), summed(demand.busy), demand.start_s, demand.step_s
    )


def coarser(values: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """(s, n // steps) means over `steps` columns; NaN where fewer than half of them were observed."""
    n = values.shape[1] // steps
    parts = values[:, : n * steps].reshape(values.shape[0], n, steps)
    seen = ~np.isnan(parts)
    counted = seen.sum(axis=2)
    mean = np.where(seen, parts, 0).sum(axis=2) / np.maximum(counted, 1)
    return np.where(2 * counted >= steps, mean, np.nan).astype(np.float32)


class Ring:
    """The newest `columns` steps of every service's arrivals; `packed`, in half the room."""

    def __init__(
        self, keys: tuple[ServiceKey, ...], columns: int, step_s: int, end_s: int, *, packed: bool = False
    ) -> None:
        self.keys = keys
        self.step_s = step_s
        self.columns = columns
        self._packed = packed
        self._room = columns + max(1, int(SLACK * columns))
        shape = (len(keys), self._room)
        self._values: NDArray[Any] = (
            np.zeros(shape, np.uint16) if packed else np.full(shape, np.nan, np.float32)
        )
        self._last = columns
        self._end_s = end_s - end_s % step_s
        self._observed = 0

    @property
    def end_s(self) -> int:
        """Unix seconds where the newest column ends."""
        return self._end_s

    def follow(self, keys: tuple[ServiceKey, ...]) -> None:
        """Keep the rows of `keys`, add those that are new as never observed, drop the others."""
        if keys != self.keys:
            self._values = rows.align_rows(self._values, rows.previous_rows(self.keys, keys))
            self.keys = keys

    def append(self, arrivals: NDArray[np.float32], start_s: int) -> None:
        """Add columns (s, n) that begin at `start_s`, on the grid.  A gap before them is not observed.

        Columns that are there already are left as they are.
        """
        if (start_s - self._end_s) % self.step_s:
            raise ValueError(f"{start_s} is not on the grid of {self.step_s} s that ends at {self._end_s}")
        skip = max(0, (self._end_s - start_s) // self.step_s)
        new = arrivals[:, skip:]
        gap = max(0, (start_s - self._end_s) // self.step_s)
        total = gap + new.shape[1]
        if new.shape[1] == 0:
            return
        if total >= self.columns:
            new, gap, total = new[:, -self.columns :], max(0, self.columns - new.shape[1]), self.columns
        self._write(new, gap)
        self._end_s = start_s + int(arrivals.shape[1]) * self.step_s
        self._observed = min(self.columns, self._observed + total)

    def newest(self, columns: int, some: slice = slice(None)) -> NDArray[np.float32]:
        """(s, columns) the newest columns, of `some` rows: a view, unpacked a copy."""
        return self._read(slice(self._last - columns, self._last), some)

    def history(
        self,
        service_time_s: NDArray[np.float64],
        until_s: int | None = None,
        some: slice | NDArray[np.intp] = slice(None),
    ) -> FleetHistory:
        """All that was appended, up to `until_s` where given, of `some` rows: a view, unpacked a copy.

        service_time_s   (s,) of all services
        """
        held = min(self._observed, self.columns)
        cut = 0 if until_s is None else max(0, (self._end_s - until_s) // self.step_s)
        first = self._last - held
        values = self._read(slice(first, max(first, self._last - cut)), some)
        start_s = self._end_s - held * self.step_s
        keys = self.keys[some] if isinstance(some, slice) else tuple(self.keys[row] for row in some.tolist())
        return FleetHistory(keys, values, start_s, self.step_s, service_time_s[some])

    def _write(self, new: NDArray[np.float32], gap: int) -> None:
        """Puts columns (s, n) behind the newest one and `gap` that were not observed."""
        total = gap + new.shape[1]
        last, kept = self._last, self.columns - total
        full = last + total > self._room
        self._last = (kept if full else last) + total
        for first in range(0, len(self.keys), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            values = self._values[some]
            if full:
                values[:, :kept] = values[:, last - kept : last].copy()
            values[:, self._last - total : self._last - new.shape[1]] = 0 if self._packed else np.nan
            values[:, self._last - new.shape[1] : self._last] = pack(new[some]) if self._packed else new[some]

    def _read(self, columns: slice, some: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        values = self._values[some, columns]
        if not self._packed:
            return values
        out = np.empty(values.shape, np.float32)
        for first in range(0, len(values), AT_ONCE):
            out[first : first + AT_ONCE] = unpack(values[first : first + AT_ONCE])
        return out


class Grids:
    """Both grids of one fleet, fed together; when each service was last seen, and its time to serve."""

    SERVICE_TIME_MEMORY_S = 6 * 3600.0
    """Seconds after which what was measured of the service time counts half."""

    def __init__(
        self,
        keys: tuple[ServiceKey, ...],
        *,
        step_s: int,
        coarse_s: int,
        recent_s: int,
        history_s: int,
        end_s: int,
    ) -> None:
        if coarse_s % step_s:
            raise ValueError(f"long steps of {coarse_s} s are not a multiple of short ones of {step_s} s")
        end_s -= end_s % coarse_s
        # One long step more, so that `recent_s` fits from wherever a long step begins.
        self.recent_steps = (recent_s + coarse_s) // step_s
        self.fine = Ring(keys, max(KEPT_S, 2 * coarse_s) // step_s, step_s, end_s)
        self.coarse = Ring(keys, history_s // coarse_s, coarse_s, end_s, packed=True)
        self._seen_s = np.full(len(keys), NEVER_S, np.int64)
        self._busy_s = np.zeros(len(keys))
        self._served = np.zeros(len(keys))

    @property
    def keys(self) -> tuple[ServiceKey, ...]:
        return self.fine.keys

    @property
    def service_time_s(self) -> NDArray[np.float64]:
        """(s,) seconds a request occupies a pod; NaN where nothing was served yet."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self._served > 0, self._busy_s / self._served, np.nan)

    @property
    def recently_observed(self) -> NDArray[np.bool_]:
        """(s,) whether any of the newest `recent_steps` short steps was observed."""
        return self._seen_s > self.fine.end_s - self.recent_steps * self.fine.step_s

    def follow(self, keys: tuple[ServiceKey, ...]) -> None:
        """Let the rows be those of `keys` from now on."""
        before = rows.previous_rows(self.keys, keys)
        self._seen_s = rows.align_rows(self._seen_s, before, np.full(len(keys), NEVER_S))
        self._busy_s = np.nan_to_num(rows.align_rows(self._busy_s, before))
        self._served = np.nan_to_num(rows.align_rows(self._served, before))
        self.fine.follow(keys)
        self.coarse.follow(keys)

    def append_weeks(self, demand: ServiceDemand) -> None:
        """Add long steps from a backfill; `demand.step_s` is that of the long grid."""
        self.coarse.append(self.aligned(demand), demand.start_s)
        self._weigh(demand)

    def append(self, demand: ServiceDemand) -> None:
        """Add short steps, and each long step that they complete."""
        arrivals, fine = self.aligned(demand), self.fine
        # A long step that was begun before a gap is completed before the gap pushes it out of the ring.
        begun_s = fine.end_s % self.coarse.step_s
        if begun_s and demand.start_s > fine.end_s:
            until_s = min(demand.start_s, fine.end_s - begun_s + self.coarse.step_s)
            unseen = np.full((len(self.keys), (until_s - fine.end_s) // fine.step_s), np.nan, np.float32)
            fine.append(unseen, fine.end_s)
            self._complete()
        at_once = fine.columns - self.coarse.step_s // fine.step_s
        for first in range(0, arrivals.shape[1], at_once):
            fine.append(arrivals[:, first : first + at_once], demand.start_s + first * fine.step_s)
            self._complete()
        self._see(arrivals, demand.start_s)
        self._weigh(demand)

    def aligned(self, demand: ServiceDemand) -> NDArray[np.float32]:
        """(s, n) arrivals in our order; services that the demand does not name are not observed."""
        return self._aligned(demand, demand.arrivals)

    def _complete(self) -> None:
        """Add the long steps whose short ones are all there."""
        per = self.coarse.step_s // self.fine.step_s
        behind = (self.fine.end_s - self.coarse.end_s) // self.coarse.step_s
        if behind > 0:
            odd = (self.fine.end_s % self.coarse.step_s) // self.fine.step_s
            behind = min(behind, (self.fine.columns - odd) // per)
            span = self.fine.newest(behind * per + odd)
            start_s = self.fine.end_s - self.fine.end_s % self.coarse.step_s - behind * self.coarse.step_s
            self.coarse.append(coarser(span[:, : behind * per], per), start_s)

    def _see(self, arrivals: NDArray[np.float32], start_s: int) -> None:
        seen = ~np.isnan(arrivals)
        after = arrivals.shape[1] - np.argmax(seen[:, ::-1], axis=1)
        seen_s = np.where(seen.any(axis=1), start_s + self.fine.step_s * after, NEVER_S)
        self._seen_s = np.maximum(self._seen_s, seen_s)

    def _aligned(self, demand: ServiceDemand, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if demand.keys == self.keys:
            return values
        return rows.align_rows(values, rows.previous_rows(demand.keys, self.keys))

    def _weigh(self, demand: ServiceDemand) -> None:
        arrivals, busy = (self._aligned(demand, v) for v in (demand.arrivals, demand.busy))
        both = ~(np.isnan(arrivals) | np.isnan(busy))
        keep = 0.5 ** (arrivals.shape[1] * demand.step_s / self.SERVICE_TIME_MEMORY_S)
        self._busy_s = keep * self._busy_s + demand.step_s * np.where(both, busy, 0).sum(axis=1)
        self._served = keep * self._served + demand.step_s * np.where(both, arrivals, 0).sum(axis=1)
