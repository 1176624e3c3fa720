"""The loops of the peak's forecast over services and steps, in compiled form."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hazard.mixture import chance
from models.hazard.mixture import follow as follow_events
from models.numeric.clock import Clock, local_time_s, utc
from models.numeric.compiled import compiled, compiled_loop
from models.peak.burst import event_of, had_onset, learn_size
from models.peak.dispersion import learn_dispersion
from models.peak.error import RESHAPE_S, learn_error, reshape, sigma
from models.peak.profile import follow
from models.peak.regress import SOLVE_S, features, learn, solve
from models.peak.state import FEATURES, LEVELS, PENDING, POINTS, PRIOR, RIDGE, RING, SIZES, level_shares

GROWTH, OVER_NOW = 1.25, 3.0
"""No quantile goes beyond GROWTH x the highest rate of the past weeks, or OVER_NOW x the present one.

A model in logarithms would otherwise, after one outlier, ask for a thousand pods.
"""
FADE_S = 14 * 86400.0
"""The highest rate of the past counts half of what it was after this long."""
MIN_BURSTS, MIN_CHANCE = 4, 2e-4
"""Fewer windows with one, or less likely, are no reason to reckon with one."""
MAX_LEAD_S = 86400.0
_SHARES = level_shares(LEVELS)
_PRIOR = np.array([*PRIOR, *[0.0] * (FEATURES - len(PRIOR))])


@dataclass(frozen=True, eq=False)
class Said:
    """What was forecast after each of n steps for s services, of the peak of the window ahead.

    rates    (s, n, POINTS) requests/s with weights (s, n, POINTS), which add up to 1: first the quantiles at
             LEVELS without a burst, then one rate for each of the last bursts.  NaN where nothing was ever
             observed
    chances  (s, n) that an event comes: any request of a sparse service in the window, or a burst of another
             one by the end of it
    sparse   (s, n) which of the two
    """

    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: NDArray[np.float32]
    sparse: NDArray[np.bool_]


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
    callers: NDArray[np.intp] | None = None,
    clock: Clock | None = None,
    window_steps: int = 1,
) -> Said:
    """Takes the fleet through n steps, and says after each what is to come.

    state     (s,) STATE, changed in place; hazard: the same of models.hazard
    rates     (s, n) requests/s; NaN = not observed, and so is what cannot be a rate.  The steps follow those
              of the last call: what was missed between the two is steps of NaN.  Rows beyond s are of
              callers, of which nothing is said
    origin_s  Unix seconds at which the first step begins, a multiple of step_s
    first     steps from the end of a step to the window that is forecast after it: the age of the data
    lead_s    (s,) seconds that the window is long, up to MAX_LEAD_S; its peak is not looked for beyond
              PENDING steps
    newest_only   say only what is forecast after the last step: n is 1 in what comes back
    slower    (s,) the highest log rate that slower models expect in the window; NaN = they say nothing
    callers   (s,) the row of each service's caller in `rates`; -1 = it has none
    clock     whose days and weeks each service lives by; None: UTC
    smeared   steps that each column is the mean over, itself and those before; 1: itself alone, 0: not known
    """
    s, n = len(state), 1 if newest_only else rates.shape[1]
    said = Said(
        np.full((s, n, POINTS), np.nan, np.float32),
        np.zeros((s, n, POINTS), np.float32),
        np.zeros((s, n), np.float32),
        np.zeros((s, n), np.bool_),
    )
    clock = utc(s) if clock is None else clock
    lead_s = np.clip(np.nan_to_num(lead_s), 0.0, MAX_LEAD_S)
    # Of a window that begins beyond PENDING steps, the peak of the last step within them is forecast.
    begins = min(first, PENDING - 2)
    last = np.clip(begins + np.ceil(lead_s / step_s), begins + 1, PENDING - 1).astype(np.int64)
    if ensemble_peak is None:
        ensemble_peak = np.full(s, np.nan, np.float32)
    if callers is None:
        callers = np.full(s, -1, np.intp)
    _advance(
        state, hazard, np.ascontiguousarray(rates, np.float32), origin_s, step_s, first, begins, last, lead_s,
        ensemble_peak, callers, LEVELS, _SHARES, _PRIOR, clock.place, clock.first, clock.since_s, clock.shift_s,
        said.rates, said.weights, said.chances, said.sparse, window_steps,
    )  # fmt: skip
    return said


@compiled_loop
def _advance(
    states: Any, hazards: Any, rates: Any, origin_s: int, step_s: int, first: int, begins: int, last: Any,
    lead_s: Any, ensemble_peak: Any, callers: Any, levels: Any, shares: Any, prior: Any, place: Any, begin: Any,
    since_s: Any, shift_s: Any, points: Any, weights: Any, chances: Any, sparse: Any, window_steps: int,
) -> None:  # fmt: skip
    x = np.zeros(FEATURES)
    for i in range(len(states)):
        state, hazard = states[i], hazards[i]
        some = slice(begin[place[i]], begin[place[i] + 1])
        here = (since_s[some], shift_s[some])
        for j in range(rates.shape[1]):
            time_s = origin_s + j * step_s
            call = math.nan
            if callers[i] >= 0 and not math.isnan(rates[callers[i], j]):
                call = 1.0 if rates[callers[i], j] > 0 else 0.0
            step(
                state, hazard, rates[i, j], time_s, step_s, begins, last[i], levels, prior, x, here, call,
                window_steps,
            )  # fmt: skip
            now_s = time_s + step_s
            # Where only the newest is asked for, all that is kept of the others is what they are scored by.
            at = min(j, chances.shape[1] - 1)
            if not math.isnan(state.last):
                say(state, now_s, step_s, begins, last[i], ensemble_peak[i], levels, x, points[i, at], here)
            if j < rates.shape[1] - chances.shape[1]:
                continue
            from_s = now_s + first * step_s
            until_s = from_s + math.ceil(lead_s[i])
            if not state.sparse:
                # A burst that has begun before the window, and is not known yet, is in its peak as well.
                from_s, until_s = now_s, now_s + last[i] * step_s
            chances[i, at] = chance(hazard, from_s, until_s, step_s, here)
            sparse[i, at] = state.sparse
            if not math.isnan(state.last):
                weigh(state, chances[i, at], shares, weights[i, at])


@compiled
def step(
    state: Any, hazard: Any, rate: float, time_s: int, step_s: int, first: int, last: int, levels: Any,
    prior: Any, x: Any, here: Any, call: float, window_steps: int,
) -> None:  # fmt: skip
    """Takes in what came in the step that begins at `time_s`; here: the wall clock's (models.numeric.clock)."""
    if not 0 <= rate < math.inf:
        rate = math.nan
    z = math.log(rate + 0.5 / step_s)
    event = event_of(state, hazard, rate, step_s)
    follow_events(hazard, event, time_s, step_s, here, call)
    state.rate[state.steps % RING], state.z[state.steps % RING] = rate, z
    state.steps += 1
    learn_dispersion(state, step_s, window_steps)
    follow(state, z, time_s, step_s, here)
    if not math.isnan(z):
        state.last = z
        state.peak = max(state.peak - math.log(2.0) * step_s / FADE_S, z)
    slot = (state.steps - last) % PENDING
    came = highest_quantile(state, last - first)
    if state.steps > last and not math.isnan(state.place[slot]) and not math.isnan(came):
        if had_onset(state, last):
            learn_size(state, came - state.place[slot])
        else:
            for f in range(FEATURES):
                x[f] = state.x[slot, f]
            learn(state, x, came, step_s)
            learn_error(state, levels, slot, came, local_time_s(here, time_s), step_s)
        state.place[slot] = math.nan
    state.unsolved += 1
    if state.unsolved * step_s >= SOLVE_S:
        solve(state, prior, RIDGE)
        state.unsolved = 0
    if time_s // RESHAPE_S != (time_s + step_s) // RESHAPE_S:
        # While nothing is seen, nothing is forgotten: a few errors would be all that is known.
        reshape(state, levels, 0.0 if math.isnan(z) else float(max(RESHAPE_S, step_s)))


