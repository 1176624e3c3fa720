"""What a calendar means for a fleet: the wall clocks of its services, and the rates that events announce."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.zones import offsets
from forecaster.forecasting.online import FleetState
from models.fleet.keys import ServiceKey
from models.numeric.clock import Clock, clock

_UTC = Calendar()


def clocks(calendar: Calendar, zones: Sequence[str | None]) -> Clock | None:
    """The wall clocks of services (s,) that live by these zones; None: as the calendar says.

    None where all of them live by UTC and no day is a holiday.
    """
    names = [zone or calendar.time_zone for zone in zones]
    places = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if not calendar.holidays and places.keys() <= {_UTC.time_zone}:
        return None
    changes = [np.array(offsets(name), np.int64).T for name in places]
    return clock(
        np.array([places[name] for name in names], np.int64),
        [(since_s, offset_s) for since_s, offset_s in changes],
        np.array(calendar.holidays, np.int64),
    )


@dataclass(frozen=True, eq=False)
class Announced:
    """Events, and which services of a fleet each brings traffic to, on (e, s)."""

    events: tuple[Event, ...]
    on: NDArray[np.bool_]


def announced(calendar: Calendar, keys: Sequence[ServiceKey]) -> Announced:
    """The events of a calendar, for the services `keys` (s,)."""
    on = [[event.concerns(key.series) for key in keys] for event in calendar.events]
    return Announced(calendar.events, np.array(on, np.bool_).reshape(len(calendar.events), len(keys)))


def announced_rates(
    announced: Announced, state: FleetState, clock: Clock | None, *, now_s: int, lead_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(s,) requests/s that are announced for the time from `now_s` to `lead_s` (s,) later; 0: nothing is.

    What is usual is read in the profiles of the week and the day, at the part of the event within that time.
    """
    least = np.zeros(len(state.keys), np.float32)
    until_s = now_s + np.ceil(lead_s).astype(np.int64)
    for event, on in zip(announced.events, announced.on, strict=True):
        comes = np.flatnonzero(on & (event.from_s < until_s) & (event.until_s > now_s))
        if not comes.size:
            continue
        if event.requests_per_second is not None:
            rates = np.full(comes.size, event.requests_per_second, np.float32)
        else:
            from models.peak.usual import usual  # noqa: PLC0415  # compiled: loaded where used

            begin_s = np.full(comes.size, max(now_s, event.from_s))
            end_s = np.minimum(until_s[comes], event.until_s)
            rates = np.float32(event.times or 0.0) * usual(
                state.peak, comes, begin_s, end_s, step_s=state.step_s, clock=clock
            )
        least[comes] = np.maximum(least[comes], rates)
    return least
