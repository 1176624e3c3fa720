"""Run a scenario: load per second and pods that start, scaled by the KPA; return every tick.

The clock and the order of events are those of tests/golden/README.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from scaler.kpa.resolve import KpaSpec, resolve
from scaler.kpa.scale import Backing, Scaled
from scaler.kpa.scenario_file import ExtraStat, ScenarioInput
from scaler.kpa.status import initial_status
from scaler.kpa.tick import (
    TICK_S,
    AutoscaledRevision,
    Tick,
    evaluate,
    initial_revision,
    mode_and_activators,
    report,
    tick,
)

_NOT_IN_FILE = "progress_deadline_s"
"""Field of KpaSpec that scenario files do not have."""


@dataclass(frozen=True)
class ScenarioPods:
    """Pods of a Revision in a scenario."""

    ready: int
    starting_s: tuple[float, ...] = ()
    """Time at which each starting pod will be ready, the oldest pod first."""

    def become_ready(self, now_s: float) -> "ScenarioPods":
        """Return the pods at `now_s`: pods whose start-up has ended are ready."""
        starting_s = tuple(ready_s for ready_s in self.starting_s if ready_s > now_s)
        return ScenarioPods(self.ready + len(self.starting_s) - len(starting_s), starting_s)

    def match_replicas(self, replicas: int, ready_s: float) -> "ScenarioPods":
        """Return as many pods as replicas: new ones are ready at `ready_s`; the newest are removed first."""
        missing = replicas - self.ready - len(self.starting_s)
        if missing >= 0:
            return replace(self, starting_s=self.starting_s + (ready_s,) * missing)
        still_starting = max(0, len(self.starting_s) + missing)
        return ScenarioPods(min(self.ready, replicas), self.starting_s[:still_starting])


def run_scenario(given: ScenarioInput) -> dict[str, Any]:
    """Return the result of a scenario in the form of its file: `resolved` and `ticks`.

    Raises:
        ConfigError: Knative would refuse the configuration or the annotations.
    """
    spec = resolve(given.config, given.annotations, given.container_concurrency, given.reachability)
    return {"resolved": resolved_fields(spec), "ticks": list(_ticks(given, spec))}


def resolved_fields(spec: KpaSpec) -> dict[str, Any]:
    """Return the parameters under their names in a scenario file."""
    names = [field.name for field in fields(spec) if field.name != _NOT_IN_FILE]
    return {**{name: _plain(getattr(spec, name)) for name in names}, "initial_ebc": spec.initial_ebc}


def _ticks(given: ScenarioInput, spec: KpaSpec) -> Iterator[dict[str, Any]]:
    since_s = -given.activity_for_s
    revision = initial_revision(
        spec,
        ready_pods=given.initial_ready,
        now_s=0.0,
        status=initial_status(given.activity, since_s, initialized=given.initialized),
        backing=Backing(given.initial_replicas, since_s=since_s),
    )
    pending = given.initial_replicas - given.initial_ready
    pods = ScenarioPods(given.initial_ready, (given.startup_delay_s,) * pending)
    extra = list(given.extra_stats)
    for second in range(len(given.load)):
        while extra and extra[0].t_s < second:
            stat = extra.pop(0)
            revision = report(revision, stat.t_s, stat.concurrency)
            if _wakes(stat, revision):
                pods = pods.become_ready(stat.t_s)
                row, revision, pods = _tick(given, spec, revision, pods, stat.t_s)
                yield {**row, "poked": True}
        pods = pods.become_ready(second)
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
    given: ScenarioInput, spec: KpaSpec, revision: AutoscaledRevision, pods: ScenarioPods, now_s: float
) -> tuple[dict[str, Any], AutoscaledRevision, ScenarioPods]:
    if given.reconciled:
        result, revision = tick(spec, revision, pods.ready, now_s)
    else:
        result, revision = _unbounded(spec, revision, pods.ready, now_s)
    row = _row(revision, pods, result, now_s)
    if given.reconciled:
        row |= _reconciled(spec, revision, pods, result)
    replicas = revision.backing.replicas
    ready_s = round(now_s + given.startup_delay_s, 9)
    return {**row, "replicas": replicas}, revision, pods.match_replicas(replicas, ready_s)


def _unbounded(
    spec: KpaSpec, revision: AutoscaledRevision, ready_pods: int, now_s: float
) -> tuple[Tick, AutoscaledRevision]:
    """Tick without bounds and scale to zero: the replicas are the desired count."""
    observed, revision = evaluate(spec, revision, ready_pods, now_s)
    desired = revision.latest.desired_pods
    if desired >= 0:
        revision = replace(revision, backing=replace(revision.backing, replicas=desired))
    decision = None if observed is None else revision.latest
    return Tick(observed, decision, Scaled(desired), patched=False), revision


def _row(revision: AutoscaledRevision, pods: ScenarioPods, result: Tick, now_s: float) -> dict[str, Any]:
    observed, decision, kpa = result.observed, result.decision, revision.kpa
    return {
        "t": _plain(now_s),
        "ready": pods.ready,
        "pending": len(pods.starting_s),
        "valid": observed is not None,
        "stable": None if observed is None else _plain(observed.stable),
        "panic": None if observed is None else _plain(observed.panic),
        "scale_desired": None if decision is None else decision.desired_pods,
        "desired": revision.latest.desired_pods,
        "panic_mode": kpa.panic_since_s is not None,
        "panic_since": _plain(kpa.panic_since_s),
        "max_panic_pods": kpa.max_panic_pods,
        "ebc": revision.latest.excess_burst_capacity,
    }


def _reconciled(
    spec: KpaSpec, revision: AutoscaledRevision, pods: ScenarioPods, result: Tick
) -> dict[str, Any]:
    mode, activators = mode_and_activators(spec, revision, pods.ready)
    return {
        "want": result.scaled.want,
        "patched": result.patched,
        "pa_active": str(revision.status.activity),
        "pa_reason": revision.status.reason,
        "initialized": revision.status.initialized,
        "sks_mode": str(mode),
        "num_activators": activators,
    }


def _plain(value: Any) -> Any:
    """Return a whole float as an int, as the golden files write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
