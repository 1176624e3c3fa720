"""Run Tidecast's `KnativeCluster` against a real control plane: deploy, write, read back, wait."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plane.testkit import AUTOSCALING, SERVING, Scale, annotate, deploy, scale, service
from running import RunningCluster, annotations_of

from config.overrides import resolve
from config.settings import Actuation, Settings
from scaler.controller.changes import Change, WriteResult
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.objects import Resource
from scaler.knative.writer import WriteTarget
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.plan.revision import RevisionSpec

MIN = "autoscaling.knative.dev/min-scale"
MARKS = ("tidecast.dev/set.min-scale", "tidecast.dev/owner.min-scale")
WINDOW = "10s"


def settings_for(serving: RunningCluster) -> Settings:
    """Return the default settings, with the address of this cluster's statistics stream."""
    return Settings(actuation=Actuation(autoscaler_url=f"ws://{serving.ports['autoscaler']}"))


def set_unconfirmed_target(
    serving: RunningCluster, cluster: KnativeCluster, resource: Resource
) -> WriteTarget:
    """Let Tidecast write on a resource as long as no effect shows another target; return the target."""
    target = cluster.writer.target
    target.resource, target.confirmed = resource, False
    cluster.configure(settings_for(serving))
    return target


@contextmanager
def started_cluster(serving: RunningCluster, account: Path) -> Iterator[KnativeCluster]:
    """Yield a started `KnativeCluster` that has listed every object; stop it afterwards."""
    cluster = KnativeCluster(Connection.open(account), settings_for(serving), resolve, namespace="tidecast")
    cluster.start()
    try:
        assert cluster.wait_synced(30), cluster.problems()
        yield cluster
    finally:
        cluster.stop()


def wait_until(condition: Callable[[], object], description: str, limit_s: float = 20.0) -> float:
    """Return the seconds until the condition holds; fail after `limit_s`."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < limit_s, f"not within {limit_s:g} s: {description}"
        time.sleep(0.02)
    return time.monotonic() - began_s


def deploy_revision(
    serving: RunningCluster, cluster: KnativeCluster, name: str, **annotations: str
) -> RevisionSpec:
    """Deploy a Knative Service with one Revision; return its spec as Tidecast observes it.

    annotations   by short name; an empty one is left out, such as `window`, which is short by default
    """
    texts = {short: text for short, text in ({"window": WINDOW} | annotations).items() if text}
    revision = serving.do(lambda api: deploy(api, service(name, **texts)))
    wait_until(lambda: find_spec(cluster, revision), "Tidecast observes the Revision")
    return observed_spec(cluster, revision)


def find_spec(cluster: KnativeCluster, name: str) -> RevisionSpec | None:
    return next((s for s in cluster.specs()[1] if s.key.name == name), None)


def observed_spec(cluster: KnativeCluster, name: str) -> RevisionSpec:
    spec = find_spec(cluster, name)
    assert spec is not None
    return spec


def write_change(
    cluster: KnativeCluster, spec: RevisionSpec, floor: int | None, settings: KpaSettings = UNSET
) -> WriteResult:
    (result,) = cluster.write([Change(spec.key, spec.uid, floor, settings)])
    return result


def scale_of(serving: RunningCluster, spec: RevisionSpec) -> Scale:
    return serving.do(lambda api: scale(api, spec.key.name))


def wait_until_scaled(
    serving: RunningCluster,
    spec: RevisionSpec,
    condition: Callable[[Scale], bool],
    description: str,
    limit_s: float = 30.0,
) -> None:
    wait_until(lambda: condition(scale_of(serving, spec)), description, limit_s)


def wait_until_zero(serving: RunningCluster, spec: RevisionSpec) -> None:
    wait_until_scaled(serving, spec, lambda s: s.replicas == 0 and s.ready == 0, "scaled to zero", 60)


def revision_annotations(serving: RunningCluster, spec: RevisionSpec) -> dict[str, str]:
    return annotations_of(serving.do(lambda api: api.get(object_path(spec, Resource.REVISION))))


def pa_annotations(serving: RunningCluster, spec: RevisionSpec) -> dict[str, str]:
    return annotations_of(serving.do(lambda api: api.get(object_path(spec, Resource.POD_AUTOSCALER))))


def annotate_by_hand(serving: RunningCluster, spec: RevisionSpec, value: str | None) -> None:
    """Write min-scale on the Revision as a person does with kubectl; None removes it."""
    serving.do(lambda api: annotate(api, object_path(spec, Resource.REVISION), min_scale=value))


def autoscaler_windows(serving: RunningCluster, spec: RevisionSpec) -> tuple[float, float]:
    """Return the (stable, panic) windows in seconds over which the autoscaler averages."""
    path = f"{AUTOSCALING.format('default')}/metrics/{spec.key.name}"
    metric = serving.do(lambda api: api.get(path))["spec"]
    return metric["stableWindow"] / 1e9, metric["panicWindow"] / 1e9


def object_path(spec: RevisionSpec, resource: Resource) -> str:
    group = SERVING if resource is Resource.REVISION else AUTOSCALING
    return f"{group.format(spec.key.namespace)}/{resource.value}/{spec.key.name}"
