"""Keep the history of a fleet on two grids: a fine one of the last hour and a coarse one of the last weeks.

The arrays are ring buffers that are written in place: two weeks of 300 s steps of 10,000 services are 80 MB
at two bytes each, and copying them would be the most expensive part of a planning cycle.  So this is the one
module of the forecast that holds state.  The fine grid returns views, which are valid until the next
`append`.  The coarse grid returns decoded copies; for a large fleet, request some services at a time.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.history.encoding import pack, unpack
from forecaster.history.service_demand import ServiceDemand, coarsen
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from models.fleet.rows import align_rows, previous_rows

SLACK = 0.04
"""Free columns after the newest one, as a share of the ring buffer; when they are used up, all columns are
moved to the front.  Chosen by hand: more slack means more memory and fewer moves."""
CHUNK_SERVICES = 500
"""Services that are moved or encoded together, which bounds the memory of copies."""
MIN_FINE_S = 3600
"""Shortest fine grid in seconds; it also has at least two coarse steps.  Chosen by hand."""
NEVER_S = -(2**62)
"""Unix seconds of the last observation of a service that was never observed."""


class RingBuffer:
    """The newest `columns` steps of the arrivals of every service; `packed`: in two bytes each (encoding)."""

    def __init__(
        self, keys: tuple[ServiceKey, ...], columns: int, step_s: int, end_s: int, *, packed: bool = False
    ) -> None:
        self.keys = keys
        self.step_s = step_s
        self.columns = columns
        self._packed = packed
        self._capacity = columns + max(1, int(SLACK * columns))
        shape = (len(keys), self._capacity)
        self._values: NDArray[Any] = (
            np.zeros(shape, np.uint16) if packed else np.full(shape, np.nan, np.float32)
        )
        self._end = columns  # the column after the newest one
        self._end_s = end_s - end_s % step_s
        self._n_appended = 0

    @property
    def end_s(self) -> int:
        """Unix seconds at which the newest column ends."""
        return self._end_s

    def realign(self, keys: tuple[ServiceKey, ...]) -> None:
        """Keep the rows of `keys`, add rows of new services as not observed, and drop all other rows."""
        if keys != self.keys:
            self._values = align_rows(self._values, previous_rows(self.keys, keys))
            self.keys = keys

    def append(self, arrivals: NDArray[np.float32], start_s: int) -> None:
        """Append columns (s, n) that begin at `start_s`; a gap before them is not observed.

        Columns that are present already are not overwritten.

        Raises:
            ValueError: `start_s` is not on the grid.
        """
        if (start_s - self._end_s) % self.step_s:
            raise ValueError(f"start_s {start_s}: must be on the grid of {self.step_s} s up to {self._end_s}")
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
        self._n_appended = min(self.columns, self._n_appended + total)

    def newest(self, columns: int, subset: slice = slice(None)) -> NDArray[np.float32]:
        """(s, columns) the newest columns of a subset of the services; a view, or a copy if packed."""
        return self._read(slice(self._end - columns, self._end), subset)

    def history(
        self,
        service_time_s: NDArray[np.float64],
        until_s: int | None = None,
        subset: slice | NDArray[np.intp] = slice(None),
    ) -> FleetHistory:
        """The history of a subset of the services; a view, or a copy if packed.

        service_time_s   (s,) seconds, of all services
        until_s          Unix seconds at which the history ends; None: at the newest column
        """
        filled = min(self._n_appended, self.columns)
        cut = 0 if until_s is None else max(0, (self._end_s - until_s) // self.step_s)
        first = self._end - filled
        values = self._read(slice(first, max(first, self._end - cut)), subset)
        start_s = self._end_s - filled * self.step_s
        keys = (
            self.keys[subset] if isinstance(subset, slice) else tuple(self.keys[i] for i in subset.tolist())
        )
        return FleetHistory(keys, values, start_s, self.step_s, service_time_s[subset])

    def _write(self, new: NDArray[np.float32], gap: int) -> None:
        """Write columns (s, n) after the newest one and after `gap` columns that were not observed."""
        total = gap + new.shape[1]
        last, kept = self._end, self.columns - total
        full = last + total > self._capacity
        self._end = (kept if full else last) + total
        for first in range(0, len(self.keys), CHUNK_SERVICES):
            chunk = slice(first, first + CHUNK_SERVICES)
            values = self._values[chunk]
            if full:
                values[:, :kept] = values[:, last - kept : last].copy()
            values[:, self._end - total : self._end - new.shape[1]] = 0 if self._packed else np.nan
            values[:, self._end - new.shape[1] : self._end] = pack(new[chunk]) if self._packed else new[chunk]

    def _read(self, columns: slice, subset: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        values = self._values[subset, columns]
        if not self._packed:
            return values
        out = np.empty(values.shape, np.float32)
        for first in range(0, len(values), CHUNK_SERVICES):
            out[first : first + CHUNK_SERVICES] = unpack(values[first : first + CHUNK_SERVICES])
        return out


class Grids:
    """The two grids of one fleet, when each service was last observed, and its service time."""

    SERVICE_TIME_MEMORY_S = 6 * 3600.0
    """Seconds in which the weight of a measured service time halves.  Chosen by hand."""

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
        """Begin without observations; `end_s` in Unix seconds, the other durations in seconds.

        Raises:
            ValueError: `coarse_s` is not a multiple of `step_s`.
        """
        if coarse_s % step_s:
            raise ValueError(f"coarse_s {coarse_s}: must be a multiple of step_s {step_s}")
        end_s -= end_s % coarse_s
        # One coarse step more: `recent_s` may begin within a coarse step.
        self.recent_steps = (recent_s + coarse_s) // step_s
        self.fine = RingBuffer(keys, max(MIN_FINE_S, 2 * coarse_s) // step_s, step_s, end_s)
        self.coarse = RingBuffer(keys, history_s // coarse_s, coarse_s, end_s, packed=True)
        self._observed_s = np.full(len(keys), NEVER_S, np.int64)
        self._busy_s = np.zeros(len(keys))
        self._requests = np.zeros(len(keys))

    @property
    def keys(self) -> tuple[ServiceKey, ...]:
        """(s,) the services of the rows."""
        return self.fine.keys

    @property
    def service_time_s(self) -> NDArray[np.float64]:
        """(s,) seconds that a request occupies a pod; NaN where no request was observed."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self._requests > 0, self._busy_s / self._requests, np.nan)

    @property
    def recently_observed(self) -> NDArray[np.bool_]:
        """(s,) whether any of the newest `recent_steps` fine steps was observed."""
        return self._observed_s > self.fine.end_s - self.recent_steps * self.fine.step_s

    def realign(self, keys: tuple[ServiceKey, ...]) -> None:
        """Set the services, as `RingBuffer.realign` does."""
        old_rows = previous_rows(self.keys, keys)
        self._observed_s = align_rows(self._observed_s, old_rows, np.full(len(keys), NEVER_S))
        self._busy_s = np.nan_to_num(align_rows(self._busy_s, old_rows))
        self._requests = np.nan_to_num(align_rows(self._requests, old_rows))
        self.fine.realign(keys)
        self.coarse.realign(keys)

    def append_coarse(self, demand: ServiceDemand) -> None:
        """Append coarse steps from a backfill."""
        demand = self.aligned(demand)
        self.coarse.append(demand.arrivals, demand.start_s)
        self._update_service_time(demand)

    def append(self, demand: ServiceDemand) -> None:
        """Append fine steps, and each coarse step that they complete."""
        demand, fine = self.aligned(demand), self.fine
        arrivals = demand.arrivals
        # A coarse step that began before a gap is completed before the gap moves it out of the ring buffer.
        begun_s = fine.end_s % self.coarse.step_s
        if begun_s and demand.start_s > fine.end_s:
            until_s = min(demand.start_s, fine.end_s - begun_s + self.coarse.step_s)
            unobserved = np.full((len(self.keys), (until_s - fine.end_s) // fine.step_s), np.nan, np.float32)
            fine.append(unobserved, fine.end_s)
            self._complete_coarse_steps()
        chunk_columns = fine.columns - self.coarse.step_s // fine.step_s
        for first in range(0, arrivals.shape[1], chunk_columns):
            fine.append(arrivals[:, first : first + chunk_columns], demand.start_s + first * fine.step_s)
            self._complete_coarse_steps()
        self._update_observed(arrivals, demand.start_s)
        self._update_service_time(demand)

    def aligned(self, demand: ServiceDemand) -> ServiceDemand:
        """The demand with the rows of the grids; NaN for services that it does not have."""
        if demand.keys == self.keys:
            return demand
        old_rows = previous_rows(demand.keys, self.keys)
        arrivals, busy = (align_rows(values, old_rows) for values in (demand.arrivals, demand.busy))
        return replace(demand, keys=self.keys, arrivals=arrivals, busy=busy)

    def _complete_coarse_steps(self) -> None:
        """Append the coarse steps whose fine steps are all present."""
        per_coarse = self.coarse.step_s // self.fine.step_s
        behind = (self.fine.end_s - self.coarse.end_s) // self.coarse.step_s
        if behind > 0:
            begun = (self.fine.end_s % self.coarse.step_s) // self.fine.step_s
            behind = min(behind, (self.fine.columns - begun) // per_coarse)
            newest = self.fine.newest(behind * per_coarse + begun)
            end_s = self.fine.end_s - self.fine.end_s % self.coarse.step_s
            coarse = coarsen(newest[:, : behind * per_coarse], per_coarse)
            self.coarse.append(coarse, end_s - behind * self.coarse.step_s)

    def _update_observed(self, arrivals: NDArray[np.float32], start_s: int) -> None:
        observed = ~np.isnan(arrivals)
        last = arrivals.shape[1] - np.argmax(observed[:, ::-1], axis=1)
        observed_s = np.where(observed.any(axis=1), start_s + self.fine.step_s * last, NEVER_S)
        self._observed_s = np.maximum(self._observed_s, observed_s)

    def _update_service_time(self, demand: ServiceDemand) -> None:
        arrivals, busy = demand.arrivals, demand.busy
        both = ~(np.isnan(arrivals) | np.isnan(busy))
        decay = 0.5 ** (arrivals.shape[1] * demand.step_s / self.SERVICE_TIME_MEMORY_S)
        self._busy_s = decay * self._busy_s + demand.step_s * np.where(both, busy, 0).sum(axis=1)
        self._requests = decay * self._requests + demand.step_s * np.where(both, arrivals, 0).sum(axis=1)
