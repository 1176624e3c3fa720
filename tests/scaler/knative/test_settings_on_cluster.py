"""The KPA's own settings on living Revisions, with the rights of deploy/rbac.yaml, on both generations.

Serving 1.23 has them from the Revision, 1.15 from the PodAutoscaler.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from plane.testkit import annotate, set_knobs
from running import Running
from steered import (
    MIN,
    deployed,
    on_pa,
    on_revision,
    order,
    path_of,
    seen,
    settings_of,
    until,
    until_scaled,
    watching,
    windows,
)

from config.policy import Lever
from scaler.controller.changes import Result
from scaler.controller.loop import Loop
from scaler.controller.ports import DemandSource
from scaler.controller.status import StatusStore
from scaler.knative.cluster import KnativeCluster
from scaler.knative.marks import AUTOSCALING, marked
from scaler.knative.objects import Resource
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.plan.revision import RevisionSpec

pytestmark = pytest.mark.cluster

SHORT = KpaSettings(35.0, 15, 1000.0, 60)
SAID = SHORT.annotations()
ACTS_AND_WAITS = """
import signal, sys
from pathlib import Path
from config.overrides import resolve
from config.settings import Settings
from scaler.knative.cluster import Cluster
from scaler.knative.connection import Connection
from scaler.controller.changes import Order
from scaler.kpa.settings import KpaSettings
cluster = Cluster(Connection.open(Path(sys.argv[1])), Settings(), resolve)
cluster.start()
assert cluster.wait_synced(30)
spec = next(s for s in cluster.specs()[1] if s.key.name == sys.argv[2])
(outcome,) = cluster.act([Order(spec.key, spec.uid, 2, KpaSettings(35.0, 15, 1000.0, 60))])
print(outcome.result.value, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module", params=["serving", "serving_1_15"])
def plane(request: pytest.FixtureRequest) -> Running:
    return cast(Running, request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def account(plane: Running) -> Path:
    return plane.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def tidecast(plane: Running, account: Path) -> Iterator[KnativeCluster]:
    with watching(plane, account) as cluster:
        yield cluster


def steering(plane: Running, tidecast: KnativeCluster, spec: RevisionSpec) -> dict[str, str]:
    """The annotations of the object that ours are written on."""
    return (on_revision if tidecast.writer.target.resource is Resource.REVISION else on_pa)(plane, spec)


def kpa_annotations(found: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in found.items() if name.startswith(AUTOSCALING)}


def test_settings_written_live_change_what_the_autoscaler_does_and_back(
    plane: Running, tidecast: KnativeCluster
) -> None:
    set_knobs(plane.home, "tuned-*", concurrency=30.0)
    spec = deployed(plane, tidecast, "tuned", window="", target="10")
    until_scaled(plane, spec, lambda s: s.ready == 5, "30 in flight at 7 a pod: five pods")
    before, owner_annotations = windows(plane, spec), kpa_annotations(on_pa(plane, spec))

    assert order(tidecast, spec, None, SHORT).result is Result.APPLIED
    followed_s = until(lambda: on_pa(plane, spec).items() >= SAID.items(), "the PodAutoscaler bears them")
    until(lambda: windows(plane, spec) == (15.0, 2.0), "the autoscaler averages over 15 s, and 2 s in panic")
    scaled_s = until(lambda: tidecast.writer.settled, "verified")
    until_scaled(plane, spec, lambda s: s.ready == 9, "at 3.5 a pod: nine pods")
    print(f"on the PodAutoscaler after {followed_s:.2f} s, verified after {scaled_s:.2f} s more")
    assert (seen(tidecast, spec.key.name).settings, seen(tidecast, spec.key.name).floor) == (SHORT, None)
    assert order(tidecast, spec, None, SHORT).result is Result.UNCHANGED
    assert (tidecast.writer.stats_sent, tidecast.verify()) == (0, [])

    assert order(tidecast, spec, None).result is Result.APPLIED
    # It woke in a panic, which lasts a window of 60 s again, and lets no pod go.
    until_scaled(plane, spec, lambda s: s.replicas == 5, "five pods again", 100)
    until(lambda: windows(plane, spec) == before, "the windows are the cluster's again")
    assert kpa_annotations(on_pa(plane, spec)) == owner_annotations
    assert not marked(steering(plane, tidecast, spec))
    set_knobs(plane.home, "tuned-*", concurrency=0.0)


def test_a_setting_and_a_floor_come_and_go_without_each_other(plane: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(plane, tidecast, "both", window="", min_scale="1")
    order(tidecast, spec, 2, SHORT)
    order(tidecast, spec, 3, SHORT)
    now = steering(plane, tidecast, spec)
    assert now.items() >= (SAID | {MIN: "3"}).items()
    order(tidecast, spec, None, SHORT)
    now = steering(plane, tidecast, spec)
    assert now.items() >= (SAID | {MIN: "1"}).items()
    order(tidecast, spec, 2, replace(SHORT, window_s=None, retention_s=None))
    assert seen(tidecast, spec.key.name).settings == KpaSettings(35.0, None, 1000.0, None)
    order(tidecast, spec, None)
    left = steering(plane, tidecast, spec)
    assert kpa_annotations(left)[MIN] == "1"
    assert not {*SAID} & left.keys()
    assert not marked(left)


def test_what_the_owner_wrote_in_the_template_is_never_touched(plane: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(plane, tidecast, "theirs", window="20s", targetUtilizationPercentage="80")
    assert spec.owner_levers == {Lever.WINDOW, Lever.TARGET}
    assert spec.kpa is not None
    assert (spec.kpa.stable_window_s, spec.kpa.target_value) == (20, 80.0)
    owner_annotations = kpa_annotations(steering(plane, tidecast, spec))
    assert order(tidecast, spec, None, SHORT).result is Result.APPLIED
    now = kpa_annotations(steering(plane, tidecast, spec))
    assert now.items() >= owner_annotations.items()
    assert {short.removeprefix(AUTOSCALING) for short in now.keys() - owner_annotations.keys()} == {
        "panic-threshold-percentage",
        "scale-to-zero-pod-retention-period",
    }
    until(lambda: tidecast.writer.settled, "verified: what is not ours is not waited for")
    assert windows(plane, spec)[0] == 20.0
    order(tidecast, spec, None)
    assert kpa_annotations(steering(plane, tidecast, spec)) == owner_annotations


def test_what_a_person_writes_over_ours_is_theirs(plane: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(plane, tidecast, "by-hand", window="")
    order(tidecast, spec, 2, SHORT)
    path = path_of(spec, tidecast.writer.target.resource)
    plane.do(lambda api: annotate(api, path, window="40s"))
    rest = replace(SHORT, window_s=None)
    until(lambda: seen(tidecast, spec.key.name).settings == rest, "Tidecast sees the person's value")
    assert seen(tidecast, spec.key.name).owner_levers == {Lever.WINDOW}
    tidecast.sweep()
    now = steering(plane, tidecast, spec)
    assert now[AUTOSCALING + "window"] == "40s"
    assert not {"tidecast.dev/set.window", "tidecast.dev/owner.window"} & now.keys()
    assert (seen(tidecast, spec.key.name).floor, seen(tidecast, spec.key.name).settings) == (2, rest)
    order(tidecast, spec, 2, SHORT)
    assert steering(plane, tidecast, spec)[AUTOSCALING + "window"] == "40s"
    until(lambda: windows(plane, spec)[0] == 40.0, "it has its effect")
    order(tidecast, spec, None)
    left = steering(plane, tidecast, spec)
    assert kpa_annotations(left).items() >= {AUTOSCALING + "window": "40s"}.items()
    assert not marked(left)
    assert not {*SAID} - {AUTOSCALING + "window"} & left.keys()


def test_after_kill_9_release_gives_everything_back(plane: Running, tidecast: KnativeCluster, account: Path) -> None:
    spec = deployed(plane, tidecast, "killed", window="", min_scale="1", panic_threshold_percentage="300")
    owner_annotations, on_its_pa = (kpa_annotations(on(plane, spec)) for on in (on_revision, on_pa))
    command = [sys.executable, "-c", ACTS_AND_WAITS, str(account), spec.key.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        process.kill()
    assert said == "applied"
    until(lambda: seen(tidecast, spec.key.name).floor == 2, "it stands")
    assert seen(tidecast, spec.key.name).settings == replace(SHORT, panic_threshold_percentage=None)
    tool = Path(sys.executable).with_name("tidecast")
    release = [str(tool), "release", f"--kubeconfig={account}", "--namespace=tidecast"]
    released = subprocess.run(release, capture_output=True, check=False, text=True)
    assert released.returncode == 0, released.stderr
    assert not marked(steering(plane, tidecast, spec))
    assert kpa_annotations(on_revision(plane, spec)) == owner_annotations
    until(lambda: kpa_annotations(on_pa(plane, spec)) == on_its_pa, "the PodAutoscaler is as before")


def test_a_clean_stop_gives_settings_back(plane: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(plane, tidecast, "stopped", window="")
    owner_annotations = kpa_annotations(steering(plane, tidecast, spec))
    order(tidecast, spec, None, SHORT)
    status_store = StatusStore()
    Loop(cast(DemandSource, None), tidecast, settings_of(plane), status_store).stop()
    assert (status_store.status.write_results, status_store.status.settings) == (
        {"applied": 1},
        ((spec.key, SHORT),),
    )
    assert seen(tidecast, spec.key.name).settings == UNSET
    assert kpa_annotations(steering(plane, tidecast, spec)) == owner_annotations
