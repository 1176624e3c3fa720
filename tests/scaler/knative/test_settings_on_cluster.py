"""Settings of the KPA on real Revisions of two Serving releases, with the permissions of deploy/rbac.yaml.

Serving 1.23 reads the settings from the Revision, Serving 1.15 from the PodAutoscaler.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from plane.testkit import annotate, set_knobs
from real_cluster import (
    MIN,
    autoscaler_windows,
    deploy_revision,
    object_path,
    observed_spec,
    pa_annotations,
    revision_annotations,
    settings_for,
    started_cluster,
    wait_until,
    wait_until_scaled,
    write_change,
)
from running import RunningCluster

from config.policy import Lever
from scaler.controller.changes import Result
from scaler.controller.loop import Loop
from scaler.controller.ports import DemandSource
from scaler.controller.status import StatusStore
from scaler.knative.cluster import KnativeCluster
from scaler.knative.marks import AUTOSCALING, is_marked
from scaler.knative.objects import Resource
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.plan.revision import RevisionSpec

pytestmark = pytest.mark.cluster

SHORT = KpaSettings(35.0, 15, 1000.0, 60)
SHORT_ANNOTATIONS = SHORT.annotations()
WRITES_AND_WAITS = """
import signal, sys
from pathlib import Path
from config.overrides import resolve
from config.settings import Settings
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.controller.changes import Change
from scaler.kpa.settings import KpaSettings
cluster = KnativeCluster(Connection.open(Path(sys.argv[1])), Settings(), resolve)
cluster.start()
assert cluster.wait_synced(30)
spec = next(s for s in cluster.specs()[1] if s.key.name == sys.argv[2])
(result,) = cluster.write([Change(spec.key, spec.uid, 2, KpaSettings(35.0, 15, 1000.0, 60))])
print(result.result.value, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module", params=["serving", "serving_1_15"])
def serving_release(request: pytest.FixtureRequest) -> RunningCluster:
    return cast(RunningCluster, request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def account(serving_release: RunningCluster) -> Path:
    return serving_release.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def cluster(serving_release: RunningCluster, account: Path) -> Iterator[KnativeCluster]:
    with started_cluster(serving_release, account) as cluster:
        yield cluster


def target_annotations(
    serving_release: RunningCluster, cluster: KnativeCluster, spec: RevisionSpec
) -> dict[str, str]:
    """Return the annotations of the object that Tidecast writes on."""
    return (revision_annotations if cluster.writer.target.resource is Resource.REVISION else pa_annotations)(
        serving_release, spec
    )


def kpa_annotations(annotations: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if name.startswith(AUTOSCALING)}


def test_settings_change_the_decisions_of_the_autoscaler_until_reverted(
    serving_release: RunningCluster, cluster: KnativeCluster
) -> None:
    set_knobs(serving_release.home, "tuned-*", concurrency=30.0)
    spec = deploy_revision(serving_release, cluster, "tuned", window="", target="10")
    wait_until_scaled(serving_release, spec, lambda s: s.ready == 5, "30 in flight at 7 a pod: five pods")
    before, owner_annotations = (
        autoscaler_windows(serving_release, spec),
        kpa_annotations(pa_annotations(serving_release, spec)),
    )

    assert write_change(cluster, spec, None, SHORT).result is Result.APPLIED
    copied_s = wait_until(
        lambda: pa_annotations(serving_release, spec).items() >= SHORT_ANNOTATIONS.items(),
        "the PodAutoscaler has the settings",
    )
    wait_until(
        lambda: autoscaler_windows(serving_release, spec) == (15.0, 2.0),
        "the autoscaler averages over 15 s, and 2 s in panic",
    )
    verified_s = wait_until(lambda: cluster.writer.settled, "verified")
    wait_until_scaled(serving_release, spec, lambda s: s.ready == 9, "at 3.5 a pod: nine pods")
    print(f"on the PodAutoscaler after {copied_s:.2f} s, verified after {verified_s:.2f} s more")
    assert (observed_spec(cluster, spec.key.name).settings, observed_spec(cluster, spec.key.name).floor) == (
        SHORT,
        None,
    )
    assert write_change(cluster, spec, None, SHORT).result is Result.UNCHANGED
    assert (cluster.writer.stats_sent, cluster.ineffective_writes()) == (0, [])

    assert write_change(cluster, spec, None).result is Result.APPLIED
    # The scale from zero began a panic, which lasts 60 s with the restored window and removes no pod.
    wait_until_scaled(serving_release, spec, lambda s: s.replicas == 5, "five pods again", 100)
    wait_until(
        lambda: autoscaler_windows(serving_release, spec) == before, "the windows are the cluster's again"
    )
    assert kpa_annotations(pa_annotations(serving_release, spec)) == owner_annotations
    assert not is_marked(target_annotations(serving_release, cluster, spec))
    set_knobs(serving_release.home, "tuned-*", concurrency=0.0)


def test_settings_and_floor_are_set_and_reverted_independently(
    serving_release: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving_release, cluster, "both", window="", min_scale="1")
    write_change(cluster, spec, 2, SHORT)
    write_change(cluster, spec, 3, SHORT)
    annotations = target_annotations(serving_release, cluster, spec)
    assert annotations.items() >= (SHORT_ANNOTATIONS | {MIN: "3"}).items()
    write_change(cluster, spec, None, SHORT)
    annotations = target_annotations(serving_release, cluster, spec)
    assert annotations.items() >= (SHORT_ANNOTATIONS | {MIN: "1"}).items()
    write_change(cluster, spec, 2, replace(SHORT, window_s=None, retention_s=None))
    assert observed_spec(cluster, spec.key.name).settings == KpaSettings(35.0, None, 1000.0, None)
    write_change(cluster, spec, None)
    annotations = target_annotations(serving_release, cluster, spec)
    assert kpa_annotations(annotations)[MIN] == "1"
    assert not {*SHORT_ANNOTATIONS} & annotations.keys()
    assert not is_marked(annotations)


def test_settings_of_the_template_are_never_changed(
    serving_release: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(
        serving_release, cluster, "templated", window="20s", targetUtilizationPercentage="80"
    )
    assert spec.owner_levers == {Lever.WINDOW, Lever.TARGET}
    assert spec.kpa is not None
    assert (spec.kpa.stable_window_s, spec.kpa.target_value) == (20, 80.0)
    owner_annotations = kpa_annotations(target_annotations(serving_release, cluster, spec))
    assert write_change(cluster, spec, None, SHORT).result is Result.APPLIED
    annotations = kpa_annotations(target_annotations(serving_release, cluster, spec))
    assert annotations.items() >= owner_annotations.items()
    assert {name.removeprefix(AUTOSCALING) for name in annotations.keys() - owner_annotations.keys()} == {
        "panic-threshold-percentage",
        "scale-to-zero-pod-retention-period",
    }
    wait_until(lambda: cluster.writer.settled, "verified without the settings of the template")
    assert autoscaler_windows(serving_release, spec)[0] == 20.0
    write_change(cluster, spec, None)
    assert kpa_annotations(target_annotations(serving_release, cluster, spec)) == owner_annotations


def test_setting_written_by_a_person_over_a_setting_stays(
    serving_release: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving_release, cluster, "by-hand", window="")
    write_change(cluster, spec, 2, SHORT)
    path = object_path(spec, cluster.writer.target.resource)
    serving_release.do(lambda api: annotate(api, path, window="40s"))
    others = replace(SHORT, window_s=None)
    wait_until(
        lambda: observed_spec(cluster, spec.key.name).settings == others,
        "Tidecast observes the value of the person",
    )
    assert observed_spec(cluster, spec.key.name).owner_levers == {Lever.WINDOW}
    cluster.sweep()
    annotations = target_annotations(serving_release, cluster, spec)
    assert annotations[AUTOSCALING + "window"] == "40s"
    assert not {"tidecast.dev/set.window", "tidecast.dev/owner.window"} & annotations.keys()
    assert (observed_spec(cluster, spec.key.name).floor, observed_spec(cluster, spec.key.name).settings) == (
        2,
        others,
    )
    write_change(cluster, spec, 2, SHORT)
    assert target_annotations(serving_release, cluster, spec)[AUTOSCALING + "window"] == "40s"
    wait_until(
        lambda: autoscaler_windows(serving_release, spec)[0] == 40.0, "the window of the person takes effect"
    )
    write_change(cluster, spec, None)
    annotations = target_annotations(serving_release, cluster, spec)
    assert kpa_annotations(annotations).items() >= {AUTOSCALING + "window": "40s"}.items()
    assert not is_marked(annotations)
    assert not {*SHORT_ANNOTATIONS} - {AUTOSCALING + "window"} & annotations.keys()


def test_release_after_kill_9_reverts_everything(
    serving_release: RunningCluster, cluster: KnativeCluster, account: Path
) -> None:
    spec = deploy_revision(
        serving_release, cluster, "killed", window="", min_scale="1", panic_threshold_percentage="300"
    )
    owner_annotations, pa_before = (
        kpa_annotations(read(serving_release, spec)) for read in (revision_annotations, pa_annotations)
    )
    command = [sys.executable, "-c", WRITES_AND_WAITS, str(account), spec.key.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        process.kill()
    assert line == "applied"
    wait_until(lambda: observed_spec(cluster, spec.key.name).floor == 2, "Tidecast observes the floor")
    assert observed_spec(cluster, spec.key.name).settings == replace(SHORT, panic_threshold_percentage=None)
    tidecast = Path(sys.executable).with_name("tidecast")
    release = [str(tidecast), "release", f"--kubeconfig={account}", "--namespace=tidecast"]
    released = subprocess.run(release, capture_output=True, check=False, text=True)
    assert released.returncode == 0, released.stderr
    assert not is_marked(target_annotations(serving_release, cluster, spec))
    assert kpa_annotations(revision_annotations(serving_release, spec)) == owner_annotations
    wait_until(
        lambda: kpa_annotations(pa_annotations(serving_release, spec)) == pa_before,
        "the PodAutoscaler is as before",
    )


def test_clean_stop_reverts_settings(serving_release: RunningCluster, cluster: KnativeCluster) -> None:
    spec = deploy_revision(serving_release, cluster, "stopped", window="")
    owner_annotations = kpa_annotations(target_annotations(serving_release, cluster, spec))
    write_change(cluster, spec, None, SHORT)
    status_store = StatusStore()
    Loop(cast(DemandSource, None), cluster, settings_for(serving_release), status_store).stop()
    assert (status_store.status.write_results, status_store.status.settings) == (
        {"applied": 1},
        ((spec.key, SHORT),),
    )
    assert observed_spec(cluster, spec.key.name).settings == UNSET
    assert kpa_annotations(target_annotations(serving_release, cluster, spec)) == owner_annotations
