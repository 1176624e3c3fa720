"""Forecast the arrivals of a whole fleet, updated with each step: receives rates, returns a FleetForecast.

initial_state   a state that has learned nothing
warm_start      once, before the first short step: learn from weeks of history in long steps
advance         at each step: compare the observed rates with the last forecast, learn, make a new forecast
forecast        the newest forecast, as quantiles and as point masses
realign         the same state for another set of services

The forecast is of the *peak* of the lead window: from now until a pod that the next plan requests could
serve.  A floor has to serve the peak of that window, not its mean.  `models.peak` forecasts the peak,
`models.hazard` the bursts and single requests that may occur in the window.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import models.hazard.state
import models.peak.state
from forecaster.forecasting.lead_window import LeadWindow
from models.fleet.forecast import FleetForecast
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey
from models.fleet.rows import align_rows, previous_rows
from models.numeric.clock import Clock
from models.numeric.quantiles import mixture_quantiles
from models.peak.state import LEVELS, POINTS

_EQUAL_WEIGHTS = np.full(POINTS, 1 / POINTS, np.float32)
"""Weights of the point masses of a service that is known by an announced event only."""


@dataclass(frozen=True, eq=False)
class FleetState:
    """Everything that the forecast of a fleet has learned, between two steps.

    keys           (s,).
    step_s         seconds per step.
    origin_s       Unix seconds at which the observed data end.
    peak, hazard   (s,) records of models.peak and models.hazard.
    point_rates    (s, p) the newest forecast as point masses: requests/s that the peak of the window may
                   have; NaN where the service was never observed.
    point_weights  (s, p) the probability of each.
    event_prob     (s,) probability of an event in the window: of any request where `intermittent`, else of a
                   burst.
    intermittent   (s,) the service has few requests.
    unobserved_s   (s,) seconds since a service with traffic was last observed; 0 where it had no traffic.
    had_traffic    (s,) the service had traffic when it was last observed.
    """

    keys: tuple[ServiceKey, ...]
    step_s: int
    origin_s: int
    peak: NDArray[np.void]
    hazard: NDArray[np.void]
    point_rates: NDArray[np.float32]
    point_weights: NDArray[np.float32]
    event_prob: NDArray[np.float32]
    intermittent: NDArray[np.bool_]
    unobserved_s: NDArray[np.float64]
    had_traffic: NDArray[np.bool_]


_PER_SERVICE = (
    "peak",
    "hazard",
    "point_rates",
    "point_weights",
    "event_prob",
    "intermittent",
    "unobserved_s",
    "had_traffic",
)


def initial_state(keys: tuple[ServiceKey, ...], step_s: int, origin_s: int) -> FleetState:
    """A state that has learned nothing; arguments as in FleetState."""
    s = len(keys)
    return FleetState(
        keys=keys,
        step_s=step_s,
        origin_s=origin_s,
        peak=models.peak.state.start(s),
        hazard=models.hazard.state.start(s),
        point_rates=np.full((s, POINTS), np.nan, np.float32),
        point_weights=np.zeros((s, POINTS), np.float32),
        event_prob=np.zeros(s, np.float32),
        intermittent=np.ones(s, np.bool_),
        unobserved_s=np.zeros(s),
        had_traffic=np.zeros(s, np.bool_),
    )


def warm_start(
    state: FleetState,
    history: FleetHistory,
    window: LeadWindow,
    first: int = 0,
    *,
    clock: Clock | None = None,
) -> FleetState:
    """Learn from weeks of history in long steps, before the first short step; changes the state in place.

    history   of the services from row `first` on: the history of all services together needs much memory
    window    of all services of the state
    first     row of the first service of the history
    clock     the wall clocks of all services of the state; None: UTC

    Raises:
        ValueError: the services of the history are not those of these rows.
    """
    import models.peak.warm_start  # noqa: PLC0415  # compiled: loaded where used

    chunk = slice(first, first + len(history.keys))
    if history.keys != state.keys[chunk]:
        raise ValueError("history: the services must be those of the state, in the same order")
    models.peak.warm_start.warm_start(
        state.peak[chunk],
        state.hazard[chunk],
        history.arrivals,
        origin_s=history.start_s,
        step_s=history.step_s,
        delay_s=window.first * state.step_s,
        lead_s=window.lead_s[chunk],
        clock=None if clock is None else clock.select(chunk),
    )
    return state


def realign(state: FleetState, keys: tuple[ServiceKey, ...]) -> FleetState:
    """The state for the services `keys`: it keeps what is known of a service; new services begin without."""
    if keys == state.keys:
        return state
    old_rows = previous_rows(state.keys, keys)
    if not (old_rows >= 0).any():
        return initial_state(keys, state.step_s, state.origin_s)
    # One row is broadcast: a third state of the whole fleet would need much memory.
    initial = initial_state(keys[:1], state.step_s, state.origin_s)
    aligned = {}
    for name in _PER_SERVICE:
        row = getattr(initial, name)
        fresh = np.broadcast_to(row, (len(keys), *row.shape[1:]))
        aligned[name] = align_rows(getattr(state, name), old_rows, fresh)
    return replace(state, keys=keys, **aligned)


def advance(
    state: FleetState,
    arrivals: NDArray[np.float32],
    window: LeadWindow,
    *,
    ensemble_peak: NDArray[np.float32] | None = None,
    upstream: NDArray[np.intp] | None = None,
    clock: Clock | None = None,
    window_steps: int = 1,
) -> FleetState:
    """The state after n observed steps; the arrays of the given state are reused: do not use it again.

    arrivals       (s, n) requests/s of the steps; NaN = not observed
    ensemble_peak  (s,) the maximum log rate that the ensemble forecasts for the window after the last step;
                   NaN = no forecast
    upstream       (s,) the row of each service's upstream service; -1 = none
    clock          the wall clocks of the services; None: UTC
    window_steps   steps that each column is the mean over, itself and those before; 0: not known
    """
    import models.peak.advance  # noqa: PLC0415  # compiled: loaded where used

    steps = arrivals.shape[1]
    if not steps:
        return state
    forecasts = models.peak.advance.advance(
        state.peak,
        state.hazard,
        arrivals,
        origin_s=state.origin_s,
        step_s=state.step_s,
        first=window.first,
        lead_s=window.lead_s,
        newest_only=True,
        ensemble_peak=ensemble_peak,
        upstream=upstream,
        clock=clock,
        window_steps=window_steps,
    )
    unobserved_s, had_traffic = state.unobserved_s, state.had_traffic
    for j in range(steps):
        observed = ~np.isnan(arrivals[:, j])
        had_traffic = np.where(observed, arrivals[:, j] > 0, had_traffic)
        unobserved_s = np.where(observed | ~had_traffic, 0.0, unobserved_s + state.step_s)
    return replace(
        state,
        origin_s=state.origin_s + steps * state.step_s,
        point_rates=forecasts.point_rates[:, -1],
        point_weights=forecasts.point_weights[:, -1],
        event_prob=forecasts.event_prob[:, -1],
        intermittent=forecasts.intermittent[:, -1],
        unobserved_s=unobserved_s,
        had_traffic=had_traffic,
    )


def with_upstream(
    state: FleetState,
    previous: Mapping[ServiceKey, ServiceKey],
    current: Mapping[ServiceKey, ServiceKey],
) -> FleetState:
    """The state after a change of the upstream services; its arrays are changed in place.

    previous, current   service -> its upstream service; a service that is absent has none
    """
    has_upstream = np.array([key in current for key in state.keys], np.bool_)
    changed = np.array([previous.get(key) != current.get(key) for key in state.keys], np.bool_)
    models.hazard.state.set_upstream(state.hazard, has_upstream, changed)
    return state


def reset_origin(state: FleetState, origin_s: int) -> FleetState:
    """The state at another origin, where the steps up to it are lost; their forecasts are dropped."""
    if origin_s == state.origin_s:
        return state
    for name in ("rate", "z", "location"):
        state.peak[name] = np.nan
    state.peak["onset"] = 0
    return replace(state, origin_s=origin_s)


def forecast(
    state: FleetState, window: LeadWindow, *, announced_rate: NDArray[np.float32] | None = None
) -> FleetForecast:
    """The newest forecast of the peak of the window; its quantiles, at LEVELS, are the same at every step.

    announced_rate   (s,) requests/s that an event announces for the window, 0 = no event; None: no event for
                     any service
    """
    if announced_rate is not None and announced_rate.any():
        state = _state_with_announced(state, window, announced_rate)
    known = ~np.isnan(state.point_rates[:, 0])
    values = np.zeros((len(state.keys), LEVELS.size), np.float32)
    values[known] = mixture_quantiles(state.point_rates[known], state.point_weights[known], LEVELS)
    return FleetForecast(
        state.keys,
        LEVELS,
        np.repeat(values[:, :, np.newaxis], window.horizon, axis=2),
        state.origin_s,
        state.step_s,
        known,
        point_rates=state.point_rates,
        point_weights=state.point_weights,
        event_prob=state.event_prob,
        intermittent=state.intermittent,
        announced_rate=announced_rate,
    )


def dispersions(state: FleetState) -> NDArray[np.float64]:
    """(s,) variance over mean of the requests of a second of each service; 1 where nothing is known."""
    import models.peak.dispersion  # noqa: PLC0415  # compiled: loaded where used

    return models.peak.dispersion.dispersions(state.peak)


def _state_with_announced(
    state: FleetState, window: LeadWindow, announced_rate: NDArray[np.float32]
) -> FleetState:
    point_rates, point_weights, event_prob = with_announced(
        announced_rate,
        window.lead_s,
        point_rates=state.point_rates,
        point_weights=state.point_weights,
        event_prob=state.event_prob,
        intermittent=state.intermittent,
    )
    return replace(state, point_rates=point_rates, point_weights=point_weights, event_prob=event_prob)


def with_announced(
    announced_rate: NDArray[np.float32],
    lead_s: NDArray[np.float64],
    *,
    point_rates: NDArray[np.float32],
    point_weights: NDArray[np.float32],
    event_prob: NDArray[np.float32],
    intermittent: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Point rates, point weights and event probabilities of w windows, raised to announced rates.

    No point rate is below the announced rate.  A service that was never observed has the announced rate
    itself.

    announced_rate   (w,) requests/s; 0 = no event
    lead_s           (w,) seconds that a window is long
    point_rates, point_weights, event_prob, intermittent   (w, ...) as in FleetState
    """
    event_only = (np.isnan(point_rates[:, 0]) & (announced_rate > 0))[:, np.newaxis]
    rate = announced_rate[:, np.newaxis]
    arrival_prob = -np.expm1(-announced_rate * lead_s)
    return (
        np.where(event_only, rate, np.maximum(point_rates, rate)),
        np.where(event_only, _EQUAL_WEIGHTS, point_weights).astype(np.float32),
        np.where(intermittent, np.maximum(event_prob, arrival_prob), event_prob).astype(np.float32),
    )
