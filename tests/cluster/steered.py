"""A real cluster with Tidecast's own eyes and hands on it: what tests of acting do, in a sentence each."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plane.testkit import AUTOSCALING, SERVING, Scale, annotate, deploy, scale, service
from running import Running, annotations_of

from config.overrides import resolve
from config.settings import Actuation, Settings
from scaler.controller.changes import Change, WriteResult
from scaler.knative.writer import WriteTarget
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.objects import Resource
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.plan.revision import RevisionSpec

MIN = "autoscaling.knative.dev/min-scale"
MARKS = ("tidecast.dev/set.min-scale", "tidecast.dev/owner.min-scale")
WINDOW = "10s"


def settings_of(serving: Running) -> Settings:
    """All as usual, but for the address of the statistics stream."""
    return Settings(actuation=Actuation(autoscaler_url=f"ws://{serving.ports['autoscaler']}"))


def doubt(serving: Running, tidecast: KnativeCluster, on: Resource) -> WriteTarget:
    """Make Tidecast believe, without being sure, that floors are written there."""
    steering = tidecast.writer.target
    steering.resource, steering.confirmed = on, False
    tidecast.configure(settings_of(serving))
    return steering


@contextmanager
def watching(serving: Running, account: Path) -> Iterator[KnativeCluster]:
    """Tidecast's view of that cluster, complete."""
    cluster = KnativeCluster(Connection.open(account), settings_of(serving), resolve, namespace="tidecast")
    cluster.start()
    try:
        assert cluster.wait_synced(30), cluster.problems()
        yield cluster
    finally:
        cluster.stop()


def until(condition: Callable[[], object], what: str, limit_s: float = 20.0) -> float:
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < limit_s, f"not within {limit_s:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began_s


def deployed(serving: Running, tidecast: KnativeCluster, name: str, **annotations: str) -> RevisionSpec:
    """A Knative Service with one Revision, and that Revision as Tidecast sees it.

    Annotations by short name; an empty one is left out, such as the short window that it has by default.
    """
    said = {short: text for short, text in ({"window": WINDOW} | annotations).items() if text}
    revision = serving.do(lambda api: deploy(api, service(name, **said)))
    until(lambda: spec_of(tidecast, revision), "Tidecast sees the Revision")
    return seen(tidecast, revision)


def spec_of(tidecast: KnativeCluster, name: str) -> RevisionSpec | None:
    return next((s for s in tidecast.specs()[1] if s.key.name == name), None)


def seen(tidecast: KnativeCluster, name: str) -> RevisionSpec:
    spec = spec_of(tidecast, name)
    assert spec is not None
    return spec


def order(
    tidecast: KnativeCluster, spec: RevisionSpec, floor: int | None, setting: KpaSettings = UNSET
) -> WriteResult:
    (outcome,) = tidecast.write([Change(spec.key, spec.uid, floor, setting)])
    return outcome


def scaled(serving: Running, spec: RevisionSpec) -> Scale:
    return serving.do(lambda api: scale(api, spec.key.name))


def until_scaled(
    serving: Running, spec: RevisionSpec, holds: Callable[[Scale], bool], what: str, limit_s: float = 30.0
) -> None:
    until(lambda: holds(scaled(serving, spec)), what, limit_s)


def asleep(serving: Running, spec: RevisionSpec) -> None:
    until_scaled(serving, spec, lambda s: s.replicas == 0 and s.ready == 0, "scaled to zero", 60)


def on_revision(serving: Running, spec: RevisionSpec) -> dict[str, str]:
    return annotations_of(serving.do(lambda api: api.get(path_of(spec, Resource.REVISION))))


def on_pa(serving: Running, spec: RevisionSpec) -> dict[str, str]:
    return annotations_of(serving.do(lambda api: api.get(path_of(spec, Resource.POD_AUTOSCALER))))


def by_hand(serving: Running, spec: RevisionSpec, value: str | None) -> None:
    """A person with kubectl."""
    serving.do(lambda api: annotate(api, path_of(spec, Resource.REVISION), min_scale=value))


def windows(serving: Running, spec: RevisionSpec) -> tuple[float, float]:
    """(stable, panic) window that the autoscaler averages over, seconds."""
    path = f"{AUTOSCALING.format('default')}/metrics/{spec.key.name}"
    said = serving.do(lambda api: api.get(path))["spec"]
    return said["stableWindow"] / 1e9, said["panicWindow"] / 1e9


def path_of(spec: RevisionSpec, on: Resource) -> str:
    group = SERVING if on is Resource.REVISION else AUTOSCALING
    return f"{group.format(spec.key.namespace)}/{on.value}/{spec.key.name}"
