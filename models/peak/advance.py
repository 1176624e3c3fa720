"""The loops of the peak forecast over services and steps, in compiled form."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.hazard.mixture import update_mixture, window_event_prob
from models.numeric.clock import Clock, ZoneTable, local_time_s, utc
from models.numeric.compiled import compiled, compiled_loop
from models.peak.burst import had_onset, learn_burst_size, observe_event
from models.peak.dispersion import learn_dispersion
from models.peak.error import REFRESH_S, error_scale, learn_error, refresh_k
from models.peak.profile import update_profiles
from models.peak.regress import SOLVE_S, features, learn_pair, solve
from models.peak.state import BURSTS_KEPT, FEATURES, LEVELS, PENDING, POINTS, RING, ServiceRow, level_shares

GROWTH, OVER_NOW = 1.25, 3.0
"""No quantile is above GROWTH times the maximum rate of the past weeks, or OVER_NOW times the present rate,
whichever is larger: a model in logarithms would otherwise, after one outlier, ask for a thousand pods.
Chosen by hand."""
MAX_RATE_HALF_LIFE_S = 14 * 86400.0
"""Seconds in which the maximum rate of the past decays to a half.  Chosen by hand."""
MIN_BURSTS, MIN_BURST_PROB = 4, 2e-4
"""A burst has a weight in the forecast from this number of observed bursts and this probability on.  Chosen
by hand."""
MAX_LEAD_S = 86400.0
"""Longest lead time in seconds; a longer one is read as this one."""
_SHARES = level_shares(LEVELS)


class PeakForecasts(NamedTuple):
    """The forecasts of s services after each of n steps, of the peak of the window ahead, as point masses.

    point_rates    (s, n, POINTS) requests/s: first the quantiles at LEVELS without a burst, then one rate for
                   each of the kept bursts.  NaN where the service was never observed.
    point_weights  (s, n, POINTS) the probability of each, which sum to 1; 0 where the rates are NaN.
    event_prob     (s, n) the probability of an event: of any request in the window where `intermittent`, else
                   of a burst by the end of the window.
    intermittent   (s, n) the service has few requests.
    """

    point_rates: NDArray[np.float32]
    point_weights: NDArray[np.float32]
    event_prob: NDArray[np.float32]
    intermittent: NDArray[np.bool_]


class Grid(NamedTuple):
    """The steps of the rates.

    origin_s      Unix seconds at which the first step begins.
    step_s        seconds per step.
    window_steps  steps that each column is the mean over; 0: not known.
    """

    origin_s: int
    step_s: int
    window_steps: int


class PeakWindow(NamedTuple):
    """The window whose peak is forecast, counted from the end of the newest step.

    data_age_steps  steps to the present: the age of the data.
    first           steps to the beginning of the window, at most PENDING - 2.
    last            (s,) steps to the end of the window, first + 1 .. PENDING - 1.
    lead_s          (s,) seconds that the window is long.
    """

    data_age_steps: int
    first: int
    last: NDArray[np.int64]
    lead_s: NDArray[np.float64]


class Signals(NamedTuple):
    """What is known of the services from other sources than their rates; fields as in `advance`."""

    ensemble_peak: NDArray[np.float32]
    upstream: NDArray[np.intp]
    clock: Clock


def advance(
    state: NDArray[np.void],
    hazard: NDArray[np.void],
    rates: NDArray[np.float32],
    *,
    origin_s: int,
    step_s: int,
    first: int,
    lead_s: NDArray[np.float64],
    newest_only: bool = False,
    ensemble_peak: NDArray[np.float32] | None = None,
    upstream: NDArray[np.intp] | None = None,
    clock: Clock | None = None,
    window_steps: int = 1,
) -> PeakForecasts:
    """Update the state of a fleet with n steps of rates, and return the forecasts after each step.

    state          (s,) STATE of models.peak, changed in place
    hazard         (s,) STATE of models.hazard, changed in place
    rates          (s, n) requests/s; NaN = not observed, and values that cannot be a rate are read as NaN.
                   The steps follow those of the last call; a gap between calls is passed as steps of NaN.
                   Rows beyond s are of upstream services, which get no forecast
    origin_s       Unix seconds at which the first step begins, a multiple of step_s
    first          steps from the end of a step to the window that is forecast after it: the age of the data
    lead_s         (s,) seconds that the window is long, up to MAX_LEAD_S; NaN counts as 0.  The peak is
                   forecast of the first PENDING steps after the origin only
    newest_only    return only the forecast after the last step: n is 1 in the result
    ensemble_peak  (s,) the maximum log rate that the ensemble forecasts for the window; NaN = no forecast
    upstream       (s,) the row of each service's upstream service in `rates`; -1 = none
    clock          the wall clocks of the services; None: UTC
    window_steps   steps that each column is the mean over, itself and those before; 1: itself alone, 0: not
                   known
    """
    s, n = len(state), 1 if newest_only else rates.shape[1]
    forecasts = PeakForecasts(
        np.full((s, n, POINTS), np.nan, np.float32),
        np.zeros((s, n, POINTS), np.float32),
        np.zeros((s, n), np.float32),
        np.zeros((s, n), np.bool_),
    )
    lead_s = np.clip(np.nan_to_num(lead_s), 0.0, MAX_LEAD_S)
    # Of a window that begins beyond PENDING steps, the peak of the last step within them is forecast.
    first_kept = min(first, PENDING - 2)
    ends = first_kept + np.ceil(lead_s / step_s)
    last = np.clip(ends, first_kept + 1, PENDING - 1).astype(np.int64)
    signals = Signals(
        np.full(s, np.nan, np.float32) if ensemble_peak is None else ensemble_peak,
        np.full(s, -1, np.intp) if upstream is None else upstream,
        utc(s) if clock is None else clock,
    )
    grid, window = Grid(origin_s, step_s, window_steps), PeakWindow(first, first_kept, last, lead_s)
    _advance(state, hazard, np.ascontiguousarray(rates, np.float32), grid, window, signals, forecasts)
    return forecasts


@compiled_loop
def _advance(
    states: Any, hazards: Any, rates: Any, grid: Any, window: Any, signals: Any, forecasts: Any
) -> None:
    x, step_s, clock = np.zeros(FEATURES), grid.step_s, signals.clock
    steps, kept = rates.shape[1], forecasts.event_prob.shape[1]
    for i in range(len(states)):
        state, hazard = states[i], hazards[i]
        shifts = slice(clock.first[clock.zone[i]], clock.first[clock.zone[i] + 1])
        zone = ZoneTable(clock.since_s[shifts], clock.shift_s[shifts])
        row = ServiceRow(state, hazard, zone, window.first, window.last[i])
        upstream = signals.upstream[i]
        for j in range(steps):
            time_s = grid.origin_s + j * step_s
            upstream_event = math.nan
            if upstream >= 0 and not math.isnan(rates[upstream, j]):
                upstream_event = 1.0 if rates[upstream, j] > 0 else 0.0
            learn_step(row, rates[i, j], upstream_event, time_s, grid, x)
            now_s = time_s + step_s
            # Where only the newest forecast is returned, the others are still needed to learn their errors.
            column = min(j, kept - 1)
            if not math.isnan(state.last_z):
                point_rates = forecasts.point_rates[i, column]
                forecast_peak(row, now_s, step_s, signals.ensemble_peak[i], x, point_rates)
            if j < steps - kept:
                continue
            from_s = now_s + window.data_age_steps * step_s
            until_s = from_s + math.ceil(window.lead_s[i])
            if not state.intermittent:
                # A burst that began before the window, and is not known yet, is in its peak as well.
                from_s, until_s = now_s, now_s + row.last * step_s
            forecasts.event_prob[i, column] = window_event_prob(hazard, from_s, until_s, step_s, zone)
            forecasts.intermittent[i, column] = state.intermittent
            if not math.isnan(state.last_z):
                weigh_points(state, forecasts.event_prob[i, column], forecasts.point_weights[i, column])


@compiled
def learn_step(row: Any, rate: float, upstream_event: float, time_s: int, grid: Any, x: Any) -> None:
    """Update the state of one service with the step that begins at `time_s`, Unix seconds.

    row             ServiceRow
    rate            requests/s; a value that cannot be a rate counts as NaN, not observed
    upstream_event  1 where the upstream service had a request in the step, 0 where not; NaN = not known
    x               (FEATURES,) scratch space
    """
    state, hazard, zone, step_s = row.state, row.hazard, row.zone, grid.step_s
    if not 0 <= rate < math.inf:
        rate = math.nan
    z = math.log(rate + 0.5 / step_s)
    event = observe_event(state, hazard, rate, step_s)
    update_mixture(hazard, event, time_s, step_s, zone, upstream_event)
    state.rate[state.steps % RING], state.z[state.steps % RING] = rate, z
    state.steps += 1
    learn_dispersion(state, step_s, grid.window_steps)
    update_profiles(state, z, time_s, step_s, zone)
    if not math.isnan(z):
        state.last_z = z
        state.max_z = max(state.max_z - math.log(2.0) * step_s / MAX_RATE_HALF_LIFE_S, z)
    learn_pending(row, time_s, step_s, x)
    state.steps_since_solve += 1
    if state.steps_since_solve * step_s >= SOLVE_S:
        solve(state)
        state.steps_since_solve = 0
    if time_s // REFRESH_S != (time_s + step_s) // REFRESH_S:
        # While nothing is observed the histogram does not decay: else few errors would be left in it.
        refresh_k(state, 0.0 if math.isnan(z) else float(max(REFRESH_S, step_s)))


@compiled
def learn_pending(row: Any, time_s: int, step_s: int, x: Any) -> None:
    """Learn from the pending forecast whose window ends with the newest step, if its peak was observed.

    row      ServiceRow
    time_s   Unix seconds at which that step begins
    x        (FEATURES,) scratch space
    """
    state = row.state
    slot = (state.steps - row.last) % PENDING
    actual = max_recent_z(state, row.last - row.first)
    if state.steps > row.last and not math.isnan(state.location[slot]) and not math.isnan(actual):
        if had_onset(state, row.last):
            learn_burst_size(state, actual - state.location[slot])
        else:
            for f in range(FEATURES):
                x[f] = state.x[slot, f]
            learn_pair(state, x, actual, step_s)
            learn_error(state, slot, actual, local_time_s(row.zone, time_s), step_s)
        state.location[slot] = math.nan


@compiled
def max_recent_z(state: Any, steps: int) -> float:
    """The maximum z of the last `steps` steps; NaN where none was observed."""
    maximum = math.nan
    for back in range(1, steps + 1):
        value = state.z[(state.steps - back) % RING]
        if math.isnan(maximum) or value > maximum:
            maximum = value
    return maximum


@compiled
def forecast_peak(row: Any, time_s: int, step_s: int, ensemble_peak: float, x: Any, point_rates: Any) -> None:
    """Write the rates (POINTS,) of the forecast from the origin `time_s`; keep it until its window has ended.

    row            ServiceRow
    ensemble_peak  the maximum log rate that the ensemble forecasts for the window; NaN = no forecast
    x              (FEATURES,) scratch space
    """
    state = row.state
    slot = state.steps % PENDING
    features(row, x, time_s, step_s, ensemble_peak)
    location = 0.0
    for f in range(FEATURES):
        location += state.beta[f] * x[f]
        state.x[slot, f] = x[f]
    scale = error_scale(state, local_time_s(row.zone, time_s))
    cap = max(state.max_z + math.log(GROWTH), state.last_z + math.log(OVER_NOW))
    state.location[slot], state.scale[slot] = location, scale
    quantile = -math.inf
    for j in range(len(LEVELS)):
        quantile = max(quantile, location + scale * (state.k[j] + state.theta[j]))
        state.quantiles[slot, j] = quantile
        point_rates[j] = max(math.exp(min(quantile, cap)) - 0.5 / step_s, 0.0)
    for b in range(BURSTS_KEPT):
        burst = location + state.burst_sizes[b % max(min(state.bursts, BURSTS_KEPT), 1)]
        point_rates[len(LEVELS) + b] = max(math.exp(min(burst, cap)) - 0.5 / step_s, 0.0)


@compiled
def weigh_points(state: Any, event_prob: float, point_weights: Any) -> None:
    """Write the weights (POINTS,) of a forecast; those of the bursts are 0 until MIN_BURSTS were observed.

    event_prob   the probability of an event in the window
    """
    burst_prob = event_prob
    if state.intermittent:
        # Requests that follow those of the last step are no new event.
        burst_prob *= 0.0 if state.rate[(state.steps - 1) % RING] > 0 else state.burst_share
    if state.bursts < MIN_BURSTS or burst_prob < MIN_BURST_PROB:
        burst_prob = 0.0
    for j in range(len(LEVELS)):
        point_weights[j] = (1 - burst_prob) * _SHARES[j]
    for b in range(BURSTS_KEPT):
        point_weights[len(LEVELS) + b] = burst_prob / BURSTS_KEPT
