"""Plan one fleet from cycle to cycle: demand in, plan out.  Live, demo and benchmark use the same planner.

The planner holds what one cycle leaves to the next: history, forecast and held floors.  It reads no clock and
does no I/O.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.ensemble import Pending
from forecaster.forecasting.lead_window import LeadWindow, lead_window
from forecaster.history.service_demand import ServiceDemand, group_by_service, sum_by_service
from forecaster.history.store import Grids
from forecaster.sources.demand import Demand, mask_invalid
from models.fleet.forecast import FleetForecast
from models.fleet.keys import ServiceKey
from models.numeric.clock import Clock
from scaler.controller.progress import Progress
from scaler.controller.signals import NO_CALENDAR, ExogenousSignals
from scaler.controller.timing import LoopIntervals
from scaler.plan.demand import FleetDemand, ServiceMeasurements, fleet_demand
from scaler.plan.fleet import FleetSpec, service_zones
from scaler.plan.hold import EMPTY_HOLD
from scaler.plan.plan import plan_fleet
from scaler.plan.result import FleetPlan
from scaler.plan.revision import RevisionSpec
from scaler.plan.rules import RuleInputs
from scaler.plan.timing import lead_time_s, service_lead_times_s, service_rows
from scaler.shadow.feed import delayed_shares, observed_arrivals, plan_record, shadow_policy
from scaler.shadow.population import SimulatedRevision
from scaler.shadow.revisions import NO_SHADOW, shadowed_revisions
from scaler.shadow.worker import ShadowWorker
from scaler.simulation.state import STARTUPS

CHUNK_STEPS = 120
"""Steps that the forecast learns from between two reports of progress."""
CHUNK_SERVICES = 500
"""Services whose weeks of history are decoded together, which bounds the memory."""


class Planner:
    """History, forecast and held floors of one fleet."""

    def __init__(self, intervals: LoopIntervals, start_s: int, calendar: Calendar = NO_CALENDAR) -> None:
        """Begin without any history; the first demand begins at `start_s` (Unix seconds) or later."""
        self.intervals = intervals
        self.grids = Grids(
            (),
            step_s=intervals.step_s,
            coarse_s=intervals.coarse_s,
            recent_s=intervals.recent_s,
            history_s=intervals.history_s,
            end_s=start_s,
        )
        self.state = online.initial_state((), intervals.step_s, self.grids.fine.end_s)
        self.shadow = ShadowWorker()
        self.signals = ExogenousSignals(intervals.coarse_s, calendar)
        self._delay_s = float(intervals.step_s)
        self._window_steps = 1
        self._lead_s: Mapping[ServiceKey, float] = {}
        self._hold = EMPTY_HOLD
        self._groups = group_by_service(())
        self._service_rows: tuple[FleetSpec | None, tuple[ServiceKey, ...], NDArray[np.intp]]
        self._service_rows = (None, (), np.empty(0, np.intp))
        self._dispersion: tuple[online.FleetState, NDArray[np.float64]] | None = None
        self._warm_up_from_s: int | None = None
        self._revisions: tuple[RevisionSpec, ...] = ()
        self._spec: FleetSpec | None = None
        self._shadowed = NO_SHADOW

    @property
    def observed_until_s(self) -> int:
        """End of the newest observed step, Unix seconds."""
        return self.grids.fine.end_s

    @property
    def delay_s(self) -> float:
        """Age of the newest sample when it is read, seconds."""
        return self._delay_s

    @property
    def clock(self) -> Clock | None:
        """The wall clocks of the services; None = UTC."""
        return self.signals.clock(self.state.keys)

    @property
    def window(self) -> LeadWindow:
        """The lead window of each service."""
        return self._window(self.state.keys)

    def load_history(self, demand: Demand) -> None:
        """Add history to the coarse grid, before anything else; in chunks, oldest first."""
        summed = self._by_service(demand)
        # The forecast learns in the warm-up; until then it needs no state for these services.
        self.grids.realign(self._with_keys_of(summed))
        self.grids.append_coarse(summed)

    def warm_up(
        self, demand: Demand, progress: Progress = lambda _: None, *, until_s: int | None = None
    ) -> None:
        """Learn from the loaded history, then from the recent past on the fine grid as if it were live.

        The recent past may be given in chunks, oldest first; the last one ends at `until_s` (Unix seconds).
        """
        self._delay_s, self._window_steps = demand.delay_s, demand.window_steps
        summed = self._by_service(demand)
        until_s = demand.end_s if until_s is None else until_s
        if self._warm_up_from_s is None:
            self._warm_up_from_s = demand.start_s
            self.grids.realign(self._with_keys_of(summed))
            self._warm_start(demand.start_s)
        self._set_services(self._with_keys_of(summed))
        span_s = max(1, until_s - self._warm_up_from_s)
        done = (demand.start_s - self._warm_up_from_s) / span_s
        share = (demand.end_s - demand.start_s) / span_s
        self._learn(summed, lambda part: progress(done + share * part), warm_up_until_s=until_s)
        self.shadow.run()

    def observe(self, demand: Demand) -> None:
        """Learn from the demand since the last cycle."""
        self._delay_s, self._window_steps = demand.delay_s, demand.window_steps
        summed = self._by_service(demand)
        self._set_services(self._with_keys_of(summed))
        self._learn(summed, lambda _: None)

    def prepare_refit(self, cpu_s: float = 0.0) -> Pending:
        """Forget services that no longer exist, and detect upstream services again.

        Returns the services that the ensemble refits next within `cpu_s` CPU seconds, for `signals.ensemble`.
        Everything else is learned continuously.
        """
        self._forget_services()
        self.state = self.signals.find_upstream(self.state, self.grids.coarse)
        loss = delayed_shares(self.shadow, self._spec, self.grids.keys)
        return self.signals.pending_refit(self.grids.coarse, loss, self.grids.service_time_s, cpu_s=cpu_s)

    def set_fleet(self, spec: FleetSpec, revisions: Sequence[RevisionSpec] = ()) -> None:
        """Forecast as far ahead as these Revisions need, and simulate them in shadow.

        revisions   as in `spec`; without them nothing is simulated
        """
        self._spec, self._revisions = spec, tuple(revisions)
        keys = tuple(dict.fromkeys(spec.services))
        lead_s = service_lead_times_s(spec, self.intervals.plan, keys).tolist()
        self._lead_s = dict(zip(keys, lead_s, strict=True))
        self.signals.set_time_zones(keys, service_zones(spec, keys))

    def forecast(self, now_s: int | None = None) -> FleetForecast:
        """Return the newest forecast, with announced events of the window that begins at `now_s`.

        now_s   Unix seconds; None = the earliest moment at which the newest demand could be read
        """
        window = self.window
        now_s = self.state.origin_s + int(self._delay_s) if now_s is None else now_s
        announced_rate = self.signals.announced_rate(self.state, now_s, window.lead_s)
        return online.forecast(self.state, window, announced_rate=announced_rate)

    def plan(self, spec: FleetSpec, now_s: int, *, max_total_pods: int | None = None) -> FleetPlan:
        """Return the plan at `now_s` (Unix seconds); the shadow evaluation receives the same demand."""
        forecast = self.forecast(now_s)
        demand, inputs = self._fleet_demand(spec, forecast, now_s)
        intermittent = np.append(self.state.intermittent, False)[self._rows(spec)]
        plan, self._hold = plan_fleet(
            demand,
            inputs,
            forecast.levels,
            spec,
            self._hold,
            policy=shadow_policy(self.shadow, spec, demand, intermittent, self.intervals.plan.hold_s),
            timing=self.intervals.plan,
            now_s=now_s,
            max_total_pods=max_total_pods,
        )
        return plan

    def _fleet_demand(
        self, spec: FleetSpec, forecast: FleetForecast, now_s: int
    ) -> tuple[FleetDemand, RuleInputs]:
        """Return the demand of the Revisions, and what rules read; pass it to the shadow evaluation."""
        dispersion = self.service_dispersion()
        services = ServiceMeasurements(self.grids.service_time_s, self.state.unobserved_s, dispersion)
        rows, timing = self._rows(spec), self.intervals.plan
        demand = fleet_demand(forecast, services, spec, service_row=rows, timing=timing, now_s=now_s)
        inputs = demand.rule_inputs()
        self.shadow.add_plan(plan_record(inputs, spec, now_s))
        return demand, inputs

    def service_dispersion(self) -> NDArray[np.float64]:
        """Return the dispersion (s,) of the counts of a second, computed once per state of the forecast."""
        if self._dispersion is None or self._dispersion[0] is not self.state:
            self._dispersion = (self.state, online.dispersions(self.state))
        return self._dispersion[1]

    def _window(self, keys: tuple[ServiceKey, ...]) -> LeadWindow:
        period_s = self.intervals.plan.period_s
        # A service without Revisions has no start-up time: its lead time is two planning periods.
        default_s = lead_time_s(period_s, period_s)
        lead_s = np.array([self._lead_s.get(key, default_s) for key in keys], np.float64)
        return lead_window(self._delay_s, self.intervals.staleness_s, lead_s, self.intervals.step_s)

    def _warm_start(self, until_s: int) -> None:
        """Replace the forecast state by one that has learned from the history until then."""
        keys, step_s = self.grids.keys, self.intervals.step_s
        # The old state is released first: two states of a large fleet need much memory.
        self.state = online.initial_state((), step_s, until_s)
        self.state = online.initial_state(keys, step_s, until_s)
        window, service_time_s = self._window(keys), self.grids.service_time_s
        for first in range(0, len(keys), CHUNK_SERVICES):
            chunk = slice(first, first + CHUNK_SERVICES)
            history = self.grids.coarse.history(service_time_s, until_s, chunk)
            self.state = online.warm_start(self.state, history, window, first, clock=self.clock)
        self.state = self.signals.find_upstream(self.state, self.grids.coarse)

    def _forget_services(self) -> None:
        """Drop services without a Revision that were not observed within the recent span."""
        observed = np.flatnonzero(self.grids.recently_observed)
        kept = {self.grids.keys[i] for i in observed} | self._lead_s.keys()
        self._set_services(tuple(key for key in self.grids.keys if key in kept))

    def _by_service(self, demand: Demand) -> ServiceDemand:
        if self._groups.services != demand.services:
            self._groups = group_by_service(demand.services)
        return sum_by_service(mask_invalid(demand), self._groups)

    def _rows(self, spec: FleetSpec) -> NDArray[np.intp]:
        """Return the row (r,) of each Revision's service; computed again only when either changes."""
        if self._service_rows[0] is not spec or self._service_rows[1] is not self.state.keys:
            self._service_rows = (spec, self.state.keys, service_rows(spec, self.state.keys))
        return self._service_rows[2]

    def _with_keys_of(self, demand: ServiceDemand) -> tuple[ServiceKey, ...]:
        """Return the known services and those of the demand: a service that is not observed now stays."""
        if demand.keys == self.grids.keys:
            return self.grids.keys
        return tuple(sorted({*self.grids.keys, *demand.keys}))

    def _set_services(self, keys: tuple[ServiceKey, ...]) -> None:
        if keys != self.grids.keys:
            self.grids.realign(keys)
        if keys != self.state.keys:
            self.state = online.realign(self.state, keys)

    def _learn(
        self, demand: ServiceDemand, progress: Progress, *, warm_up_until_s: int | None = None
    ) -> None:
        """Append to the grids, and advance the forecast through every new step."""
        demand = self.grids.aligned(demand)
        arrivals, step_s = self._new_steps(demand), self.intervals.step_s
        self.grids.append(demand)
        steps, warming_up = arrivals.shape[1], warm_up_until_s is not None
        window = self.window
        self._shadowed = shadowed_revisions(self._shadowed, self._revisions, *self._pod_times_s())
        # Steps that the shadow evaluation does not simulate are learned together, the others one by one.
        simulated = steps
        if warm_up_until_s is not None:
            remaining = (warm_up_until_s - self.state.origin_s) // step_s - steps
            simulated = min(steps, max(0, self._shadowed.warm_up_s // step_s - remaining))
        for first in range(0, steps - simulated, CHUNK_STEPS):
            last = min(first + CHUNK_STEPS, steps - simulated)
            self._advance(arrivals[:, first:last], window, with_ensemble=False)
            progress(first / steps)
        for step in range(steps - simulated, steps):
            self._advance(arrivals[:, step : step + 1], window, with_ensemble=True)
            self._add_arrivals(arrivals[:, step : step + 1], self._shadowed.revisions)
            if warming_up:
                self._run_shadow_of_past()
                progress(step / steps)
        progress(1.0)

    def _advance(self, arrivals: NDArray[np.float32], window: LeadWindow, *, with_ensemble: bool) -> None:
        """Advance the forecast through steps (s, n) of arrivals in requests/s."""
        self.state = online.advance(
            self.state,
            arrivals,
            window,
            ensemble_peak=self.signals.ensemble_peak(self.state, window) if with_ensemble else None,
            upstream=self.signals.upstream_rows(self.state.keys),
            clock=self.clock,
            window_steps=self._window_steps,
        )

    def _new_steps(self, demand: ServiceDemand) -> NDArray[np.float32]:
        """Return the arrivals (s, n) of the new steps, and let the forecast continue at the first."""
        arrivals, step_s = demand.arrivals, self.intervals.step_s
        end_s, n = demand.start_s + arrivals.shape[1] * step_s, arrivals.shape[1]
        # After a long absence the forecast continues at the oldest step that still counts as recent.
        steps = min(max(0, (end_s - self.state.origin_s) // step_s), self.grids.recent_steps)
        self.state = online.reset_origin(self.state, end_s - steps * step_s)
        if steps <= n:
            return arrivals[:, n - steps :]
        gap = np.full((arrivals.shape[0], steps - n), np.nan, np.float32)
        return np.concatenate([gap, arrivals], axis=1)

    def _add_arrivals(self, arrivals: NDArray[np.float32], revisions: tuple[SimulatedRevision, ...]) -> None:
        """Pass the arrivals of one step (s, 1) to the shadow evaluation."""
        if self._spec is None or not revisions:
            return
        rows, dispersion = self._rows(self._spec), self.service_dispersion()
        observed = observed_arrivals(self.state, self._spec, rows, arrivals, dispersion)
        if observed is not None:
            self.shadow.set_revisions(revisions)
            self.shadow.add_arrivals(observed)

    def _run_shadow_of_past(self) -> None:
        """Run the shadow evaluation with the plan that would have been made at the newest step."""
        if self._spec is not None:
            now_s = self.state.origin_s + int(self._delay_s)
            self._fleet_demand(self._spec, self.forecast(), now_s)
            self.shadow.run()

    def _pod_times_s(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return start-ups (r, STARTUPS) and service time (r,), seconds; NaN = not known."""
        if self._spec is None or not self._revisions:
            return np.empty((0, STARTUPS)), np.empty(0)
        service_time_s = np.append(self.grids.service_time_s, np.nan)[self._rows(self._spec)]
        return self._spec.startups_s, service_time_s
