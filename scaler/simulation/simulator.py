"""Simulation of one Revision, second by second: the model in which policies are compared.

Symbols, and their names in code:

    L   startups_s       start-up time of a pod in seconds        r   ready     ready pods
    S   service_time_s   service time of a request in seconds     q   queue     requests that wait
    C   concurrency      requests that a pod serves together      a   arrived   requests of the second

A replay starts with no pod, at zero since long ago: inactive, the activator in the path.  In each second
t = 0, 1, 2, ... these steps follow each other:

0. The row of the plan with at_s <= t takes effect: a floor, and settings of the KPA; windows are resized.
1. Pods created in second u become ready where u + L <= t.  Where start-up times differ, u selects L.
2. served = min(q + a, r C / S);  left = q + a - served;  in service = served S
   delayed += min(a, left);  cold += a if r = 0;  wait_s += left;  busy_pod_s += in service / C;  q = left
3. The concurrency of second t, in service + left, is recorded if it or r is above 0.
4. At even t from 2 on, and at once where a request arrives while zero pods are desired, the KPA evaluates and
   reconciles (scaler.kpa.tick); the floor acts as a min-scale.  Missing pods are created; surplus pods are
   removed, starting pods first, and of these the last to be ready first.
   starting_pod_s += starting pods;  ready_pod_s += r

The model is a fluid in slots of one second: it has no waits shorter than a second, and a request can be
served in parts.  With containerConcurrency 0 a pod has no limit; C is then the KPA's total value.
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
    Arrivals,
    Batch,
    Plans,
    Scoring,
    idle_batch,
    spec_record,
)


@dataclass(frozen=True)
class Replay:
    """Metrics of one Revision under one plan, in the order of METRICS."""

    requests: float
    """Requests that arrived."""
    delayed: float
    """Requests that waited because no ready pod had room."""
    cold: float
    """Requests that arrived while no pod was ready; they are delayed too."""
    wait_s: float
    """Seconds that requests waited, summed over requests."""
    starting_pod_s: float
    """Pod-seconds of starting pods."""
    ready_pod_s: float
    """Pod-seconds of ready pods."""
    busy_pod_s: float
    """Pod-seconds that serving takes if every pod serves `concurrency` requests."""
    starts: float
    """Pods created."""
    changes: float
    """Number of times that a row of the plan changed the floor or a setting."""

    @property
    def pod_s(self) -> float:
        """Pod-seconds of all pods, starting and ready."""
        return self.starting_pod_s + self.ready_pod_s


def initial_batch(
    pod_models: Sequence[PodModel], *, longest_window_s: int = 0
) -> tuple[NDArray[np.void], Batch]:
    """Return (k,) POD_PARAMS and the state of k items at zero since long ago, one item per pod model.

    longest_window_s   longest stable window that any plan sets
    """
    specs = np.array([spec_record(pod_model.spec) for pod_model in pod_models], SPEC)
    pod_params = [pod_model.pod_params for pod_model in pod_models]
    startup_s = max((pod_model.longest_startup_s for pod_model in pod_models), default=0.0)
    batch = idle_batch(specs, longest_window_s=longest_window_s, startup_s=startup_s)
    return np.array(pod_params, POD_PARAMS), batch


def replay_all(
    pod_models: Sequence[PodModel],
    arrivals: NDArray[np.float32],
    of_item: ArrayLike,
    plans: Sequence[NDArray[np.void]],
    *,
    score_s: int = 0,
    block_s: int | None = None,
) -> NDArray[np.float64]:
    """Replay k items and return (k, b, f) METRICS of each item in each block of time.

    pod_models   (k,)
    arrivals     (r, n) requests in each second of r Revisions
    of_item      (k,) row of `arrivals` that an item receives
    plans        (k,) of (p,) ROW; seconds from the first arrival
    score_s      first second that is scored; the seconds before it are simulated only
    block_s      seconds of a block; None: one block of all scored seconds
    """
    return _advance(pod_models, arrivals, of_item, plans, score_s=score_s, block_s=block_s)[0]


def replay(
    pod_model: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void] = NO_PLAN, *, score_s: int = 0
) -> Replay:
    """Replay one Revision under one plan.

    arrivals   (n,) requests in each second
    rows       (p,) ROW; seconds from the first arrival
    score_s    first second that is scored; the seconds before it are simulated only

    One request arrives in second 20.  Without a plan, it waits for the start-up of a pod; with a floor of one
    pod, it does not wait:

    >>> from scaler.kpa.resolve import KpaSpec
    >>> from scaler.simulation.plan_rows import plan_rows
    >>> pod_model = PodModel(startup_s=4, service_time_s=1, concurrency=2, spec=KpaSpec())
    >>> arrivals = np.zeros(100, np.float32)
    >>> arrivals[20] = 1
    >>> kpa = replay(pod_model, arrivals)
    >>> kpa.delayed, kpa.wait_s, kpa.pod_s
    (1.0, 4.0, 66.0)
    >>> floor = replay(pod_model, arrivals, plan_rows(pod_model, [0], [1]))
    >>> floor.delayed, floor.wait_s, floor.pod_s
    (0.0, 0.0, 98.0)
    """
    metrics = replay_all([pod_model], arrivals[np.newaxis], [0], [rows], score_s=score_s)
    return Replay(*metrics[0, 0].tolist())


def replay_trajectory(
    pod_model: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void] = NO_PLAN
) -> NDArray[np.float32]:
    """Return (n, 4) TRAJECTORY: pods, delayed requests and queue in each second of a replay.

    arrivals   (n,) requests in each second
    rows       (p,) ROW; seconds from the first arrival
    """
    _, trajectory = _advance([pod_model], arrivals[np.newaxis], [0], [rows], with_trajectory=True)
    return trajectory.reshape(-1, len(TRAJECTORY))


def _advance(
    pod_models: Sequence[PodModel],
    arrivals: NDArray[np.float32],
    of_item: ArrayLike,
    plans: Sequence[NDArray[np.void]],
    *,
    score_s: int = 0,
    block_s: int | None = None,
    with_trajectory: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return (k, b, f) METRICS, and (k, n, 4) TRAJECTORY or (k, 0, 4)."""
    from scaler.simulation.kernel import advance_all  # noqa: PLC0415  # numba takes a second to load

    k, seconds = len(pod_models), arrivals.shape[1]
    scored = max(1, seconds - score_s)
    block_s = scored if block_s is None else block_s
    rows = np.concatenate([NO_PLAN, *plans])
    longest_s = int(np.nan_to_num(rows["stable_window_s"]).max(initial=0))
    pod_params, batch = initial_batch(pod_models, longest_window_s=longest_s)
    metrics = np.zeros((k, -(-scored // block_s), len(METRICS)))
    trajectory = np.zeros((k, seconds if with_trajectory else 0, len(TRAJECTORY)), np.float32)
    advance_all(
        pod_params,
        batch,
        Arrivals(np.ascontiguousarray(arrivals, np.float32), np.asarray(of_item, np.int64), 0),
        Plans(rows, np.cumsum([0, *map(len, plans)])),
        Scoring(score_s, block_s),
        metrics,
        trajectory,
    )
    return metrics, trajectory
