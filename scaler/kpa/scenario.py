"""Runs a scenario: load by the second, pods that start, the KPA; what comes of it, tick by tick.

The clock and the order of events are those of tests/golden/README.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from scaler.kpa.resolve import KpaSpec, resolve
from scaler.kpa.scale import Backing, Scaled
from scaler.kpa.scenario_file import ExtraStat, ScenarioInput
from scaler.kpa.status import begun
from scaler.kpa.tick import TICK_S, AutoscaledRevision, Tick, begin, evaluate, in_path, report, tick

_NOT_SHOWN = "progress_deadline_s"


@dataclass(frozen=True)
class Pods:
    """Pods of a Revision."""

    ready: int
    starting_s: tuple[float, ...] = ()
    """When each pod that starts will be ready, oldest first."""

    def at(self, now_s: float) -> "Pods":
        """The pods at `now_s`: those whose start-up is over are ready."""
        still = tuple(ready_s for ready_s in self.starting_s if ready_s > now_s)
        return Pods(self.ready + len(self.starting_s) - len(still), still)

    def to(self, replicas: int, ready_s: float) -> "Pods":
        """As many pods as `replicas`: new ones are ready at `ready_s`; of surplus the newest go first."""
        more = replicas - self.ready - len(self.starting_s)
        if more >= 0:
            return replace(self, starting_s=self.starting_s + (ready_s,) * more)
        left = max(0, len(self.starting_s) + more)
        return Pods(min(self.ready, replicas), self.starting_s[:left])


def expected(given: ScenarioInput) -> dict[str, Any]:
    """What comes of a scenario, as its file has it: `resolved` and `ticks`.

    Raises ConfigError where Knative would refuse the configuration or the annotations.
    """
    spec = resolve(given.config, given.annotations, given.container_concurrency, given.reachability)
    return {"resolved": resolved(spec), "ticks": list(_ticks(given, spec))}


def resolved(spec: KpaSpec) -> dict[str, Any]:
    """The parameters as a scenario file names them."""
    named = {each.name: _plain(getattr(spec, each.name)) for each in fields(spec) if each.name != _NOT_SHOWN}
    return {**named, "initial_ebc": spec.initial_ebc}


def _ticks(given: ScenarioInput, spec: KpaSpec) -> Iterator[dict[str, Any]]:
    since_s = -given.activity_for_s
    revision = begin(
        spec,
        ready_pods=given.initial_ready,
        now_s=0.0,
        status=begun(given.activity, since_s, initialized=given.initialized),
        backing=Backing(given.initial_replicas, since_s=since_s),
    )
    pending = given.initial_replicas - given.initial_ready
    pods = Pods(given.initial_ready, (given.startup_delay_s,) * pending)
    extra = list(given.extra_stats)
    for second in range(len(given.load)):
        while extra and extra[0].t_s < second:
            stat = extra.pop(0)
            revision = report(revision, stat.t_s, stat.concurrency)
            if _wakes(stat, revision):
                pods = pods.at(stat.t_s)
                row, revision, pods = _tick(given, spec, revision, pods, stat.t_s)
                yield {**row, "poked": True}
        pods = pods.at(second)
        revision = _report_second(given, revision, pods.ready, second)
        if second >= TICK_S and second % TICK_S == 0:
            row, revision, pods = _tick(given, spec, revision, pods, second)
            yield row


def _wakes(stat: ExtraStat, revision: AutoscaledRevision) -> bool:
    return stat.poke and stat.concurrency != 0 and revision.latest.desired_pods == 0


def _report_second(
    given: ScenarioInput, revision: AutoscaledRevision, ready_pods: int, second: int
) -> AutoscaledRevision:
    load, activator = given.load[second], given.activator[second]
    if not given.idle_zeros and ready_pods == 0 and not load and not activator:
        return revision
    if load is not None:
        revision = report(revision, second, load - (given.proxied[second] or 0.0))
    return revision if activator is None else report(revision, second, activator)


def _tick(
    given: ScenarioInput, spec: KpaSpec, revision: AutoscaledRevision, pods: Pods, now_s: float
) -> tuple[dict[str, Any], AutoscaledRevision, Pods]:
    if given.reconciled:
        seen, revision = tick(spec, revision, pods.ready, now_s)
    else:
        seen, revision = _unbounded(spec, revision, pods.ready, now_s)
    row = _row(revision, pods, seen, now_s)
    if given.reconciled:
        row |= _reconciled(spec, revision, pods, seen)
    replicas = revision.backing.replicas
    ready_s = round(now_s + given.startup_delay_s, 9)
    return {**row, "replicas": replicas}, revision, pods.to(replicas, ready_s)


def _unbounded(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Tick, AutoscaledRevision]:
    """A tick where the desired count is the replicas, without bounds and scale to zero."""
    seen, revision = evaluate(spec, revision, ready_pods, now_s)
    desired = revision.latest.desired_pods
    if desired >= 0:
        revision = replace(revision, backing=replace(revision.backing, replicas=desired))
    return Tick(seen, None if seen is None else revision.latest, Scaled(desired), patched=False), revision


def _row(revision: AutoscaledRevision, pods: Pods, done: Tick, now_s: float) -> dict[str, Any]:
    seen, decision, kpa = done.seen, done.decision, revision.kpa
    return {
        "t": _plain(now_s),
        "ready": pods.ready,
        "pending": len(pods.starting_s),
        "valid": seen is not None,
        "stable": None if seen is None else _plain(seen.stable),
        "panic": None if seen is None else _plain(seen.panic),
        "scale_desired": None if decision is None else decision.desired_pods,
        "desired": revision.latest.desired_pods,
        "panic_mode": kpa.panic_since_s is not None,
        "panic_since": _plain(kpa.panic_since_s),
        "max_panic_pods": kpa.max_panic_pods,
        "ebc": revision.latest.excess_burst_capacity,
    }


def _reconciled(spec: KpaSpec, revision: AutoscaledRevision, pods: Pods, done: Tick) -> dict[str, Any]:
    mode, count = in_path(spec, revision, pods.ready)
    return {
        "want": done.scaled.want,
        "patched": done.patched,
        "pa_active": str(revision.status.activity),
        "pa_reason": revision.status.reason,
        "initialized": revision.status.initialized,
        "sks_mode": str(mode),
        "num_activators": count,
    }


def _plain(value: Any) -> Any:
    """A whole number without its decimals, as the golden files write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
