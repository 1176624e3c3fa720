"""The cycle that everything turns around: demand in, plan out.  The same live, in a demo and in a bench.

It holds what is carried from one cycle to the next; it reads no clock and talks to nobody.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.ensemble import Pending
from forecaster.history.store import Grids, ServiceDemand, by_service, summing
from forecaster.sources.demand import Demand, possible
from models.fleet.forecast import FleetForecast
from models.fleet.keys import ServiceKey
from models.numeric.clock import Clock
from scaler.controller.signals import NO_CALENDAR, ExogenousSignals
from scaler.controller.timing import LoopIntervals
from scaler.plan.demand import FleetDemand, ServiceMeasurements, demands
from scaler.plan.fleet import FleetSpec, service_zones
from scaler.plan.hold import NOTHING_HELD
from scaler.plan.plan import default_sizing_delay_cost, plan_fleet
from scaler.plan.result import FleetPlan
from scaler.plan.revision import RevisionSpec
from scaler.plan.rules import ActivePolicy, active_policy
from scaler.plan.timing import service_lead_times_s, service_rows
from scaler.shadow.feed import delayed, observed_arrivals, plan_record
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.revisions import NO_SHADOW, shadowed_revisions
from scaler.shadow.worker import ShadowWorker
from scaler.simulation.state import STARTUPS

CHUNK_ROWS = 120
"""Steps taken in before the progress is told."""
RECALLED_AT_ONCE = 500
"""ServiceMeasurements whose weeks are unpacked at once."""
Progress = Callable[[float], None]
"""Told the share done, 0..1."""


class Planner:
    """History, forecast and held plans of one fleet."""

    def __init__(self, pace: LoopIntervals, start_s: int, calendar: Calendar = NO_CALENDAR) -> None:
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
        self._smeared = 1
        self._leads: Mapping[ServiceKey, float] = {}
        self._held = NOTHING_HELD
        self._summing = summing(())
        self._found: tuple[FleetSpec | None, tuple[ServiceKey, ...], NDArray[np.intp]]
        self._found = (None, (), np.empty(0, np.intp))
        self.state = online.start((), pace.step_s, self.grids.fine.end_s)
        self._warm_from_s: int | None = None
        self.shadow_worker = ShadowWorker()
        self.signals = ExogenousSignals(pace.coarse_s, calendar)
        self._revisions: tuple[RevisionSpec, ...] = ()
        self._spec: FleetSpec | None = None
        self._shadow = NO_SHADOW

    @property
    def known_until_s(self) -> int:
        """Unix seconds where what was observed ends."""
        return self.grids.fine.end_s

    @property
    def delay_s(self) -> float:
        """Age of the newest figure when it is read, seconds."""
        return self._delay_s

    def load_history(self, demand: Demand) -> None:
        """Add history on the long grid, before anything else; may come in pieces, oldest first."""
        summed = self._summed(demand)
        # The forecast learns in the warm-up, and has no room in memory before it.
        self.grids.follow(self._with(summed))
        self.grids.append_weeks(summed)

    def warm_up(
        self, demand: Demand, progress: Progress = lambda _: None, *, until_s: int | None = None
    ) -> None:
        """Learn from the weeks before, then take the recent past on the short grid as if it came now.

        The recent past may come in pieces, oldest first, the last of which ends at `until_s` (Unix seconds).
        """
        self._delay_s, self._smeared = demand.delay_s, demand.window_steps
        summed = self._summed(demand)
        until_s = demand.end_s if until_s is None else until_s
        if self._warm_from_s is None:
            self._warm_from_s = demand.start_s
            self.grids.follow(self._with(summed))
            self._recall(demand.start_s)
        self._follow(self._with(summed))
        span_s = max(1, until_s - self._warm_from_s)
        done, share = (demand.start_s - self._warm_from_s) / span_s, (demand.end_s - demand.start_s) / span_s
        self._take(summed, lambda part: progress(done + share * part), rehearse_until_s=until_s)
        self.shadow_worker.live()

    def _recall(self, until_s: int) -> None:
        """A new state, which learned from the weeks until then."""
        keys, step_s = self.grids.keys, self.pace.step_s
        # Two states of a large fleet at once would be much memory.
        self.state = online.start((), step_s, until_s)
        self.state = online.start(keys, step_s, until_s)
        win, served_s = self._window(keys), self.grids.service_time_s
        for first in range(0, len(keys), RECALLED_AT_ONCE):
            some = slice(first, first + RECALLED_AT_ONCE)
            before = self.grids.coarse.history(served_s, until_s, some)
            self.state = online.warm_start(self.state, before, win, first, clock=self.clock)
        self.state = self.signals.find_upstream(self.state, self.grids.coarse)

    def observe(self, demand: Demand) -> None:
        """Take what came since the last time."""
        self._delay_s, self._smeared = demand.delay_s, demand.window_steps
        summed = self._summed(demand)
        self._follow(self._with(summed))
        self._take(summed, lambda _: None)

    def refit(self, cpu_s: float = 0.0) -> Pending:
        """Forget services that are gone; all else is learned as it comes, but for what slow models say.

        Gives whom to listen to next within so many CPU seconds, for `outside.lane`.
        """
        self._forget()
        self.state = self.signals.find_upstream(self.state, self.grids.coarse)
        loss = delayed(self.shadow_worker, self._spec, self.grids.keys)
        return self.signals.due(self.grids.coarse, loss, self.grids.service_time_s, cpu_s=cpu_s)

    def lead(self, spec: FleetSpec, revisions: Sequence[RevisionSpec] = ()) -> None:
        """Forecast as far ahead as these Revisions' start-ups need, and live through them in shadow.

        revisions   as in `spec`, or none: then nothing is lived through
        """
        self._spec, self._revisions = spec, tuple(revisions)
        keys = tuple(dict.fromkeys(spec.services))
        self._leads = dict(zip(keys, service_lead_times_s(spec, self.pace.plan, keys).tolist(), strict=True))
        self.signals.set_time_zones(keys, service_zones(spec, keys))

    @property
    def clock(self) -> Clock | None:
        """The wall clocks of the services; None: UTC."""
        return self.signals.clock(self.state.keys)

    @property
    def window(self) -> online.LeadWindow:
        """Which time a forecast of each service reaches to."""
        return self._window(self.state.keys)

    def forecast(self, now_s: int | None = None) -> FleetForecast:
        """The newest forecast, with what is announced for the window that begins at `now_s`.

        now_s   Unix seconds; None: as the data were read as soon as they could be
        """
        win = self.window
        now_s = self.state.origin_s + int(self._delay_s) if now_s is None else now_s
        announced_rate = self.signals.announced_rate(self.state, now_s, win.lead_s)
        return online.forecast(self.state, win, announced_rate=announced_rate)

    def plan(self, spec: FleetSpec, now_s: int, *, max_total_pods: int | None = None) -> FleetPlan:
        """The plan at `now_s`."""
        forecast = self.forecast(now_s)
        seen = self._seen(spec, forecast, now_s)
        self.shadow_worker.planned(plan_record(seen, spec, now_s))
        plan, self._held = plan_fleet(
            seen,
            forecast.levels,
            spec,
            self._held,
            timing=self.pace.plan,
            now_s=now_s,
            chosen=self._chosen(spec, seen),
            max_total_pods=max_total_pods,
        )
        return plan

    def _chosen(self, spec: FleetSpec, seen: FleetDemand) -> ActivePolicy:
        """The candidate in force of each Revision."""
        sparse = np.append(self.state.sparse, False)[self._rows(spec)]
        chosen = self.shadow_worker.chosen(spec.keys, sparse)
        return active_policy(
            chosen.places,
            writable=spec.writable,
            has_evidence=chosen.has_evidence,
            fallback_active=chosen.fallback_active,
            hold_s=self.pace.plan.hold_s,
            default_sizing_delay_cost=default_sizing_delay_cost(seen, spec),
        )

    def _window(self, keys: tuple[ServiceKey, ...]) -> online.LeadWindow:
        default = 2 * self.pace.plan.period_s
        leads = np.array([self._leads.get(key, default) for key in keys], np.float64)
        return online.window(self._delay_s, self.pace.staleness_s, leads, self.pace.step_s)

    def _forget(self) -> None:
        """Drop services that no Revision has and nobody saw on the whole short grid."""
        seen = np.flatnonzero(self.grids.recently_observed)
        kept = {self.grids.keys[i] for i in seen} | self._leads.keys()
        self._follow(tuple(key for key in self.grids.keys if key in kept))

    def _summed(self, demand: Demand) -> ServiceDemand:
        if self._summing.services != demand.services:
            self._summing = summing(demand.services)
        return by_service(possible(demand), self._summing)

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
        if keys != self.state.keys:
            self.state = online.follow(self.state, keys)

    def _take(
        self, demand: ServiceDemand, progress: Progress, *, rehearse_until_s: int | None = None
    ) -> None:
        """Append to the grids and advance the forecast through every new step."""
        columns, step_s = self._new(demand), self.pace.step_s
        self.grids.append(demand)
        steps, rehearse = columns.shape[1], rehearse_until_s is not None
        win = self._window(self.grids.keys)
        self._shadow = shadowed_revisions(self._shadow, self._revisions, *self._timed())
        revisions = self._shadow.revisions
        apart = steps
        if rehearse_until_s is not None:
            later = (rehearse_until_s - self.state.origin_s) // step_s - steps
            apart = min(steps, max(0, self._shadow.rehearsed_s // step_s - later))
        for first in range(0, steps - apart, CHUNK_ROWS):
            some = columns[:, first : min(first + CHUNK_ROWS, steps - apart)]
            self.state = online.advance(
                self.state,
                some,
                win,
                callers=self.signals.callers(self.state.keys),
                clock=self.clock,
                window_steps=self._smeared,
            )
            progress(first / steps)
        for step in range(steps - apart, steps):
            some = columns[:, step : step + 1]
            self.state = online.advance(
                self.state,
                some,
                win,
                ensemble_peak=self.signals.ensemble_peak(self.state, win),
                callers=self.signals.callers(self.state.keys),
                clock=self.clock,
                window_steps=self._smeared,
            )
            self._tell(columns[:, step : step + 1], revisions)
            if rehearse:
                self._rehearse()
                progress(step / steps)
        progress(1.0)

    def _new(self, demand: ServiceDemand) -> NDArray[np.float32]:
        """(s, n) arrivals in the steps that the forecast has yet to take; it goes on at the first of them."""
        arrivals, step_s = self.grids.aligned(demand), self.pace.step_s
        end_s, n = demand.start_s + arrivals.shape[1] * step_s, arrivals.shape[1]
        # After a long absence the forecast goes on from the oldest step that still counts as recent.
        steps = min(max(0, (end_s - self.state.origin_s) // step_s), self.grids.recent_steps)
        self.state = online.reset_origin(self.state, end_s - steps * step_s)
        if steps <= n:
            return arrivals[:, n - steps :]
        gap = np.full((arrivals.shape[0], steps - n), np.nan, np.float32)
        return np.concatenate([gap, arrivals], axis=1)

    def _tell(self, arrivals: NDArray[np.float32], revisions: tuple[SimulatedRevision, ...]) -> None:
        """The shadow is told what came in one step (s, 1)."""
        if self._spec is None or not revisions:
            return
        came = observed_arrivals(self.state, self._spec, self._rows(self._spec), arrivals)
        if came is not None:
            self.shadow_worker.follow(revisions)
            self.shadow_worker.came(came)

    def _rehearse(self) -> None:
        """Plans would have been made in the past, too: the shadow is told of one, and lives on."""
        if self._spec is None:
            return
        now_s = self.state.origin_s + int(self._delay_s)
        self.shadow_worker.planned(
            plan_record(self._seen(self._spec, self.forecast(), now_s), self._spec, now_s)
        )
        self.shadow_worker.live()

    def _seen(self, spec: FleetSpec, forecast: FleetForecast, now_s: int) -> FleetDemand:
        """What is expected of each Revision."""
        services = ServiceMeasurements(
            self.grids.service_time_s, self.state.silent_s, online.dispersions(self.state)
        )
        return demands(forecast, services, spec, rows=self._rows(spec), timing=self.pace.plan, now_s=now_s)

    def _timed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the Revisions that are lived through: start-ups (r, STARTUPS), and seconds (r,) that a request
        occupies a pod, NaN = not known.
        """
        if self._spec is None or not self._revisions:
            return np.empty((0, STARTUPS)), np.empty(0)
        served_s = np.append(self.grids.service_time_s, np.nan)[self._rows(self._spec)]
        return self._spec.startups_s, served_s
