"""Candidates on one service's traffic: their floors, and what each would have cost, block by block."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.hazard import layout as hazard
from models.peak import layout as peak
from scaler.policies.policy import Calls
from scaler.policies.setting import setting_rows, steered
from scaler.replay.layout import FIGURES
from scaler.replay.world import World, replay_all
from scaler.shadow.candidates import Candidate, Rule

STEP_S = 30
"""Of the forecast, and from one plan to the next."""
BLOCK_S = 300
"""What candidates cost is told by blocks of so many seconds."""
PODS, DELAYED, WAITED, STARTS, REQUESTS = range(5)
"""What is told of a time: pod-seconds, requests delayed, seconds waited, pods started, requests."""
TOLD = 5
_AT = {name: i for i, name in enumerate(FIGURES)}
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""As `map`: does the same with everything, perhaps several at a time."""


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What was forecast for one service, step by step (n).

    at_s     (n,) seconds from the first arrival at which the plan is made that a forecast is for.
    rates, weights   (n, p) requests/s of the window's peak, and how likely each is.
    chances  (n,) that any request, or a burst, comes in the window.
    sparse   (n,) True where `chances` is of any request.
    """

    at_s: NDArray[np.int64]
    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: NDArray[np.float32]
    sparse: NDArray[np.bool_]


def forecasts(
    arrivals: NDArray[np.float32], start_s: int, world: World, delay_s: int, calls: Calls | None = None
) -> Forecasts:
    """The forecasts of one service as they would have been made, from what was known `delay_s` before.

    arrivals   (n,) requests in each second
    start_s    Unix seconds of the first
    calls      who called the service; None: nobody ever
    """
    from models.peak.advance import advance  # noqa: PLC0415  # compiled: loaded where used

    rates, first = _by_step(arrivals[np.newaxis]), -(-delay_s // STEP_S)
    if calls is not None:
        rates = np.concatenate([rates, _by_step(calls.arrivals)])
    its, events, said = peak.start(1), hazard.start(1), []
    for begin, end, caller in _turns(calls, rates.shape[1]):
        if begin or caller > 0:
            hazard.with_callers(events, np.array([caller > 0]), np.ones(1, np.bool_))
        said.append(
            advance(
                its,
                events,
                rates[:, begin:end],
                origin_s=start_s // STEP_S * STEP_S + begin * STEP_S,
                step_s=STEP_S,
                first=first,
                lead_s=np.array([world.startup_s + STEP_S]),
                callers=np.array([caller], np.intp),
            )
        )
    at_s = (np.arange(rates.shape[1], dtype=np.int64) + 1 + first) * STEP_S
    rest = (
        np.concatenate([getattr(one, name)[0] for one in said])
        for name in ("rates", "weights", "chances", "sparse")
    )
    return Forecasts(at_s, *rest)


def _by_step(arrivals: NDArray[np.float32]) -> NDArray[np.float32]:
    """(r, steps) requests/s in each whole step, of (r, n) requests in each second."""
    steps = arrivals.shape[1] // STEP_S
    parts = arrivals[:, : steps * STEP_S].reshape(len(arrivals), steps, STEP_S)
    return np.asarray(parts.mean(axis=2, dtype=np.float64), np.float32)


def _turns(calls: Calls | None, steps: int) -> list[tuple[int, int, int]]:
    """First step, the one after the last, and the caller's row beside the service's own one; -1 = none."""
    if calls is None:
        return [(0, steps, -1)]
    begins = [0, *np.clip(-(-calls.from_s // STEP_S), 0, steps).tolist(), steps]
    rows_ = [-1, *np.where(calls.caller < 0, -1, calls.caller + 1).tolist()]
    turns = zip(begins[:-1], begins[1:], rows_, strict=True)
    return [(begin, end, caller) for begin, end, caller in turns if begin < end or not steps]


def floors(
    said: Forecasts, rules: Sequence[Rule], world: World, dispersion: NDArray[np.float64]
) -> NDArray[np.int32]:
    """(f, n) pods that each of f rules asks for at each of n plans; dispersion (n,) as known then."""
    from scaler.shadow.floors import cheapest_floors  # noqa: PLC0415

    worths = sorted({rule.worth for rule in rules if rule.worth is not None})
    cheapest = cheapest_floors(
        said.rates[np.newaxis],
        said.weights[np.newaxis],
        np.array(worths),
        per_pod=np.array([world.at_once / world.service_s]),
        counting_s=np.array([max(1.0, world.service_s)]),
        dispersion=dispersion[np.newaxis],
    )[0]
    asked = np.zeros((len(rules), len(said.at_s)), np.int32)
    for i, rule in enumerate(rules):
        asked[i] = rule.always
        if rule.worth is not None:
            np.maximum(asked[i], cheapest[:, worths.index(rule.worth)], out=asked[i])
        if rule.chance is not None:
            np.maximum(asked[i], said.sparse & (said.chances >= rule.chance), out=asked[i])
        asked[i] = held(asked[i], rule.hold_s // STEP_S)
    return asked


def held(asked: NDArray[np.int32], steps: int) -> NDArray[np.int32]:
    """(n,) the highest of each value and the `steps` before it."""
    if not steps or not len(asked):
        return asked
    padded = np.concatenate([np.zeros(steps, asked.dtype), asked])
    return np.asarray(sliding_window_view(padded, steps + 1).max(axis=1))


def rows(world: World, candidate: Candidate, at_s: NDArray[np.int64], asked: NDArray[np.int32]) -> Any:
    """(p,) ROW of a candidate that is in force from the first second on, with its floors (n,) at `at_s`."""
    begun = setting_rows(world, candidate.setting)
    changed = np.flatnonzero(np.diff(asked, prepend=0))
    if not len(changed):
        return begun
    return np.concatenate([begun, steered(world, candidate.setting, at_s[changed], asked[changed])])


def lived(
    arrivals: NDArray[np.float32], world: World, plans: Sequence[Any], each: Each = map
) -> NDArray[np.float32]:
    """(e, b, TOLD) what e plans would have come to in each block."""

    def one(plan: Any) -> NDArray[np.float32]:
        figures = replay_all([world], arrivals[np.newaxis], [0], [plan], block_s=BLOCK_S)[0]
        return told(figures).astype(np.float32)

    return np.stack(list(each(one, plans)))


def told(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., TOLD) of (..., f) FIGURES."""
    held = figures[..., _AT["starting_pod_s"]] + figures[..., _AT["ready_pod_s"]]
    others = (figures[..., _AT[name]] for name in ("delayed", "wait_s", "starts", "requests"))
    return np.stack([held, *others], axis=-1)
