"""The forecast of a whole fleet, step by step: values in, values out.

    warm_start    once, before the short steps: weeks of history in long ones
    advance   every step: what came is scored against what was said, and a new forecast is made
    forecast  the newest one, as FleetForecast

What is forecast is the *peak* over the window in which a floor decided now has its effect: from now until a
pod asked for at the next plan could be ready (models.peak), and what bursts or next requests may come in it
(models.hazard).  A floor must align_rows the peak of that window, not its mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from models.fleet.forecast import FleetForecast
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from models.hazard import state as hazard
from models.numeric import quantiles
from models.numeric.clock import Clock
from models.peak import state as peak

LEVELS = peak.LEVELS
_EVEN = np.full(peak.POINTS, 1 / peak.POINTS, np.float32)


@dataclass(frozen=True, eq=False)
class LeadWindow:
    """Which time after the origin a plan must align_rows.

    first   steps from the origin (end of what is known) to now: the age of the data.
    lead_s  (s,) seconds from now to the moment when pods asked for at the next plan are ready.
    """

    first: int
    lead_s: NDArray[np.float64]
    step_s: int

    @property
    def last(self) -> NDArray[np.intp]:
        """(s,) steps from the origin to the window's end."""
        ends = self.first + np.ceil(self.lead_s / self.step_s)
        return np.asarray(np.maximum(ends, self.first + 1), np.intp)

    @property
    def horizon(self) -> int:
        """Steps a forecast must reach."""
        return int(self.last.max(initial=self.first + 1))


def window(delay_s: float, staleness_s: float, lead_s: NDArray[np.float64], step_s: int) -> LeadWindow:
    """The window for leads (s,) in seconds from now.

    The data are `delay_s` old when read, and stand for up to `staleness_s` more before newer ones follow.
    """
    first = int(np.ceil(delay_s / step_s))
    # What of the first step lies before now counts into the lead, so that none of it is lost.
    return LeadWindow(first, delay_s + staleness_s + lead_s - first * step_s, step_s)


@dataclass(frozen=True, eq=False)
class FleetState:
    """All that the forecast knows, between two steps.

    keys     (s,).  origin_s: where what is known ends.
    peak, hazard   (s,) records of models.peak and models.hazard.
    rates, weights (s, p) the newest forecast: requests/s that the window's peak may have, and how likely each
             is.  chances (s,) that any request, or a burst, comes; sparse (s,) which of the two.
    silent_s (s,) seconds since a service with traffic was last observed; lively (s,) it had some then.
    """

    keys: tuple[ServiceKey, ...]
    step_s: int
    origin_s: int
    peak: NDArray[np.void]
    hazard: NDArray[np.void]
    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: NDArray[np.float32]
    sparse: NDArray[np.bool_]
    silent_s: NDArray[np.float64]
    lively: NDArray[np.bool_]


_PER_SERVICE = ("peak", "hazard", "rates", "weights", "chances", "sparse", "silent_s", "lively")


def start(keys: tuple[ServiceKey, ...], step_s: int, origin_s: int) -> FleetState:
    """A state that knows nothing yet."""
    s = len(keys)
    return FleetState(
        keys=keys,
        step_s=step_s,
        origin_s=origin_s,
        peak=peak.start(s),
        hazard=hazard.start(s),
        rates=np.full((s, peak.POINTS), np.nan, np.float32),
        weights=np.zeros((s, peak.POINTS), np.float32),
        chances=np.zeros(s, np.float32),
        sparse=np.ones(s, np.bool_),
        silent_s=np.zeros(s),
        lively=np.zeros(s, np.bool_),
    )


def warm_start(
    state: FleetState,
    history: FleetHistory,
    win: LeadWindow,
    first: int = 0,
    *,
    clock: Clock | None = None,
) -> FleetState:
    """The state that learned from `history`, before any short step came.  Its arrays are changed in place.

    The history is of the services from the row `first` on: weeks of all at once are much memory.

    clock   whose days and weeks each service of the state lives by; None: UTC
    """
    from models.peak.warm_start import warm_start as learn  # noqa: PLC0415  # compiled: loaded where used

    some = slice(first, first + len(history.keys))
    if history.keys != state.keys[some]:
        raise ValueError("history and state are of different fleets")
    learn(
        state.peak[some],
        state.hazard[some],
        history.arrivals,
        origin_s=history.start_s,
        step_s=history.step_s,
        delay_s=win.first * state.step_s,
        lead_s=win.lead_s[some],
        clock=None if clock is None else clock.of(some),
    )
    return state


def follow(state: FleetState, keys: tuple[ServiceKey, ...]) -> FleetState:
    """The state for another fleet: services that stay keep what is known of them."""
    if keys == state.keys:
        return state
    before = rows.previous_rows(state.keys, keys)
    if not (before >= 0).any():
        return start(keys, state.step_s, state.origin_s)
    # A second state of the whole fleet beside the two of before and after would be much memory.
    new = start(keys[:1], state.step_s, state.origin_s)
    carried = {}
    for name in _PER_SERVICE:
        one = getattr(new, name)
        fresh = np.broadcast_to(one, (len(keys), *one.shape[1:]))
        carried[name] = rows.align_rows(getattr(state, name), before, fresh)
    return replace(state, keys=keys, **carried)


