"""The forecast of a whole fleet, step by step: values in, values out.

    refit     every hour or so: members learn from weeks of history
    advance   every step: what came is scored against what was said, members follow it, a new forecast is made
    forecast  the newest one, as FleetForecast

What is forecast is the *peak* over the window in which a floor decided now has its effect: from now until a
pod asked for at the next plan could be ready.  A floor must carry the peak of that window, not its mean.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import calibrate, combine, lograte, rows
from models.forecast import FleetForecast
from models.history import FleetHistory
from models.keys import ServiceKey
from models.members import MEMBERS

LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999])
RESHAPE_S = 300
"""The shape of errors changes slowly: its quantiles are read anew this often."""
GROWTH, OVER_NOW = 1.25, 3.0
"""No forecast goes beyond GROWTH x the highest rate of the past weeks, or OVER_NOW x the present one.

A model in logarithms would otherwise, after one outlier, ask for a thousand pods.
"""


@dataclass(frozen=True, eq=False)
class Window:
    """Which steps after the origin a plan must carry.

    first  steps from the origin (end of what is known) to now: the age of the data.
    last   (s,) steps from the origin to the moment when pods asked for at the next plan are ready.
    """

    first: int
    last: NDArray[np.intp]

    @property
    def horizon(self) -> int:
        """Steps a forecast must reach."""
        return int(self.last.max(initial=self.first + 1))


def window(delay_s: float, stand_s: float, lead_s: NDArray[np.float64], step_s: int) -> Window:
    """The window for leads (s,) in seconds from now.

    The data are `delay_s` old when read, and stand for up to `stand_s` more before newer ones follow.
    """
    first = int(np.ceil(delay_s / step_s))
    last = np.ceil((delay_s + stand_s + lead_s) / step_s)
    return Window(first, np.maximum(last, first + 1).astype(np.intp))


@dataclass(frozen=True, eq=False)
class Said:
    """The forecasts of the last steps, kept until what they spoke of has come.  One slot per origin, a ring.

    members (s, ring, m) places of the members' peaks; place, spread (s, ring); quantiles (s, ring, q).  Log
    rates.
    """

    members: NDArray[np.float32]
    place: NDArray[np.float32]
    spread: NDArray[np.float32]
    quantiles: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Path:
    """The forecast now: place (s, h) per step, spread (s,), offsets (s, q) of the quantiles, cap (s,).  Log
    rates.
    """

    place: NDArray[np.float32]
    spread: NDArray[np.float32]
    offsets: NDArray[np.float32]
    cap: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FleetState:
    """All that the forecast knows, between two steps.

    keys (s,).  origin_s: where what is known ends.  peak (s,): the highest log rate of the past weeks,
    fading. recent (s, ring): the last log rates, one slot per step, a ring.  weights (s, m): how the
    members count now.
    """

    keys: tuple[ServiceKey, ...]
    step_s: int
    origin_s: int
    fits: tuple[Any, ...]
    members: tuple[Any, ...]
    standing: combine.Standing
    errors: calibrate.Errors
    recent: NDArray[np.float32]
    said: Said
    path: Path
    peak: NDArray[np.float32]
    weights: NDArray[np.float32]
    silent_s: NDArray[np.float64]
    lively: NDArray[np.bool_]


def start(keys: tuple[ServiceKey, ...], step_s: int, origin_s: int, win: Window) -> FleetState:
    """A state that knows nothing yet."""
    s, m, q = len(keys), len(MEMBERS), LEVELS.size
    ring = _ring_size(win)
    nothing = FleetHistory(keys, np.empty((s, 0), np.float32), 0, step_s, np.full(s, np.nan))

    def nan(*shape: int) -> NDArray[np.float32]:
        return np.full(shape, np.nan, np.float32)

    return FleetState(
        keys=keys,
        step_s=step_s,
        origin_s=origin_s,
        fits=tuple(member.fit(nothing, step_s) for member in MEMBERS.values()),
        members=tuple(member.start(s) for member in MEMBERS.values()),
        standing=combine.start(s, m),
        errors=calibrate.start(s, LEVELS),
        recent=nan(s, ring),
        said=Said(nan(s, ring, m), nan(s, ring), nan(s, ring), nan(s, ring, q)),
        path=Path(nan(s, win.horizon), nan(s), nan(s, q), nan(s)),
        peak=np.full(s, -np.inf, np.float32),
        weights=np.zeros((s, m), np.float32),
        silent_s=np.zeros(s),
        lively=np.zeros(s, bool),
    )


def refit(state: FleetState, history: FleetHistory, ahead_s: int) -> FleetState:
    """The state with members that learned from `history`, good for about `ahead_s` seconds after it."""
    if history.keys != state.keys:
        raise ValueError("history and state are of different fleets")
    fits = tuple(member.fit(history, ahead_s) for member in MEMBERS.values())
    peak = state.peak
    if history.arrivals.shape[1]:
        with np.errstate(invalid="ignore"):
            most = np.fmax.reduce(history.arrivals, axis=1)
        peak = np.fmax(peak, lograte.from_rate(most, state.step_s))
    return replace(state, fits=fits, peak=peak)


def follow(state: FleetState, keys: tuple[ServiceKey, ...], win: Window) -> FleetState:
    """The state for another fleet: services that stay keep what is known of them."""
    if keys == state.keys:
        return state
    before = rows.where_before(state.keys, keys)
    fresh = start(keys, state.step_s, state.origin_s, win)
    carried = {
        name: rows.carry(getattr(state, name), before, getattr(fresh, name))
        for name in ("members", "standing", "errors", "peak", "weights", "silent_s", "lively")
    }
    kept = {name: rows.carry(getattr(state, name), before) for name in ("fits", "recent", "said", "path")}
    return replace(state, keys=keys, **carried, **kept)


def advance(state: FleetState, arrivals: NDArray[np.float32], win: Window) -> FleetState:
    """The state one step later, when `arrivals` (s,) requests/s had come in it; NaN = not observed.

    The arrays of the state passed in may be reused: do not use it again.
    """
    time_s, step_s = state.origin_s, state.step_s
    state = _fitted_to(state, win)
    z = lograte.from_rate(arrivals, step_s)
    slot = time_s // step_s % state.recent.shape[1]
    state.recent[:, slot] = z
    state = _learn(state, win)
    members = tuple(
        member.update(fit, following, z, time_s, step_s)
        for member, fit, following in zip(MEMBERS.values(), state.fits, state.members, strict=True)
    )
    fade = np.float32(np.log(0.5) * step_s / (14 * 86400))
    seen = ~np.isnan(arrivals)
    lively = np.where(seen, arrivals > 0, state.lively)
    silent_s = np.where(seen | ~lively, 0.0, state.silent_s + step_s)
    state = replace(state, lively=lively, silent_s=silent_s)
    state = replace(state, members=members, peak=np.fmax(state.peak + fade, z), origin_s=time_s + step_s)
    return _say(state, z, win)


def begin_at(state: FleetState, origin_s: int) -> FleetState:
    """The state at a later origin, when the steps up to it are lost: what was said of them is let go."""
    if origin_s == state.origin_s:
        return state
    for kept in (state.recent, state.said.members, state.said.place, state.said.spread, state.said.quantiles):
        kept.fill(np.nan)
    return replace(state, origin_s=origin_s)


def forecast(state: FleetState) -> FleetForecast:
    """The newest forecast, at LEVELS.  A level holds for the peak of the window, not for each step alone."""
    path = state.path
    known = ~np.isnan(path.place[:, 0])
    z = path.place[:, None, :] + path.offsets[:, :, None]
    rate = lograte.to_rate(np.minimum(z, path.cap[:, None, None]), state.step_s)
    rate[~known] = 0
    return FleetForecast(state.keys, LEVELS, rate, state.origin_s, state.step_s, known)


def _learn(state: FleetState, win: Window) -> FleetState:
    """Score what was said `last` steps ago, now that its window has come to its end."""
    step_s, ring = state.step_s, state.recent.shape[1]
    now = state.origin_s // step_s + 1
    every = np.arange(len(state.keys))
    origin = (now - win.last) % ring
    came = np.full(len(state.keys), np.nan, np.float32)
    for back in range(1, win.horizon - win.first + 1):
        inside = back <= win.last - win.first
        z = state.recent[:, (now - back) % ring]
        came = np.where(inside, np.fmax(came, z), came)
    said = state.said
    standing = combine.score(state.standing, said.members[every, origin], came, step_s)
    errors = calibrate.learn(
        state.errors,
        LEVELS,
        place=said.place[every, origin],
        spread=said.spread[every, origin],
        said=said.quantiles[every, origin],
        came=came,
        time_s=state.origin_s,
        step_s=step_s,
    )
    if state.origin_s // RESHAPE_S != (state.origin_s + step_s) // RESHAPE_S:
        errors = calibrate.reshape(errors, LEVELS)
    return replace(state, standing=standing, errors=errors)


def _say(state: FleetState, z: NDArray[np.float32], win: Window) -> FleetState:
    """The forecast from the origin of `state`, and its entry among what was said."""
    step_s, origin_s = state.step_s, state.origin_s
    paths = np.stack(
        [
            member.locate(fit, following, origin_s, step_s, win.horizon)
            for member, fit, following in zip(MEMBERS.values(), state.fits, state.members, strict=True)
        ],
        axis=1,
    )  # (s, m, h)
    inside = (np.arange(win.horizon) >= win.first) & (np.arange(win.horizon) < win.last[:, None])
    peaks = np.where(inside[:, None, :], paths, -np.inf).max(axis=2)
    weights = combine.weights(state.standing, peaks)
    place = np.einsum("sm,smh->sh", weights, np.nan_to_num(paths)).astype(np.float32)
    place[weights.sum(axis=1) == 0] = np.nan
    peak = np.where(inside, place, -np.inf).max(axis=1)
    spread = calibrate.sigma(state.errors, origin_s)
    offsets = calibrate.quantiles(state.errors, np.zeros_like(peak), spread)
    cap = np.fmax(state.peak + np.float32(np.log(GROWTH)), z + np.float32(np.log(OVER_NOW)))
    slot = origin_s // step_s % state.recent.shape[1]
    said = state.said
    said.members[:, slot] = peaks
    said.place[:, slot] = peak
    said.spread[:, slot] = spread
    said.quantiles[:, slot] = peak[:, None] + offsets
    return replace(state, path=Path(place, spread, offsets, cap), weights=weights)


def _fitted_to(state: FleetState, win: Window) -> FleetState:
    """The state with rings that hold the window; when leads grow they are made anew, and are empty."""
    if win.horizon < state.recent.shape[1]:
        return state
    fresh = start(state.keys, state.step_s, state.origin_s, win)
    return replace(state, recent=fresh.recent, said=fresh.said)


def _ring_size(win: Window) -> int:
    return max(16, 8 * -(-(win.horizon + 1) // 8))
