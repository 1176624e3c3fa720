"""The fleet's history on two grids: what was lately, in short steps, and weeks, in long ones.

The arrays are rings in memory that are written in place: a day of 30 s steps of 10,000 services is 115 MB,
and a copy a cycle would be the most expensive thing in it.  So this is the one place of the forecast that
holds state; what it gives out are views that are good until the next `append`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.demand import Demand
from models import rows
from models.history import FleetHistory
from models.keys import ServiceKey

SLACK = 0.1
"""Room behind the newest column, as a share of the ring, before columns have to be moved to the front."""


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
    """Sums revisions to services.  A step counts as observed when any revision of the service was."""
    how = how or summing(demand.services)

    def summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.zeros((len(how.keys), values.shape[1]), np.float32)
        seen = np.zeros(out.shape, bool)
        np.add.at(out, how.at, np.nan_to_num(values))
        np.logical_or.at(seen, how.at, ~np.isnan(values))
        out[~seen] = np.nan
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
    """The newest `columns` steps of every service's arrivals."""

    def __init__(self, keys: tuple[ServiceKey, ...], columns: int, step_s: int, end_s: int) -> None:
        self.keys = keys
        self.step_s = step_s
        self.columns = columns
        self._room = columns + max(1, int(SLACK * columns))
        self._values = np.full((len(keys), self._room), np.nan, np.float32)
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
            self._values = rows.carry(self._values, rows.where_before(self.keys, keys))
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
        if self._last + total > self._room:
            kept = self.columns - total
            self._values[:, :kept] = self._values[:, self._last - kept : self._last].copy()
            self._last = kept
        self._values[:, self._last : self._last + gap] = np.nan
        self._values[:, self._last + gap : self._last + total] = new
        self._last += total
        self._end_s = start_s + int(arrivals.shape[1]) * self.step_s
        self._observed = min(self.columns, self._observed + total)

    def newest(self, columns: int) -> NDArray[np.float32]:
        """(s, columns) view of the newest columns."""
        return self._values[:, self._last - columns : self._last]

    def history(self, service_time_s: NDArray[np.float64], until_s: int | None = None) -> FleetHistory:
        """All that was appended, as a view; up to `until_s` where given."""
        held = min(self._observed, self.columns)
        values = self._values[:, self._last - held : self._last]
        cut = 0 if until_s is None else max(0, (self._end_s - until_s) // self.step_s)
        values = values[:, : max(0, held - cut)]
        return FleetHistory(self.keys, values, self._end_s - held * self.step_s, self.step_s, service_time_s)


class Grids:
    """Both grids of one fleet, fed together, and each service's time to serve."""

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
        self.fine = Ring(keys, (recent_s + coarse_s) // step_s, step_s, end_s)
        self.coarse = Ring(keys, history_s // coarse_s, coarse_s, end_s)
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

    def follow(self, keys: tuple[ServiceKey, ...]) -> None:
        """Let the rows be those of `keys` from now on."""
        before = rows.where_before(self.keys, keys)
        self._busy_s = np.nan_to_num(rows.carry(self._busy_s, before))
        self._served = np.nan_to_num(rows.carry(self._served, before))
        self.fine.follow(keys)
        self.coarse.follow(keys)

    def append_weeks(self, demand: ServiceDemand) -> None:
        """Add long steps from a backfill; `demand.step_s` is that of the long grid."""
        self.coarse.append(self._aligned(demand, demand.arrivals), demand.start_s)
        self._weigh(demand)

    def append(self, demand: ServiceDemand) -> None:
        """Add short steps, and each long step that they complete."""
        self.fine.append(self._aligned(demand, demand.arrivals), demand.start_s)
        self._weigh(demand)
        per = self.coarse.step_s // self.fine.step_s
        behind = (self.fine.end_s - self.coarse.end_s) // self.coarse.step_s
        if behind > 0:
            odd = (self.fine.end_s % self.coarse.step_s) // self.fine.step_s
            behind = min(behind, (self.fine.columns - odd) // per)
            span = self.fine.newest(behind * per + odd)
            start_s = self.fine.end_s - self.fine.end_s % self.coarse.step_s - behind * self.coarse.step_s
            self.coarse.append(coarser(span[:, : behind * per], per), start_s)

    def _aligned(self, demand: ServiceDemand, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of `values` in our order; services that the demand does not name are not observed."""
        if demand.keys == self.keys:
            return values
        return rows.carry(values, rows.where_before(demand.keys, self.keys))

    def _weigh(self, demand: ServiceDemand) -> None:
        arrivals, busy = (self._aligned(demand, v) for v in (demand.arrivals, demand.busy))
        both = ~(np.isnan(arrivals) | np.isnan(busy))
        keep = 0.5 ** (arrivals.shape[1] * demand.step_s / self.SERVICE_TIME_MEMORY_S)
        self._busy_s = keep * self._busy_s + demand.step_s * np.where(both, busy, 0).sum(axis=1)
        self._served = keep * self._served + demand.step_s * np.where(both, arrivals, 0).sum(axis=1)