def advance(
    state: FleetState,
    arrivals: NDArray[np.float32],
    win: LeadWindow,
    *,
    ensemble_peak: NDArray[np.float32] | None = None,
    callers: NDArray[np.intp] | None = None,
    clock: Clock | None = None,
    window_steps: int = 1,
) -> FleetState:
    """The state after the steps (s, n) of `arrivals` requests/s; NaN = not observed.

    slower   (s,) the highest log rate that slower models expect in the window after the last step; NaN = they
             say nothing
    callers  (s,) the row of each service's caller; -1 = it has none
    clock    whose days and weeks each service lives by, as it is known now; None: UTC
    smeared  steps that each column is the mean over, itself and those before; 0: not known

    The arrays of the state passed in are reused: do not use it again.
    """
    from models.peak.advance import advance as take  # noqa: PLC0415

    steps = arrivals.shape[1]
    if not steps:
        return state
    said = take(
        state.peak,
        state.hazard,
        arrivals,
        origin_s=state.origin_s,
        step_s=state.step_s,
        first=win.first,
        lead_s=win.lead_s,
        newest_only=True,
        ensemble_peak=ensemble_peak,
        callers=callers,
        clock=clock,
        window_steps=window_steps,
    )
    silent_s, lively = state.silent_s, state.lively
    for j in range(steps):
        seen = ~np.isnan(arrivals[:, j])
        lively = np.where(seen, arrivals[:, j] > 0, lively)
        silent_s = np.where(seen | ~lively, 0.0, silent_s + state.step_s)
    return replace(
        state,
        origin_s=state.origin_s + steps * state.step_s,
        rates=said.rates[:, -1],
        weights=said.weights[:, -1],
        chances=said.chances[:, -1],
        sparse=said.sparse[:, -1],
        silent_s=silent_s,
        lively=lively,
    )


def with_callers(
    state: FleetState, before: Mapping[ServiceKey, ServiceKey], now: Mapping[ServiceKey, ServiceKey]
) -> FleetState:
    """The state when services have other callers than `before`.  Its arrays are changed in place."""
    called = np.array([key in now for key in state.keys], np.bool_)
    anew = np.array([before.get(key) != now.get(key) for key in state.keys], np.bool_)
    hazard.with_callers(state.hazard, called, anew)
    return state


def reset_origin(state: FleetState, origin_s: int) -> FleetState:
    """The state at a later origin, when the steps up to it are lost: what was said of them is let go."""
    if origin_s == state.origin_s:
        return state
    for name in ("rate", "z", "place"):
        state.peak[name] = np.nan
    state.peak["onset"] = 0
    return replace(state, origin_s=origin_s)


def forecast(
    state: FleetState, win: LeadWindow, *, announced_rate: NDArray[np.float32] | None = None
) -> FleetForecast:
    """The newest forecast, at LEVELS.  A level holds for the peak of the window: every step has the same.

    least   (s,) requests/s that were announced for the window; 0 where nothing was, None: nowhere
    """
    if announced_rate is not None and announced_rate.any():
        state = _with_announced(state, win, announced_rate)
    known = ~np.isnan(state.rates[:, 0])
    values = np.zeros((len(state.keys), LEVELS.size), np.float32)
    values[known] = quantiles.quantiles(state.rates[known], state.weights[known], LEVELS)
    path = np.repeat(values[:, :, np.newaxis], win.horizon, axis=2)
    return FleetForecast(
        state.keys, LEVELS, path, state.origin_s, state.step_s, known,
        rates=state.rates, weights=state.weights, chances=state.chances, sparse=state.sparse, announced_rate=announced_rate,
    )  # fmt: skip


def dispersions(state: FleetState) -> NDArray[np.float64]:
    """(s,) variance over mean of each service's counts of a second; 1 where nothing is known."""
    from models.peak.dispersion import dispersions as learned  # noqa: PLC0415

    return learned(state.peak)


def _with_announced(state: FleetState, win: LeadWindow, announced_rate: NDArray[np.float32]) -> FleetState:
    """The state with a forecast of at least these rates (s,)."""
    rates, weights, chances = with_announced(
        announced_rate,
        win.lead_s,
        rates=state.rates,
        weights=state.weights,
        chances=state.chances,
        sparse=state.sparse,
    )
    return replace(state, rates=rates, weights=weights, chances=chances)


def with_announced(
    announced_rate: NDArray[np.float32],
    lead_s: NDArray[np.float64],
    *,
    rates: NDArray[np.float32],
    weights: NDArray[np.float32],
    chances: NDArray[np.float32],
    sparse: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Rates, weights and chances of windows (w,) for which `least` requests/s were announced; 0: nothing was.

    What was never observed comes just so.  lead_s (w,) that a window is long; the others as in FleetState
    """
    unknown = (np.isnan(rates[:, 0]) & (announced_rate > 0))[:, np.newaxis]
    some = -np.expm1(-announced_rate * lead_s)
    return (
        np.where(unknown, announced_rate[:, np.newaxis], np.maximum(rates, announced_rate[:, np.newaxis])),
        np.where(unknown, _EVEN, weights).astype(np.float32),
        np.where(sparse, np.maximum(chances, some), chances).astype(np.float32),
    )