@compiled
def highest_quantile(state: Any, steps: int) -> float:
    """The highest z of the last `steps` steps; NaN where none was observed."""
    most = math.nan
    for back in range(1, steps + 1):
        value = state.z[(state.steps - back) % RING]
        if math.isnan(most) or value > most:
            most = value
    return most


@compiled
def say(
    state: Any, time_s: int, step_s: int, first: int, last: int, ensemble_peak: float, levels: Any, x: Any,
    rates: Any, here: Any,
) -> None:  # fmt: skip
    """The forecast from the origin `time_s`: its rates (POINTS,) are written, and kept until it is scored."""
    slot = state.steps % PENDING
    features(state, x, time_s, first, last, step_s, here, ensemble_peak)
    place = 0.0
    for f in range(FEATURES):
        place += state.beta[f] * x[f]
        state.x[slot, f] = x[f]
    spread = sigma(state, local_time_s(here, time_s))
    cap = max(state.peak + math.log(GROWTH), state.last + math.log(OVER_NOW))
    state.place[slot], state.spread[slot] = place, spread
    most = -math.inf
    for j in range(len(levels)):
        most = max(most, place + spread * (state.k[j] + state.theta[j]))
        state.said[slot, j] = most
        rates[j] = max(math.exp(min(most, cap)) - 0.5 / step_s, 0.0)
    for b in range(SIZES):
        higher = place + state.sizes[b % max(min(state.bursts, SIZES), 1)]
        rates[len(levels) + b] = max(math.exp(min(higher, cap)) - 0.5 / step_s, 0.0)


@compiled
def weigh(state: Any, chance_of_event: float, shares: Any, weights: Any) -> None:
    """How likely each rate is: a burst as it was reckoned with, once MIN_BURSTS were seen."""
    burst = chance_of_event
    if state.sparse:
        # Requests that follow those of the last step are no new event.
        burst *= 0.0 if state.rate[(state.steps - 1) % RING] > 0 else state.big
    if state.bursts < MIN_BURSTS or burst < MIN_CHANCE:
        burst = 0.0
    for j in range(len(shares)):
        weights[j] = (1 - burst) * shares[j]
    for b in range(SIZES):
        weights[len(shares) + b] = burst / SIZES
