"""The cycle that everything turns around: demand in, plan out.  The same live, in a demo and in a bench.

It holds what is carried from one cycle to the next; it reads no clock and talks to nobody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster import fleet
from forecaster.demand import Demand
from forecaster.history import Grids, ServiceDemand, by_service, summing
from models.forecast import FleetForecast
from models.keys import ServiceKey
from scaler.plan.hold import NOTHING_HELD
from scaler.plan.plan import Services, Timing, plan_fleet, service_leads, service_rows
from scaler.plan.result import FleetPlan
from scaler.plan.spec import FleetSpec

Progress = Callable[[float], None]
"""Told the share done, 0..1."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long things are, seconds."""

    step_s: int
    """One step of the short grid."""
    coarse_s: int
    """One step of the long grid."""
    recent_s: int
    """Kept on the short grid."""
    history_s: int
    """Kept on the long grid."""
    refit_s: int
    """Between two refits."""
    stand_s: float = 0.0
    """How long what was read last may have to do before newer figures are read."""
    plan: Timing


class Cycle:
    """History, forecast and held plans of one fleet."""

    def __init__(self, pace: Pace, start_s: int) -> None:
        """Nothing is known yet; the first demand begins at `start_s` (Unix seconds) or later."""
        self.pace = pace
        self.grids = Grids(
            (),
            step_s=pace.step_s,
            coarse_s=pace.coarse_s,
            recent_s=pace.recent_s,
            history_s=pace.history_s,
            end_s=start_s,
        )
        self._delay_s = float(pace.step_s)
        self._leads: Mapping[ServiceKey, float] = {}
        self._held = NOTHING_HELD
        self._summing = summing(())
        self._found: tuple[FleetSpec | None, tuple[ServiceKey, ...], NDArray[np.intp]]
        self._found = (None, (), np.empty(0, np.intp))
        self.state = fleet.start((), pace.step_s, self.grids.fine.end_s, self._window(()))

    @property
    def known_until_s(self) -> int:
        """Unix seconds where what was observed ends."""
        return self.grids.fine.end_s

    @property
    def delay_s(self) -> float:
        """Age of the newest figure when it is read, seconds."""
        return self._delay_s

    def remember(self, demand: Demand) -> None:
        """Add history on the long grid, before anything else; may come in pieces, oldest first."""
        summed = self._summed(demand)
        self._follow(self._with(summed))
        self.grids.append_weeks(summed)

    def warm_up(self, demand: Demand, progress: Progress = lambda _: None) -> None:
        """Take the recent past on the short grid as if it came now, step by step; then learn from all.

        The members begin with what could be known before it, so that their errors are honest.
        """
        self._delay_s = demand.delay_s
        summed = self._summed(demand)
        self._follow(self._with(summed))
        ahead_s = summed.arrivals.shape[1] * demand.step_s + self.pace.coarse_s
        before = self.grids.coarse.history(self.grids.service_time_s, until_s=demand.start_s)
        win = self._window(self.grids.keys)
        self.state = fleet.start(self.grids.keys, self.pace.step_s, demand.start_s, win)
        self.state = fleet.refit(self.state, before, ahead_s)
        self._take(summed, progress)
        self.refit()

    def observe(self, demand: Demand) -> None:
        """Take what came since the last time."""
        self._delay_s = demand.delay_s
        summed = self._summed(demand)
        self._follow(self._with(summed))
        self._take(summed, lambda _: None)

    def refit(self) -> None:
        """Let the members learn from all of the history; forget services that are gone."""
        self._forget()
        history = self.grids.coarse.history(self.grids.service_time_s)
        reach_s = self._window(self.grids.keys).horizon * self.pace.step_s
        behind_s = self.known_until_s - history.end_s
        self.state = fleet.refit(self.state, history, 2 * self.pace.refit_s + reach_s + behind_s)

    def lead(self, spec: FleetSpec) -> None:
        """Forecast as far ahead as these Revisions' start-ups need."""
        keys = tuple(dict.fromkeys(spec.services))
        self._leads = dict(zip(keys, service_leads(spec, self.pace.plan, keys).tolist(), strict=True))

    def forecast(self) -> FleetForecast:
        """The newest forecast."""
        return fleet.forecast(self.state)

    def plan(
        self, spec: FleetSpec, now_s: int, *, max_total_pods: int | None = None, dispersion: float = 1.0
    ) -> FleetPlan:
        """The plan at `now_s`."""
        services = Services(
            self.grids.service_time_s, self.state.silent_s, np.full(len(self.state.keys), dispersion)
        )
        plan, self._held = plan_fleet(
            self.forecast(),
            services,
            spec,
            self._held,
            rows=self._rows(spec),
            timing=self.pace.plan,
            now_s=now_s,
            max_total_pods=max_total_pods,
        )
        return plan

    def _window(self, keys: tuple[ServiceKey, ...]) -> fleet.Window:
        default = 2 * self.pace.plan.period_s
        leads = np.array([self._leads.get(key, default) for key in keys], np.float64)
        return fleet.window(self._delay_s, self.pace.stand_s, leads, self.pace.step_s)

    def _forget(self) -> None:
        """Drop services that no Revision has and nobody saw on the whole short grid."""
        recent = self.grids.fine.history(self.grids.service_time_s).arrivals
        seen = np.flatnonzero(~np.isnan(recent).all(axis=1))
        kept = {self.grids.keys[i] for i in seen} | self._leads.keys()
        self._follow(tuple(key for key in self.grids.keys if key in kept))

    def _summed(self, demand: Demand) -> ServiceDemand:
        if self._summing.services != demand.services:
            self._summing = summing(demand.services)
        return by_service(demand, self._summing)

    def _rows(self, spec: FleetSpec) -> NDArray[np.intp]:
        """The row of each Revision's service; found anew only when one or the other changed."""
        if self._found[0] is not spec or self._found[1] is not self.state.keys:
            self._found = (spec, self.state.keys, service_rows(spec, self.state.keys))
        return self._found[2]

    def _with(self, demand: ServiceDemand) -> tuple[ServiceKey, ...]:
        """Our services and those of `demand`: who is not seen for a while is not forgotten for it."""
        if demand.keys == self.grids.keys:
            return self.grids.keys
        return tuple(sorted({*self.grids.keys, *demand.keys}))

    def _follow(self, keys: tuple[ServiceKey, ...]) -> None:
        if keys != self.grids.keys:
            self.grids.follow(keys)
            self.state = fleet.follow(self.state, keys, self._window(keys))

    def _take(self, demand: ServiceDemand, progress: Progress) -> None:
        """Append to the grids and advance the forecast through every new step."""
        self.grids.append(demand)
        end_s, step_s = self.grids.fine.end_s, self.pace.step_s
        # After a long absence the forecast goes on from the oldest step that is still kept.
        steps = min(max(0, (end_s - self.state.origin_s) // step_s), self.grids.fine.columns)
        self.state = fleet.begin_at(self.state, end_s - steps * step_s)
        columns = self.grids.fine.newest(steps)
        win = self._window(self.grids.keys)
        for j in range(steps):
            self.state = fleet.advance(self.state, np.ascontiguousarray(columns[:, j]), win)
            if j % 64 == 0:
                progress(j / steps)
        progress(1.0)
