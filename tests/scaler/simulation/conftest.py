"""The second-by-second simulation written with the readable rules of scaler/kpa: slow, and easy to read."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.kpa.activator import OperationMode
from scaler.kpa.decide import ScaleDecision
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.scale import Backing
from scaler.kpa.scenario import ScenarioPods
from scaler.kpa.status import Activity, initial_status
from scaler.kpa.tick import AutoscaledRevision, initial_revision, report, tick
from scaler.kpa.window import resize
from scaler.simulation.kernel import startup_index
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import Replay

LONG_AGO_S = -1e12
ReplayFunction = Callable[[PodModel, NDArray[np.float32], NDArray[np.void]], Replay]


@pytest.fixture(name="readable_replay")
def _readable_replay() -> ReplayFunction:
    return readable_replay


def readable_replay(pod_model: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void]) -> Replay:
    spec, next_row = pod_model.spec, 0
    revision = initial_revision(
        spec,
        ready_pods=0,
        now_s=0.0,
        status=initial_status(Activity.INACTIVE, LONG_AGO_S, initialized=True),
        backing=Backing(0, OperationMode.PROXY, LONG_AGO_S),
    )
    revision = replace(revision, latest=ScaleDecision(0, revision.latest.excess_burst_capacity))
    pods, queue = ScenarioPods(0), 0.0
    metrics = dict.fromkeys(Replay.__dataclass_fields__, 0.0)
    service_time_s, concurrency = pod_model.service_time_s, pod_model.concurrency
    for t, arrived in enumerate(arrivals.astype(float)):
        while next_row < len(rows) and rows[next_row]["at_s"] <= t:
            changed = with_row(pod_model.spec, rows[next_row])
            metrics["changes"] += changed != spec
            spec, revision, next_row = changed, resized(revision, changed, t), next_row + 1
        pods = pods.become_ready(t)
        served = min(queue + arrived, pods.ready * concurrency / service_time_s)
        queue = queue + arrived - served
        metrics["requests"] += arrived
        metrics["delayed"] += min(arrived, queue)
        metrics["cold"] += arrived if pods.ready == 0 else 0.0
        metrics["wait_s"] += queue
        metrics["busy_pod_s"] += served * service_time_s / concurrency
        if pods.ready or served * service_time_s + queue > 0:
            revision = report(revision, t, served * service_time_s + queue)
        if (t >= 2 and t % 2 == 0) or (arrived and revision.latest.desired_pods == 0):
            _, revision = tick(spec, revision, pods.ready, t)
            previous = pods.ready + len(pods.starting_s)
            startups_s = pod_model.startups_s
            startup_s = startups_s[startup_index(t)] if startups_s else pod_model.startup_s
            pods = pods.match_replicas(revision.backing.replicas, t + startup_s)
            # Surplus pods are removed from the end of the list: those that would be ready last.
            pods = replace(pods, starting_s=tuple(sorted(pods.starting_s)))
            metrics["starts"] += max(0, pods.ready + len(pods.starting_s) - previous)
        metrics["starting_pod_s"] += len(pods.starting_s)
        metrics["ready_pod_s"] += pods.ready
    return Replay(**metrics)


def with_row(baseline: KpaSpec, row: np.void) -> KpaSpec:
    """Return the parameters while a row of a plan is active."""
    names = ("target_value", "stable_window_s", "panic_window_s", "panic_threshold", "pod_retention_period_s")
    set_values = {name: float(row[name]) for name in names if not np.isnan(row[name])}
    values = {name: int(value) if name.endswith("window_s") else value for name, value in set_values.items()}
    return replace(baseline, min_scale=max(baseline.min_scale, int(row["floor"])), **values)  # type: ignore[arg-type]


def resized(revision: AutoscaledRevision, spec: KpaSpec, now_s: float) -> AutoscaledRevision:
    return replace(
        revision,
        stable=resize(revision.stable, spec.stable_window_s, now_s),
        panic=resize(revision.panic, spec.panic_window_s, now_s),
    )
