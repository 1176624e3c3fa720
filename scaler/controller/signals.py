"""What is told of services from remote_or_local than their own short past: by calendar, callers and slow models."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.calendar import Announced, announced, announced_rates, clocks
from forecaster.forecasting.ensemble import Ahead, Ensemble, Pending, due, select_for_refit, weights
from forecaster.forecasting.upstream import CALLS_S, callers
from forecaster.history.store import Ring
from models.fleet.keys import ServiceKey
from models.numeric import lograte
from models.numeric.clock import Clock

DAY_S = 86400
AT_ONCE = 500
"""ServiceMeasurements whose history is unpacked at once."""


NO_CALENDAR = Calendar()


class ExogenousSignals:
    """Calendar, callers and slow lane of one fleet, as arrays of the services that there are now."""

    def __init__(self, step_s: int, calendar: Calendar = NO_CALENDAR) -> None:
        """Nobody says anything yet; step_s: of the long grid."""
        self.calendar = calendar
        """May be set at any time: what was learned stays."""
        self._zones: Mapping[ServiceKey, str | None] = {}
        self._clock: tuple[object, object, object, Clock | None] = (None, None, None, None)
        self._events: tuple[object, object, Announced] = (None, None, announced(NO_CALENDAR, ()))
        self.ensemble = Ensemble(step_s)
        """What slow models say; replaced as a whole, by any thread."""
        self._ahead: tuple[Ensemble, tuple[ServiceKey, ...], Ahead] = (
            self.ensemble,
            (),
            self.ensemble.ahead(()),
        )
        self._callers: Mapping[ServiceKey, ServiceKey] = {}
        self._rows: tuple[tuple[ServiceKey, ...], NDArray[np.intp]] = ((), np.empty(0, np.intp))

    def set_time_zones(self, keys: Sequence[ServiceKey], zones: Sequence[str | None]) -> None:
        """These services live by zones of their own; None: as the calendar says."""
        said = dict(zip(keys, zones, strict=True))
        if said != self._zones:
            self._zones = said

    def clock(self, keys: tuple[ServiceKey, ...]) -> Clock | None:
        """The wall clocks of services (s,); None: UTC."""
        asked = (self.calendar, keys, self._zones)
        if any(now is not then for now, then in zip(asked, self._clock, strict=False)):
            self._clock = (*asked, clocks(self.calendar, [self._zones.get(key) for key in keys]))
        return self._clock[3]

    def announced_rate(
        self, state: online.FleetState, now_s: int, lead_s: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """(s,) requests/s that are announced from `now_s` to `lead_s` (s,) later; 0: nothing is."""
        if self._events[0] is not self.calendar or self._events[1] is not state.keys:
            self._events = (self.calendar, state.keys, announced(self.calendar, state.keys))
        return announced_rates(self._events[2], state, self.clock(state.keys), now_s=now_s, lead_s=lead_s)

    def find_upstream(self, state: online.FleetState, history: Ring) -> online.FleetState:
        """The state that knows who calls whom, by the newest of `history`, which is of the same services."""
        newest = min(CALLS_S // history.step_s, history.columns)
        busy = np.zeros((len(state.keys), newest), np.bool_)
        for first in range(0, len(busy), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            np.greater(history.newest(newest, some), 0, out=busy[some])
        found = callers(state.keys, busy)
        state = online.with_callers(state, self._callers, found)
        self._callers, self._rows = found, ((), np.empty(0, np.intp))
        return state

    def callers(self, keys: tuple[ServiceKey, ...]) -> NDArray[np.intp] | None:
        """(s,) the row of each service's caller, -1 = none; None: nobody has one."""
        if not self._callers:
            return None
        if self._rows[0] is not keys:
            row = {key: i for i, key in enumerate(keys)}
            at = [row.get(self._callers[key], -1) if key in self._callers else -1 for key in keys]
            self._rows = (keys, np.array(at, np.intp))
        return self._rows[1]

    def ensemble_peak(self, state: online.FleetState, win: online.LeadWindow) -> NDArray[np.float32] | None:
        """(s,) the highest log rate that the slow lane expects in the next window; None: it is silent."""
        lane = self.ensemble
        if not lane.memory:
            return None
        if self._ahead[0] is not lane or self._ahead[1] is not state.keys:
            self._ahead = (lane, state.keys, lane.ahead(state.keys))
        now_s = state.origin_s + state.step_s * (1 + win.first)
        return lograte.from_rate(self._ahead[2].highest(now_s, now_s + win.lead_s), state.step_s)

    def due(
        self, history: Ring, loss: NDArray[np.float64], service_time_s: NDArray[np.float64], *, cpu_s: float
    ) -> Pending:
        """Whom to listen to next within so many CPU seconds; what comes of it is to become `lane`.

        loss (s,) what is lost on a service now, per request; service_time_s (s,)
        """
        day = min(DAY_S // history.step_s, history.columns)
        weight = weights(history.newest(day), loss)
        steps = history.history(service_time_s, some=slice(0, 1)).arrivals.shape[1]
        turns = select_for_refit(
            self.ensemble, history.keys, weight, end_s=history.end_s, steps=steps, cpu_s=cpu_s
        )
        some = np.array(turns, np.intp)
        return due(self.ensemble, history.keys, history.history(service_time_s, some=some))
