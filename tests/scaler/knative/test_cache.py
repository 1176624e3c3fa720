"""Objects in, Revisions out: shares of routes, policies, faults, and what a change makes anew."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from config.overrides import resolve
from config.policy import Lever, Mode, RevisionPolicy
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative.cache import RevisionCache
from scaler.knative.objects import ENDPOINTS, Resource, decode, trim
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.settings import KpaSettings
from scaler.plan.revision import RevisionSpec

ONE, TWO = RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002")
HELLO_LABELS = {"serving.knative.dev/service": "hello", "serving.knative.dev/configuration": "hello"}


def obj(
    kind: Resource,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    namespace: str = "default",
    version: str = "1",
    uid: str = "",
    **parts: Any,
) -> Any:
    meta = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": version}
    if kind is Resource.NAMESPACE:
        del meta["namespace"]
    meta_json = meta | {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
    return trim(decode(json.dumps({"metadata": meta_json, **parts}).encode(), ENDPOINTS[kind].type))


def revision(name: str, **rest: Any) -> Any:
    return obj(Resource.REVISION, name, labels=rest.pop("labels", HELLO_LABELS), **rest)


def route(name: str = "hello", labels: Mapping[str, str] = HELLO_LABELS, **percents: int) -> Any:
    traffic = [
        {"revisionName": revision.replace("_", "-"), "percent": percent}
        for revision, percent in percents.items()
    ]
    return obj(Resource.ROUTE, name, labels=labels, status={"traffic": traffic})


def fleet(*seen: tuple[Resource, Any]) -> RevisionCache:
    made = RevisionCache(resolve)
    for name, one in seen:
        made.update(name, one)
    return made


def one(made: RevisionCache, key: RevisionKey = ONE) -> RevisionSpec:
    return next(spec for spec in made.specs()[1] if spec.key == key)


def test_traffic_is_split_as_the_route_says() -> None:
    made = fleet(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.ROUTE, route(hello_00001=80, hello_00002=20)),
    )
    assert [(s.key, s.service, s.percent) for s in made.specs()[1]] == [
        (ONE, ServiceKey("default", "hello"), 80.0),
        (TWO, ServiceKey("default", "hello"), 20.0),
    ]


def test_tagged_and_untagged_shares_of_one_revision_add_up() -> None:
    traffic = [
        {"revisionName": "hello-00001", "percent": 60},
        {"revisionName": "hello-00001", "percent": 15, "tag": "blue"},
        {"revisionName": "hello-00002", "percent": 25},
        {"revisionName": "hello-00002", "tag": "green"},
    ]
    split = obj(Resource.ROUTE, "hello", labels=HELLO_LABELS, status={"traffic": traffic})
    made = fleet(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.ROUTE, split),
    )
    assert (one(made).percent, one(made, TWO).percent) == (75.0, 25.0)


def test_a_new_split_changes_the_revisions_it_names_and_no_other() -> None:
    made = fleet(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.REVISION, revision("other-00001", labels={"serving.knative.dev/service": "other"})),
        (Resource.ROUTE, route(hello_00001=100)),
    )
    version, before = made.specs()
    made.update(Resource.ROUTE, route(hello_00002=100))
    after_version, after = made.specs()
    assert after_version != version
    assert [s.percent for s in after] == [0.0, 100.0, 0.0]
    assert after[2] is before[2]


def test_a_configuration_without_a_route_is_its_own_service() -> None:
    labels = {"serving.knative.dev/configuration": "worker"}
    status = {"latestReadyRevisionName": "worker-00002"}
    made = fleet(
        (Resource.CONFIGURATION, obj(Resource.CONFIGURATION, "worker", status=status)),
        (Resource.REVISION, revision("worker-00001", labels=labels)),
        (Resource.REVISION, revision("worker-00002", labels=labels)),
    )
    assert [(str(s.service), s.percent) for s in made.specs()[1]] == [
        ("default/worker", 0.0),
        ("default/worker", 100.0),
    ]


def test_a_route_of_its_own_over_a_configuration_is_the_service() -> None:
    labels = {"serving.knative.dev/configuration": "worker"}
    made = fleet(
        (Resource.REVISION, revision("worker-00001", labels=labels)),
        (Resource.ROUTE, route("front", {}, worker_00001=100)),
    )
    spec = one(made, RevisionKey("default", "worker-00001"))
    assert (str(spec.service), spec.percent) == ("default/front", 100.0)


def test_a_route_not_ready_yet_sends_all_to_the_latest_ready_revision() -> None:
    made = fleet(
        (
            Resource.CONFIGURATION,
            obj(Resource.CONFIGURATION, "hello", status={"latestReadyRevisionName": ONE.name}),
        ),
        (Resource.REVISION, revision("hello-00001")),
        (Resource.ROUTE, route()),
    )
    assert one(made).percent == 100.0


def test_reachability_comes_from_the_podautoscaler() -> None:
    made = fleet((Resource.REVISION, revision("hello-00001")))
    assert one(made).reachable
    made.update(Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, ONE.name, spec={"reachability": "Unreachable"}))
    assert not one(made).reachable


def test_what_the_autoscaler_decides_makes_no_new_version() -> None:
    made = fleet((Resource.REVISION, revision("hello-00001")))
    made.update(Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, ONE.name, status={"desiredScale": 1}))
    version, specs = made.specs()
    made.update(
        Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, ONE.name, version="2", status={"desiredScale": 7})
    )
    assert made.specs() == (version, specs)
    assert made.specs()[1] is specs


def test_the_nearer_annotation_wins() -> None:
    made = fleet(
        (Resource.NAMESPACE, obj(Resource.NAMESPACE, "default", annotations={"tidecast.dev/mode": "act"})),
        (Resource.SERVICE, obj(Resource.SERVICE, "hello", annotations={"tidecast.dev/delay-cost": "100"})),
        (Resource.REVISION, revision("hello-00001", annotations={"tidecast.dev/delay-cost": "7"})),
        (Resource.REVISION, revision("hello-00002")),
    )
    assert [(s.policy.mode, s.policy.delay_cost) for s in made.specs()[1]] == [
        (Mode.ACT, 7.0),
        (Mode.ACT, 100.0),
    ]
    made.update(Resource.NAMESPACE, obj(Resource.NAMESPACE, "default", version="2"))
    assert one(made).policy.mode is Mode.OBSERVE


def test_a_bad_annotation_is_one_fault_and_the_rest_of_the_fleet_goes_on() -> None:
    made = fleet(
        (Resource.REVISION, revision("hello-00001", annotations={"autoscaling.knative.dev/target": "lots"})),
        (Resource.REVISION, revision("hello-00002", annotations={"tidecast.dev/mode": "perhaps"})),
        (Resource.REVISION, revision("hello-00003")),
    )
    assert len(made.specs()[1]) == 3
    problems = made.problems()
    assert set(problems) == {ONE, TWO}
    assert [len(lines) for lines in problems.values()] == [1, 1]
    assert "lots" in problems[ONE][0]
    made.update(Resource.REVISION, revision("hello-00001", version="2"))
    made.specs()
    assert set(made.problems()) == {TWO}


def test_values_of_ours_are_not_taken_for_the_owners() -> None:
    marked = {
        "autoscaling.knative.dev/min-scale": "5",
        "tidecast.dev/set.min-scale": "5",
        "tidecast.dev/owner.min-scale": "1",
    }
    made = fleet((Resource.REVISION, revision("hello-00001", annotations=marked)))
    assert (one(made).floor, one(made).owner_min) == (5, 1)
    assert made.marked_keys() == {ONE}
    made.update(
        Resource.REVISION,
        revision("hello-00001", version="2", annotations=marked | {"autoscaling.knative.dev/min-scale": "2"}),
    )
    assert (one(made).floor, one(made).owner_min) == (None, 2)
    assert made.marked_keys() == {ONE}


SHORT = {
    "autoscaling.knative.dev/window": "15s",
    "tidecast.dev/set.window": "15s",
    "tidecast.dev/owner.window": "",
    "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "1m",
    "tidecast.dev/set.scale-to-zero-pod-retention-period": "1m",
    "tidecast.dev/owner.scale-to-zero-pod-retention-period": "",
}


def test_settings_of_ours_stand_beside_the_owners_and_are_not_resolved() -> None:
    owner_annotations = {
        "autoscaling.knative.dev/panicThresholdPercentage": "150",
        "autoscaling.knative.dev/target-burst-capacity": "7",
        "autoscaling.knative.dev/panic-window-percentage": "20",
    }
    spec = one(fleet((Resource.REVISION, revision("hello-00001", annotations=SHORT | owner_annotations))))
    assert spec.settings == KpaSettings(window_s=15, retention_s=60)
    assert spec.owner_levers == {Lever.PANIC}
    assert (spec.window_s, spec.panic_window_percentage) == (60.0, 20.0)
    assert spec.kpa is not None
    assert (spec.kpa.stable_window_s, spec.kpa.pod_retention_period_s) == (60, 0.0)
    assert (spec.kpa.panic_threshold, spec.kpa.target_burst_capacity) == (1.5, 7.0)


def test_a_setting_that_a_person_wrote_over_is_the_owners() -> None:
    by_hand = SHORT | {"autoscaling.knative.dev/window": "40s"}
    spec = one(fleet((Resource.REVISION, revision("hello-00001", annotations=by_hand))))
    assert spec.settings == KpaSettings(retention_s=60)
    assert (spec.owner_levers, spec.window_s) == (frozenset({Lever.WINDOW}), 40.0)


def test_of_the_hpa_class_there_is_nothing_that_the_kpa_resolves() -> None:
    other = {"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
    assert one(fleet((Resource.REVISION, revision("hello-00001", annotations=other)))).kpa is None


@pytest.mark.parametrize("mark", ["soon", "", "-3", "³"])
def test_a_mark_that_is_no_number_is_no_floor(mark: str) -> None:
    both = {"autoscaling.knative.dev/min-scale": mark, "tidecast.dev/set.min-scale": mark}
    assert one(fleet((Resource.REVISION, revision("hello-00001", annotations=both)))).floor is None


def test_of_serving_before_1_21_the_podautoscaler_counts() -> None:
    marked = {"autoscaling.knative.dev/min-scale": "4", "tidecast.dev/set.min-scale": "4"}
    made = fleet(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, ONE.name, annotations=marked)),
    )
    assert one(made).floor is None
    made.configure(RevisionPolicy(), AutoscalerConfig(), ("*",), writes_on_pa=True)
    assert one(made).floor == 4


def test_only_classes_of_knative_are_looked_at() -> None:
    made = fleet(
        (Resource.REVISION, revision("hello-00001", annotations={"autoscaling.knative.dev/class": "keda"})),
        (
            Resource.REVISION,
            revision(
                "hello-00002", annotations={"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
            ),
        ),
        (Resource.REVISION, revision("hello-00003")),
    )
    assert [(s.key.name, s.hpa) for s in made.specs()[1]] == [("hello-00002", True), ("hello-00003", False)]


def test_only_namespaces_that_fit_are_looked_at() -> None:
    made = fleet(
        (Resource.REVISION, revision("hello-00001")), (Resource.REVISION, revision("a-00001", namespace="team-a"))
    )
    made.configure(RevisionPolicy(), AutoscalerConfig(), ("team-*",), writes_on_pa=False)
    assert [s.key.namespace for s in made.specs()[1]] == ["team-a"]


def test_deleted_and_vanished_revisions_are_left_out() -> None:
    made = fleet((Resource.REVISION, revision("hello-00001")), (Resource.REVISION, revision("hello-00002")))
    made.specs()
    made.delete(Resource.REVISION, revision("hello-00001"))
    assert [s.key for s in made.specs()[1]] == [TWO]
    made.replace(Resource.REVISION, [revision("hello-00003")])
    assert [s.key.name for s in made.specs()[1]] == ["hello-00003"]


def test_a_late_farewell_does_not_take_the_successor_away() -> None:
    made = fleet((Resource.REVISION, revision("hello-00001", uid="new")))
    made.delete(Resource.REVISION, revision("hello-00001", uid="old"))
    assert one(made).uid == "new"


def test_an_older_version_does_not_overwrite_a_newer_one() -> None:
    """An answer to a write may be known before the watch has told what was there before."""
    made = fleet((Resource.REVISION, revision("hello-00001", version="12", spec={"containerConcurrency": 5})))
    made.update(Resource.REVISION, revision("hello-00001", version="9", spec={"containerConcurrency": 1}))
    assert one(made).container_concurrency == 5


def test_many_at_once_come_out_sorted_like_one_by_one() -> None:
    names = [f"hello-{i:05d}" for i in range(250, 0, -1)]
    concurrency = fleet(*((Resource.REVISION, revision(name)) for name in names))
    serial = RevisionCache(resolve)
    for name in names:
        serial.update(Resource.REVISION, revision(name))
        serial.specs()
    assert concurrency.specs()[1] == serial.specs()[1]
    assert [s.key.name for s in concurrency.specs()[1]] == sorted(names)
    concurrency.replace(Resource.REVISION, [revision(name) for name in names[:3]])
    assert [s.key.name for s in concurrency.specs()[1]] == sorted(names[:3])
