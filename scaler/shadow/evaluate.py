"""Candidates on one service's traffic: their floors, and what each would have cost, block by block."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scaler.plan.candidates import Candidate, Rule
from scaler.shadow.hindcast import STEP_S, Hindcast
from scaler.simulation.plan_rows import setting_rows, steered
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import replay_all
from scaler.simulation.state import METRICS

BLOCK_S = 300
"""What candidates cost is told by blocks of so many seconds."""
PODS, DELAYED, WAITED, STARTS, REQUESTS = range(5)
"""What is told of a time: pod-seconds, requests delayed, seconds waited, pods started, requests."""
N_METRICS = 5
_AT = {name: i for i, name in enumerate(METRICS)}
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""As `map`: does the same with everything, perhaps several at a time."""


def floors(
    said: Hindcast, rules: Sequence[Rule], world: PodModel, dispersion: NDArray[np.float64]
) -> NDArray[np.int32]:
    """(f, n) pods that each of f rules asks for at each of n plans; dispersion (n,) as known then."""
    from scaler.plan.newsvendor import floors_over_time  # noqa: PLC0415

    worths = sorted({rule.worth for rule in rules if rule.worth is not None})
    cheapest = floors_over_time(
        said.rates[np.newaxis],
        said.weights[np.newaxis],
        np.array(worths),
        per_pod=np.array([world.concurrency / world.service_s]),
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


def rows(world: PodModel, candidate: Candidate, at_s: NDArray[np.int64], asked: NDArray[np.int32]) -> Any:
    """(p,) ROW of a candidate that is in force from the first second on, with its floors (n,) at `at_s`."""
    begun = setting_rows(world, candidate.setting)
    changed = np.flatnonzero(np.diff(asked, prepend=0))
    if not len(changed):
        return begun
    return np.concatenate([begun, steered(world, candidate.setting, at_s[changed], asked[changed])])


def lived(
    arrivals: NDArray[np.float32], world: PodModel, plans: Sequence[Any], each: Each = map
) -> NDArray[np.float32]:
    """(e, b, N_METRICS) what e plans would have come to in each block."""
    # Where little comes many candidates ask for the same: what is alike is lived through once.
    alike = {plan.tobytes(): plan for plan in plans}
    place = {said: i for i, said in enumerate(alike)}

    def one(plan: Any) -> NDArray[np.float32]:
        figures = replay_all([world], arrivals[np.newaxis], [0], [plan], block_s=BLOCK_S)[0]
        return candidate_outcome(figures).astype(np.float32)

    came_to = np.stack(list(each(one, alike.values())))
    return np.asarray(came_to[[place[plan.tobytes()] for plan in plans]])


def candidate_outcome(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., N_METRICS) of (..., f) METRICS."""
    held = figures[..., _AT["starting_pod_s"]] + figures[..., _AT["ready_pod_s"]]
    others = (figures[..., _AT[name]] for name in ("delayed", "wait_s", "starts", "requests"))
    return np.stack([held, *others], axis=-1)
