"""Compute the forecasts that the live planner would have made for one service in the past.

Calendar events and events of upstream services enter as they do live.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.calendar import AnnouncedEvents, announced_events, announced_rates, fleet_clock
from forecaster.forecasting.upstream import UpstreamEvents
from models.fleet.keys import ServiceKey
from models.hazard import state as hazard
from models.numeric.clock import Clock
from scaler.plan.timing import lead_time_s
from scaler.simulation.pod_model import PodModel

STEP_S = 30
"""Seconds of a step of the forecast, and from one plan to the next."""
NO_CALENDAR = Calendar()
NO_UPSTREAM = -1
"""In place of the index of an upstream service: there is none."""


@dataclass(frozen=True, eq=False)
class Hindcast:
    """The forecasts of one service at n plans.

    at_s                         (n,) seconds from the first arrival at which the plan is made.
    point_rates, point_weights   (n, p) requests/s and probabilities: point masses of the peak of the window.
    event_prob                   (n,) probability of any request, or of a burst, in the window.
    intermittent                 (n,) True where `event_prob` is that of any request.
    announced_rate               (n,) requests/s of announced events, which no point rate is below; None = no
                                 event.
    """

    at_s: NDArray[np.int64]
    point_rates: NDArray[np.float32]
    point_weights: NDArray[np.float32]
    event_prob: NDArray[np.float32]
    intermittent: NDArray[np.bool_]
    announced_rate: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class ServiceCalendar:
    """The calendar of the service `key`: its wall clock (None = UTC) and its announced events."""

    key: ServiceKey
    clock: Clock | None
    events: AnnouncedEvents

    def has_event(self, now_s: NDArray[np.int64], lead_s: float) -> NDArray[np.bool_]:
        """Return (n,) whether an event lies within `lead_s` seconds from `now_s` (n,), Unix seconds."""
        has_event = np.zeros(len(now_s), np.bool_)
        for event, concerned in zip(self.events.events, self.events.applies[:, 0], strict=True):
            if concerned:
                has_event |= (event.from_s < now_s + np.ceil(lead_s)) & (event.until_s > now_s)
        return has_event


def service_calendar(
    series: str, calendar: Calendar = NO_CALENDAR, zone: str | None = None
) -> ServiceCalendar:
    """Return the calendar of the series of that name in a time zone; None = the zone of the calendar."""
    key = ServiceKey.from_series(series)
    return ServiceCalendar(key, fleet_clock(calendar, [zone]), announced_events(calendar, [key]))


NO_EVENTS = service_calendar("")


def hindcast(
    arrivals: NDArray[np.float32],
    start_s: int,
    pod_model: PodModel,
    delay_s: int,
    upstream: UpstreamEvents | None = None,
    calendar: ServiceCalendar = NO_EVENTS,
) -> Hindcast:
    """Return the forecasts of one service, each from what was known `delay_s` seconds before its plan.

    arrivals   (n,) requests in each second
    start_s    Unix seconds of the first second
    upstream   the services that this one followed, and their arrivals; None = it never followed one
    calendar   its wall clock and announced events
    """
    from models.peak.advance import advance  # noqa: PLC0415  # compiled: loaded where used

    rates, first = _by_step(arrivals[np.newaxis]), -(-delay_s // STEP_S)
    if upstream is not None:
        rates = np.concatenate([rates, _by_step(upstream.arrivals)])
    at_s = (np.arange(rates.shape[1], dtype=np.int64) + 1 + first) * STEP_S
    lead_s = np.array([lead_time_s(pod_model.longest_startup_s, STEP_S)])
    has_event = calendar.has_event(start_s + at_s, float(lead_s[0]))
    announced_rate = np.zeros(len(at_s), np.float32)
    state = online.initial_state((calendar.key,), STEP_S, start_s // STEP_S * STEP_S)
    forecasts, previous = [], NO_UPSTREAM
    for begin, end, upstream_row in _spans(_upstream_spans(upstream, len(at_s)), has_event):
        if upstream_row != previous:
            hazard.set_upstream(state.hazard, np.array([upstream_row > 0]), np.ones(1, np.bool_))
            previous = upstream_row
        forecasts.append(
            advance(
                state.peak,
                state.hazard,
                rates[:, begin:end],
                origin_s=state.origin_s + begin * STEP_S,
                step_s=STEP_S,
                first=first,
                lead_s=lead_s,
                upstream=np.array([upstream_row], np.intp),
                clock=calendar.clock,
            )
        )
        if has_event[begin:end].any():
            now_s = start_s + int(at_s[begin])
            event_rates = announced_rates(calendar.events, state, calendar.clock, now_s=now_s, lead_s=lead_s)
            announced_rate[begin] = event_rates[0]
    return _with_announced(at_s, forecasts, announced_rate, lead_s)


def _with_announced(
    at_s: NDArray[np.int64],
    forecasts: Sequence[Any],
    announced_rate: NDArray[np.float32],
    lead_s: NDArray[np.float64],
) -> Hindcast:
    """Join the forecasts of successive spans; no rate is below the announced rate (n,)."""
    rates, weights, event_prob, intermittent = (
        np.concatenate([getattr(forecast, name)[0] for forecast in forecasts])
        for name in ("point_rates", "point_weights", "event_prob", "intermittent")
    )
    if not announced_rate.any():
        return Hindcast(at_s, rates, weights, event_prob, intermittent)
    rates, weights, event_prob = online.with_announced(
        announced_rate,
        lead_s,
        point_rates=rates,
        point_weights=weights,
        event_prob=event_prob,
        intermittent=intermittent,
    )
    return Hindcast(at_s, rates, weights, event_prob, intermittent, announced_rate)


def _by_step(arrivals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return requests/s (r, steps) of each whole step, of requests (r, n) in each second."""
    steps = arrivals.shape[1] // STEP_S
    parts = arrivals[:, : steps * STEP_S].reshape(len(arrivals), steps, STEP_S)
    return np.asarray(parts.mean(axis=2, dtype=np.float64), np.float32)


Span = tuple[int, int, int]
"""First step, step after the last, and the row of the upstream service (the own row is 0), or NO_UPSTREAM."""


def _upstream_spans(upstream: UpstreamEvents | None, steps: int) -> list[Span]:
    """Return the spans of steps with the same upstream service."""
    if upstream is None or not steps:
        return [(0, steps, NO_UPSTREAM)]
    begins = [0, *np.clip(-(-upstream.from_s // STEP_S), 0, steps).tolist(), steps]
    rows = [NO_UPSTREAM, *np.where(upstream.upstream < 0, NO_UPSTREAM, upstream.upstream + 1).tolist()]
    spans = zip(pairwise(begins), rows, strict=True)
    return [(begin, end, row) for (begin, end), row in spans if begin < end]


def _spans(upstream_spans: Sequence[Span], has_event: NDArray[np.bool_]) -> Iterator[Span]:
    """Cut the spans so that every step with an event (n,) is a span: the baseline is read after it."""
    for begin, end, upstream_row in upstream_spans:
        event_steps = begin + np.flatnonzero(has_event[begin:end])
        cuts = sorted({begin, *event_steps.tolist(), *(event_steps + 1).tolist(), end})
        for first, last in pairwise(cuts) if begin < end else [(begin, end)]:
            yield first, last, upstream_row
