"""One service's forecasts as the live cycle would have made them, with what else it would have been told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.calendar import Calendar
from forecaster.forecasting import online
from forecaster.forecasting.calendar import Announced, announced, announced_rates, clocks
from forecaster.forecasting.upstream import UpstreamEvents
from models.fleet.keys import ServiceKey
from models.hazard import state as hazard
from models.numeric.clock import Clock
from scaler.simulation.pod_model import PodModel

STEP_S = 30
"""Of the forecast, and from one plan to the next."""
NO_CALENDAR = Calendar()


@dataclass(frozen=True, eq=False)
class Hindcast:
    """What was forecast for one service, step by step (n).

    at_s     (n,) seconds from the first arrival at which the plan is made that a forecast is for.
    rates, weights   (n, p) requests/s of the window's peak, and how likely each is.
    chances  (n,) that any request, or a burst, comes in the window.
    sparse   (n,) True where `chances` is of any request.
    least    (n,) requests/s announced for the window, which `rates` are not below; None: never anything.
    """

    at_s: NDArray[np.int64]
    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: NDArray[np.float32]
    sparse: NDArray[np.bool_]
    announced_rate: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class ServiceCalendar:
    """What a calendar tells of the service `key`: its wall clock, None: UTC, and the events."""

    key: ServiceKey
    clock: Clock | None
    events: Announced

    def near(self, now_s: NDArray[np.int64], lead_s: float) -> NDArray[np.bool_]:
        """(n,) is any of its events in the `lead_s` seconds from `now_s` (n,) on, Unix seconds."""
        near = np.zeros(len(now_s), np.bool_)
        for event, on in zip(self.events.events, self.events.on[:, 0], strict=True):
            if on:
                near |= (event.from_s < now_s + np.ceil(lead_s)) & (event.until_s > now_s)
        return near


def service_calendar(
    series: str, calendar: Calendar = NO_CALENDAR, zone: str | None = None
) -> ServiceCalendar:
    """What is told of the series of that name, which lives by `zone`; None: as the calendar says."""
    key = ServiceKey.of_series(series)
    return ServiceCalendar(key, clocks(calendar, [zone]), announced(calendar, [key]))


NO_EVENTS = service_calendar("")


def hindcast(
    arrivals: NDArray[np.float32],
    start_s: int,
    world: PodModel,
    delay_s: int,
    calls: UpstreamEvents | None = None,
    ahead: ServiceCalendar = NO_EVENTS,
) -> Hindcast:
    """The forecasts of one service as they would have been made, from what was known `delay_s` before.

    arrivals   (n,) requests in each second
    start_s    Unix seconds of the first
    calls      who called the service; None: nobody ever
    ahead      what a calendar told of it
    """
    from models.peak.advance import advance  # noqa: PLC0415  # compiled: loaded where used

    rates, first = _by_step(arrivals[np.newaxis]), -(-delay_s // STEP_S)
    if calls is not None:
        rates = np.concatenate([rates, _by_step(calls.arrivals)])
    at_s = (np.arange(rates.shape[1], dtype=np.int64) + 1 + first) * STEP_S
    lead_s = np.array([world.longest_startup_s + STEP_S])
    near, least = ahead.near(start_s + at_s, float(lead_s[0])), np.zeros(len(at_s), np.float32)
    state, said, before = online.start((ahead.key,), STEP_S, start_s // STEP_S * STEP_S), [], -1
    for begin, end, caller in _pieces(_turns(calls, len(at_s)), near):
        if caller != before:
            hazard.with_callers(state.hazard, np.array([caller > 0]), np.ones(1, np.bool_))
            before = caller
        said.append(
            advance(
                state.peak,
                state.hazard,
                rates[:, begin:end],
                origin_s=state.origin_s + begin * STEP_S,
                step_s=STEP_S,
                first=first,
                lead_s=lead_s,
                callers=np.array([caller], np.intp),
                clock=ahead.clock,
            )
        )
        if near[begin:end].any():
            now_s = start_s + int(at_s[begin])
            least[begin] = announced_rates(ahead.events, state, ahead.clock, now_s=now_s, lead_s=lead_s)[0]
    return _with_announced(at_s, said, least, lead_s)


def _with_announced(
    at_s: NDArray[np.int64], said: Sequence[Any], least: NDArray[np.float32], lead_s: NDArray[np.float64]
) -> Hindcast:
    """What was said piece by piece (models.peak.advance), and not less than was announced, `least` (n,)."""
    rates, weights, chances, sparse = (
        np.concatenate([getattr(one, name)[0] for one in said])
        for name in ("rates", "weights", "chances", "sparse")
    )
    if not least.any():
        return Hindcast(at_s, rates, weights, chances, sparse)
    rates, weights, chances = online.with_announced(
        least, lead_s, rates=rates, weights=weights, chances=chances, sparse=sparse
    )
    return Hindcast(at_s, rates, weights, chances, sparse, least)


def _by_step(arrivals: NDArray[np.float32]) -> NDArray[np.float32]:
    """(r, steps) requests/s in each whole step, of (r, n) requests in each second."""
    steps = arrivals.shape[1] // STEP_S
    parts = arrivals[:, : steps * STEP_S].reshape(len(arrivals), steps, STEP_S)
    return np.asarray(parts.mean(axis=2, dtype=np.float64), np.float32)


Piece = tuple[int, int, int]
"""First step, the one after the last, and the caller's row beside the service's own one; -1 = none."""


def _turns(calls: UpstreamEvents | None, steps: int) -> list[Piece]:
    """In which steps who was the caller."""
    if calls is None or not steps:
        return [(0, steps, -1)]
    begins = [0, *np.clip(-(-calls.from_s // STEP_S), 0, steps).tolist(), steps]
    callers = [-1, *np.where(calls.caller < 0, -1, calls.caller + 1).tolist()]
    turns = zip(pairwise(begins), callers, strict=True)
    return [(begin, end, caller) for (begin, end), caller in turns if begin < end]


def _pieces(turns: Sequence[Piece], near: NDArray[np.bool_]) -> Iterator[Piece]:
    """The same, but every step that is `near` (n,) is one alone: what is usual then is read after it."""
    for begin, end, caller in turns:
        alone = begin + np.flatnonzero(near[begin:end])
        cuts = sorted({begin, *alone.tolist(), *(alone + 1).tolist(), end})
        for one, other in pairwise(cuts) if begin < end else [(begin, end)]:
            yield one, other, caller
