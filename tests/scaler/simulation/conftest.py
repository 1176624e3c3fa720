"""The world of seconds written out with the readable rules of scaler/kpa: slow, and plain to read."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from scaler.kpa.activator import Mode
from scaler.kpa.decide import ScaleDecision
from scaler.kpa.resolve import KpaSpec
from scaler.kpa.scale import Backing
from scaler.kpa.scenario import Pods
from scaler.kpa.status import Activity, begun
from scaler.kpa.tick import AutoscaledRevision, begin, report, tick
from scaler.kpa.window import resize
from scaler.simulation.kernel import drawn
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import Replay

LONG_AGO_S = -1e12
ReplayFunction = Callable[[PodModel, NDArray[np.float32], NDArray[np.void]], Replay]


@pytest.fixture(name="readable_replay")
def _readable_replay() -> ReplayFunction:
    return readable_replay


def readable_replay(world: PodModel, arrivals: NDArray[np.float32], rows: NDArray[np.void]) -> Replay:
    spec, at = world.spec, 0
    revision = begin(
        spec,
        ready_pods=0,
        now_s=0.0,
        status=begun(Activity.INACTIVE, LONG_AGO_S, initialized=True),
        backing=Backing(0, Mode.PROXY, LONG_AGO_S),
    )
    revision = replace(revision, latest=ScaleDecision(0, revision.latest.excess_burst_capacity))
    pods, queue = Pods(0), 0.0
    figures = dict.fromkeys(Replay.__dataclass_fields__, 0.0)
    for t, arrived in enumerate(arrivals.astype(float)):
        while at < len(rows) and rows[at]["at_s"] <= t:
            changed = under(world.spec, rows[at])
            figures["changes"] += changed != spec
            spec, revision, at = changed, resized(revision, changed, t), at + 1
        pods = pods.at(t)
        served = min(queue + arrived, pods.ready * world.concurrency / world.service_s)
        queue = queue + arrived - served
        figures["requests"] += arrived
        figures["delayed"] += min(arrived, queue)
        figures["cold"] += arrived if pods.ready == 0 else 0.0
        figures["wait_s"] += queue
        figures["busy_pod_s"] += served * world.service_s / world.concurrency
        if pods.ready or served * world.service_s + queue > 0:
            revision = report(revision, t, served * world.service_s + queue)
        if (t >= 2 and t % 2 == 0) or (arrived and revision.latest.desired_pods == 0):
            _, revision = tick(spec, revision, pods.ready, t)
            before = pods.ready + len(pods.starting_s)
            startup_s = world.startups_s[drawn(t)] if world.startups_s else world.startup_s
            pods = pods.to(revision.backing.replicas, t + startup_s)
            # Of surplus those go first that would be ready last, whenever they were asked for.
            pods = replace(pods, starting_s=tuple(sorted(pods.starting_s)))
            figures["starts"] += max(0, pods.ready + len(pods.starting_s) - before)
        figures["starting_pod_s"] += len(pods.starting_s)
        figures["ready_pod_s"] += pods.ready
    return Replay(**figures)


def under(owned: KpaSpec, row: np.void) -> KpaSpec:
    """The parameters while a row of a plan is in force."""
    names = ("target_value", "stable_window_s", "panic_window_s", "panic_threshold", "pod_retention_period_s")
    said = {name: float(row[name]) for name in names if not np.isnan(row[name])}
    whole = {name: int(value) if name.endswith("window_s") else value for name, value in said.items()}
    return replace(owned, min_scale=max(owned.min_scale, int(row["floor"])), **whole)  # type: ignore[arg-type]


def resized(revision: AutoscaledRevision, spec: KpaSpec, now_s: float) -> AutoscaledRevision:
    return replace(
        revision,
        stable=resize(revision.stable, spec.stable_window_s, now_s),
        panic=resize(revision.panic, spec.panic_window_s, now_s),
    )
