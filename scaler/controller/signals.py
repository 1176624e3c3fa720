"""Collect signals that recent traffic does not show: calendar events, upstream services, ensemble."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.calendar import AnnouncedEvents, announced_events, announced_rates, fleet_clock
from forecaster.forecasting.ensemble import Ensemble, EnsembleForecast, Pending, pending_refit
from forecaster.forecasting.lead_window import LeadWindow
from forecaster.forecasting.refit_schedule import refit_priority, select_for_refit
from forecaster.forecasting.upstream import UPSTREAM_HISTORY_S, upstream_services
from forecaster.history.store import RingBuffer
from models.fleet.keys import ServiceKey
from models.numeric import lograte
from models.numeric.clock import Clock

DAY_S = 86400
CHUNK_SERVICES = 500
"""Services whose history is decoded together, which bounds the memory."""
NO_CALENDAR = Calendar()


class ExogenousSignals:
    """Calendar, upstream services and ensemble of one fleet, as arrays over the services that exist now."""

    def __init__(self, step_s: int, calendar: Calendar = NO_CALENDAR) -> None:
        """Begin without upstream services and without an ensemble; step_s: seconds of the coarse grid."""
        self.calendar = calendar
        """May be replaced at any time; what was learned stays."""
        self._zones: Mapping[ServiceKey, str | None] = {}
        self._clock: tuple[object, object, object, Clock | None] = (None, None, None, None)
        self._events: tuple[object, object, AnnouncedEvents] = (None, None, announced_events(NO_CALENDAR, ()))
        self.ensemble = Ensemble(step_s)
        """The forecasts of the ensemble; any thread may replace it as a whole."""
        self._paths: tuple[Ensemble, tuple[ServiceKey, ...], EnsembleForecast] = (
            self.ensemble,
            (),
            self.ensemble.forecast(()),
        )
        self._upstream: Mapping[ServiceKey, ServiceKey] = {}
        self._upstream_rows: tuple[tuple[ServiceKey, ...], NDArray[np.intp]] = ((), np.empty(0, np.intp))

    def set_time_zones(self, keys: Sequence[ServiceKey], zones: Sequence[str | None]) -> None:
        """Set the time zones of these services; None = that of the calendar."""
        by_service = dict(zip(keys, zones, strict=True))
        if by_service != self._zones:
            self._zones = by_service

    def clock(self, keys: tuple[ServiceKey, ...]) -> Clock | None:
        """Return the wall clocks of the services (s,); None = UTC."""
        inputs = (self.calendar, keys, self._zones)
        if any(new is not old for new, old in zip(inputs, self._clock, strict=False)):
            self._clock = (*inputs, fleet_clock(self.calendar, [self._zones.get(key) for key in keys]))
        return self._clock[3]

    def announced_rate(
        self, state: online.FleetState, now_s: int, lead_s: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return the announced requests/s (s,) from `now_s` until `lead_s` (s,) later; 0 = no event."""
        if self._events[0] is not self.calendar or self._events[1] is not state.keys:
            self._events = (self.calendar, state.keys, announced_events(self.calendar, state.keys))
        return announced_rates(self._events[2], state, self.clock(state.keys), now_s=now_s, lead_s=lead_s)

    def find_upstream(self, state: online.FleetState, history: RingBuffer) -> online.FleetState:
        """Detect upstream services in the newest `history`, and return the state with them."""
        newest = min(UPSTREAM_HISTORY_S // history.step_s, history.columns)
        busy = np.zeros((len(state.keys), newest), np.bool_)
        for first in range(0, len(busy), CHUNK_SERVICES):
            chunk = slice(first, first + CHUNK_SERVICES)
            np.greater(history.newest(newest, chunk), 0, out=busy[chunk])
        upstream = upstream_services(state.keys, busy)
        state = online.with_upstream(state, self._upstream, upstream)
        self._upstream, self._upstream_rows = upstream, ((), np.empty(0, np.intp))
        return state

    def upstream_rows(self, keys: tuple[ServiceKey, ...]) -> NDArray[np.intp] | None:
        """Return the row (s,) of each service's upstream service, -1 = none; None = no service has one."""
        if not self._upstream:
            return None
        if self._upstream_rows[0] is not keys:
            row = {key: i for i, key in enumerate(keys)}
            rows = [row.get(self._upstream[key], -1) if key in self._upstream else -1 for key in keys]
            self._upstream_rows = (keys, np.array(rows, np.intp))
        return self._upstream_rows[1]

    def ensemble_peak(self, state: online.FleetState, window: LeadWindow) -> NDArray[np.float32] | None:
        """Return the highest log rate (s,) of the ensemble in the next window; None = no ensemble."""
        ensemble = self.ensemble
        if not ensemble.records:
            return None
        if self._paths[0] is not ensemble or self._paths[1] is not state.keys:
            self._paths = (ensemble, state.keys, ensemble.forecast(state.keys))
        from_s = state.origin_s + state.step_s * (1 + window.first)
        return lograte.from_rate(self._paths[2].peak(from_s, from_s + window.lead_s), state.step_s)

    def pending_refit(
        self,
        history: RingBuffer,
        loss: NDArray[np.float64],
        service_time_s: NDArray[np.float64],
        *,
        cpu_s: float,
    ) -> Pending:
        """Return the services to refit next, within `cpu_s` CPU seconds; the refit gives the next `ensemble`.

        loss             (s,) share of the requests that the active policy delays
        service_time_s   (s,) seconds
        """
        day = min(DAY_S // history.step_s, history.columns)
        priority = refit_priority(history.newest(day), loss)
        steps = history.history(service_time_s, subset=slice(0, 1)).arrivals.shape[1]
        selected = select_for_refit(
            self.ensemble, history.keys, priority, end_s=history.end_s, steps=steps, cpu_s=cpu_s
        )
        rows = np.array(selected, np.intp)
        return pending_refit(self.ensemble, history.keys, history.history(service_time_s, subset=rows))
