"""Apply a calendar to a fleet: return the wall clocks of its services, and the rates that events announce."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar, Event
from config.zones import utc_offsets
from forecaster.forecasting.online import FleetState
from models.fleet.keys import ServiceKey
from models.numeric.clock import Clock, build_clock

_DEFAULT = Calendar()


def fleet_clock(calendar: Calendar, zones: Sequence[str | None]) -> Clock | None:
    """The wall clocks of s services; None where all of them are in UTC and there are no holidays.

    zones   (s,) IANA name of the time zone of each service; None: the time zone of the calendar
    """
    names = [zone or calendar.time_zone for zone in zones]
    index = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if not calendar.holidays and index.keys() <= {_DEFAULT.time_zone}:
        return None
    offsets = [np.array(utc_offsets(name), np.int64).T for name in index]
    return build_clock(
        np.array([index[name] for name in names], np.int64),
        [(since_s, offset_s) for since_s, offset_s in offsets],
        np.array(calendar.holidays, np.int64),
    )


@dataclass(frozen=True, eq=False)
class AnnouncedEvents:
    """The events of a calendar, and the services of a fleet that each event brings traffic to.

    events    (e,).
    applies   (e, s) event e brings traffic to service s.
    """

    events: tuple[Event, ...]
    applies: NDArray[np.bool_]


def announced_events(calendar: Calendar, keys: Sequence[ServiceKey]) -> AnnouncedEvents:
    """The events of a calendar for the services `keys` (s,)."""
    applies = [[event.applies_to(key.series) for key in keys] for event in calendar.events]
    shape = (len(calendar.events), len(keys))
    return AnnouncedEvents(calendar.events, np.array(applies, np.bool_).reshape(shape))


def announced_rates(
    announced: AnnouncedEvents,
    state: FleetState,
    clock: Clock | None,
    *,
    now_s: int,
    lead_s: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(s,) requests/s that events announce for the time from `now_s` to `now_s + lead_s`; 0 = no event.

    An event that announces a multiple is a multiple of the seasonal baseline, which is read from the weekly
    and daily profiles at the part of the event that lies in that time.

    now_s    Unix seconds
    lead_s   (s,) seconds
    clock    the wall clocks of the services; None: UTC
    """
    announced_rate = np.zeros(len(state.keys), np.float32)
    until_s = now_s + np.ceil(lead_s).astype(np.int64)
    for event, applies in zip(announced.events, announced.applies, strict=True):
        services = np.flatnonzero(applies & (event.from_s < until_s) & (event.until_s > now_s))
        if not services.size:
            continue
        if event.requests_per_second is not None:
            rates = np.full(services.size, event.requests_per_second, np.float32)
        else:
            from models.peak.baseline import baseline  # noqa: PLC0415  # compiled: loaded where used

            begin_s = np.full(services.size, max(now_s, event.from_s))
            end_s = np.minimum(until_s[services], event.until_s)
            rates = np.float32(event.times or 0.0) * baseline(
                state.peak, services, begin_s, end_s, step_s=state.step_s, clock=clock
            )
        announced_rate[services] = np.maximum(announced_rate[services], rates)
    return announced_rate
