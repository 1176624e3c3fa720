"""The world in which policies are compared: one Revision, second by second.

Let L be the start-up of a pod in seconds, S the service time in seconds, C the requests a pod serves at
once, r the ready pods, q the requests that wait, a the arrivals of the second.  It begins with no pod, long
at zero: inactive, the activator in the path.  Second t = 0, 1, 2, ...:

0. A row of the plan with at_s <= t takes effect: floor and settings of the KPA; its windows are resized.
1. Pods created at u with u + L <= t become ready.  Where L differs, it is drawn for each u.
2. served = min(q + a, r C / S);  left = q + a - served;  in service = served S
   delayed += min(a, left);  cold += a if r = 0;  wait_s += left;  busy_pod_s += in service / C;  q = left
3. in service + left is recorded as the concurrency of second t, if that or r is above 0.
4. At even t from 2 on, and at once when something arrives while zero pods are desired: the KPA evaluates and
   reconciles (scaler.kpa.tick), the floor being a min-scale.  Missing pods are created; of surplus the
   starting ones go first, those first that would be ready last.
   starting_pod_s += starting pods;  ready_pod_s += r

A slotted fluid: waits shorter than a second do not exist in it, and a request is served by parts.
containerConcurrency 0 has no room to run out; a pod's capacity is then the KPA's total value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaler.simulation.plan_rows import NO_PLAN
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import (
    METRICS,
    POD_PARAMS,
    SPEC,
    TRAJECTORY,
    Items,
    at_rest,
    spec_record,
)


@dataclass(frozen=True)
class Replay:
    """What a Revision came to under a policy."""

    requests: float
    delayed: float
    """Requests that waited because no ready pod had room."""
    cold: float
    """Requests that found no ready pod at all; they are delayed too."""
    wait_s: float
    starting_pod_s: float
    ready_pod_s: float
    busy_pod_s: float
    """Pod-seconds that serving took, at full pods."""
    starts: float
    """Pods created."""
    changes: float
    """Times that a floor or a setting was changed."""

    @property
    def pod_s(self) -> float:
        """Pod-seconds held, starting and ready."""
        return self.starting_pod_s + self.ready_pod_s


def begin(worlds: Sequence[PodModel], *, longest_window_s: int = 0) -> tuple[NDArray[np.void], Items]:
    """The pod_params (k,) and the state of one item a world, long at zero.

    longest_window_s   the longest stable window that a plan will ask for
    """
    specs = np.array([spec_record(world.spec) for world in worlds], SPEC)
    said = [world.pod_params for world in worlds]
    startup_s = max((world.longest_startup_s for world in worlds), default=0.0)
    return np.array(said, POD_PARAMS), at_rest(specs, longest_window_s=longest_window_s, startup_s=startup_s)


def replay_all(
    worlds: Sequence[PodModel],
    arrivals: NDArray[np.float32],
    of_item: ArrayLike,
    plans: Sequence[NDArray[np.void]],
    *,
    score_s: int = 0,
    block_s: int | None = None,
) -> NDArray[np.float64]:
    """Replays k items: (k, b, f) METRICS by blocks of time.

    worlds     (k,)
    arrivals   (r, n) requests in each second of r Revisions
    of_item    (k,) the Revision whose arrivals an item has
    plans      (k,) of (p,) ROW, times counted from the first arrival
    score_s    seconds before it are lived through and not counted
    block_s    seconds of a block; default all of them
    """
    return _advance(worlds, arrivals, of_item, plans, score_s=score_s, block_s=block_s)[0]


def replay(
    world: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void] = NO_PLAN, *, score_s: int = 0
) -> Replay:
    """Replays one Revision under one plan.

    arrivals   (n,) requests in each second
    rows       (p,) ROW
    score_s    seconds before it are lived through and not counted
    """
    figures = replay_all([world], arrivals[np.newaxis], [0], [rows], score_s=score_s)
    return Replay(*figures[0, 0].tolist())


def course(
    world: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void] = NO_PLAN
) -> NDArray[np.float32]:
    """What every second of a replay was like: (n, 4) TRAJECTORY.  `arrivals` and `rows` as in `replay`."""
    _, lived = _advance([world], arrivals[np.newaxis], [0], [rows], told=True)
    return lived.reshape(-1, len(TRAJECTORY))


def _advance(
    worlds: Sequence[PodModel],
    arrivals: NDArray[np.float32],
    of_item: ArrayLike,
    plans: Sequence[NDArray[np.void]],
    *,
    score_s: int = 0,
    block_s: int | None = None,
    told: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    from scaler.simulation.kernel import advance_all  # noqa: PLC0415  # numba takes a second to load

    k, seconds = len(worlds), arrivals.shape[1]
    scored = max(1, seconds - score_s)
    block_s = scored if block_s is None else block_s
    rows = np.concatenate([NO_PLAN, *plans])
    longest_s = int(np.nan_to_num(rows["stable_window_s"]).max(initial=0))
    pod_params, items = begin(worlds, longest_window_s=longest_s)
    figures = np.zeros((k, -(-scored // block_s), len(METRICS)))
    lived = np.zeros((k, seconds if told else 0, len(TRAJECTORY)), np.float32)
    row_from = np.cumsum([0, *map(len, plans)])
    advance_all(
        pod_params, items.owned, items.spec, items.revision, items.windows, items.buckets, items.delay,
        items.batches, np.ascontiguousarray(arrivals, np.float32), np.asarray(of_item, np.int64), 0,
        rows, row_from, score_s, block_s, figures, lived,
    )  # fmt: skip
    return figures, lived
