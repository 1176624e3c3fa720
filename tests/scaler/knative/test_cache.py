"""The cache: specs of Revisions from objects, route shares, policies, problems and versions."""

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

FIRST, SECOND = RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002")
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


def cache_of(*objects: tuple[Resource, Any]) -> RevisionCache:
    cache = RevisionCache(resolve)
    for resource, item in objects:
        cache.update(resource, item)
    return cache


def spec_in(cache: RevisionCache, key: RevisionKey = FIRST) -> RevisionSpec:
    return next(spec for spec in cache.specs()[1] if spec.key == key)


def test_percents_are_those_of_the_route() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.ROUTE, route(hello_00001=80, hello_00002=20)),
    )
    assert [(s.key, s.service, s.percent) for s in cache.specs()[1]] == [
        (FIRST, ServiceKey("default", "hello"), 80.0),
        (SECOND, ServiceKey("default", "hello"), 20.0),
    ]


def test_tagged_and_untagged_shares_of_a_revision_are_summed() -> None:
    traffic = [
        {"revisionName": "hello-00001", "percent": 60},
        {"revisionName": "hello-00001", "percent": 15, "tag": "blue"},
        {"revisionName": "hello-00002", "percent": 25},
        {"revisionName": "hello-00002", "tag": "green"},
    ]
    split = obj(Resource.ROUTE, "hello", labels=HELLO_LABELS, status={"traffic": traffic})
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.ROUTE, split),
    )
    assert (spec_in(cache).percent, spec_in(cache, SECOND).percent) == (75.0, 25.0)


def test_changed_route_changes_only_the_specs_of_listed_revisions() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("hello-00002")),
        (Resource.REVISION, revision("other-00001", labels={"serving.knative.dev/service": "other"})),
        (Resource.ROUTE, route(hello_00001=100)),
    )
    version, before = cache.specs()
    cache.update(Resource.ROUTE, route(hello_00002=100))
    after_version, after = cache.specs()
    assert after_version != version
    assert [s.percent for s in after] == [0.0, 100.0, 0.0]
    assert after[2] is before[2]


def test_configuration_without_a_route_is_the_service() -> None:
    labels = {"serving.knative.dev/configuration": "worker"}
    status = {"latestReadyRevisionName": "worker-00002"}
    cache = cache_of(
        (Resource.CONFIGURATION, obj(Resource.CONFIGURATION, "worker", status=status)),
        (Resource.REVISION, revision("worker-00001", labels=labels)),
        (Resource.REVISION, revision("worker-00002", labels=labels)),
    )
    assert [(str(s.service), s.percent) for s in cache.specs()[1]] == [
        ("default/worker", 0.0),
        ("default/worker", 100.0),
    ]


def test_route_without_a_knative_service_is_the_service() -> None:
    labels = {"serving.knative.dev/configuration": "worker"}
    cache = cache_of(
        (Resource.REVISION, revision("worker-00001", labels=labels)),
        (Resource.ROUTE, route("front", {}, worker_00001=100)),
    )
    spec = spec_in(cache, RevisionKey("default", "worker-00001"))
    assert (str(spec.service), spec.percent) == ("default/front", 100.0)


def test_route_without_status_sends_all_requests_to_the_latest_ready_revision() -> None:
    cache = cache_of(
        (
            Resource.CONFIGURATION,
            obj(Resource.CONFIGURATION, "hello", status={"latestReadyRevisionName": FIRST.name}),
        ),
        (Resource.REVISION, revision("hello-00001")),
        (Resource.ROUTE, route()),
    )
    assert spec_in(cache).percent == 100.0


def test_reachability_is_that_of_the_podautoscaler() -> None:
    cache = cache_of((Resource.REVISION, revision("hello-00001")))
    assert spec_in(cache).reachable
    cache.update(
        Resource.POD_AUTOSCALER,
        obj(Resource.POD_AUTOSCALER, FIRST.name, spec={"reachability": "Unreachable"}),
    )
    assert not spec_in(cache).reachable


def test_decision_of_the_autoscaler_makes_no_new_version() -> None:
    cache = cache_of((Resource.REVISION, revision("hello-00001")))
    cache.update(
        Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, FIRST.name, status={"desiredScale": 1})
    )
    version, specs = cache.specs()
    cache.update(
        Resource.POD_AUTOSCALER,
        obj(Resource.POD_AUTOSCALER, FIRST.name, version="2", status={"desiredScale": 7}),
    )
    assert cache.specs() == (version, specs)
    assert cache.specs()[1] is specs


def test_annotation_of_the_revision_overrides_service_and_namespace() -> None:
    cache = cache_of(
        (Resource.NAMESPACE, obj(Resource.NAMESPACE, "default", annotations={"tidecast.dev/mode": "act"})),
        (Resource.SERVICE, obj(Resource.SERVICE, "hello", annotations={"tidecast.dev/delay-cost": "100"})),
        (Resource.REVISION, revision("hello-00001", annotations={"tidecast.dev/delay-cost": "7"})),
        (Resource.REVISION, revision("hello-00002")),
    )
    assert [(s.policy.mode, s.policy.delay_cost) for s in cache.specs()[1]] == [
        (Mode.ACT, 7.0),
        (Mode.ACT, 100.0),
    ]
    cache.update(Resource.NAMESPACE, obj(Resource.NAMESPACE, "default", version="2"))
    assert spec_in(cache).policy.mode is Mode.OBSERVE


def test_invalid_annotation_is_one_problem_and_other_revisions_keep_their_specs() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001", annotations={"autoscaling.knative.dev/target": "lots"})),
        (Resource.REVISION, revision("hello-00002", annotations={"tidecast.dev/mode": "perhaps"})),
        (Resource.REVISION, revision("hello-00003")),
    )
    assert len(cache.specs()[1]) == 3
    problems = cache.problems()
    assert set(problems) == {FIRST, SECOND}
    assert [len(lines) for lines in problems.values()] == [1, 1]
    assert "lots" in problems[FIRST][0]
    cache.update(Resource.REVISION, revision("hello-00001", version="2"))
    cache.specs()
    assert set(cache.problems()) == {SECOND}


def test_marked_floor_is_not_the_min_scale_of_the_owner() -> None:
    marked = {
        "autoscaling.knative.dev/min-scale": "5",
        "tidecast.dev/set.min-scale": "5",
        "tidecast.dev/owner.min-scale": "1",
    }
    cache = cache_of((Resource.REVISION, revision("hello-00001", annotations=marked)))
    assert (spec_in(cache).floor, spec_in(cache).owner_min) == (5, 1)
    assert cache.marked_keys() == {FIRST}
    cache.update(
        Resource.REVISION,
        revision("hello-00001", version="2", annotations=marked | {"autoscaling.knative.dev/min-scale": "2"}),
    )
    assert (spec_in(cache).floor, spec_in(cache).owner_min) == (None, 2)
    assert cache.marked_keys() == {FIRST}


SHORT = {
    "autoscaling.knative.dev/window": "15s",
    "tidecast.dev/set.window": "15s",
    "tidecast.dev/owner.window": "",
    "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "1m",
    "tidecast.dev/set.scale-to-zero-pod-retention-period": "1m",
    "tidecast.dev/owner.scale-to-zero-pod-retention-period": "",
}


def test_marked_settings_are_not_resolved_with_those_of_the_owner() -> None:
    owner_annotations = {
        "autoscaling.knative.dev/panicThresholdPercentage": "150",
        "autoscaling.knative.dev/target-burst-capacity": "7",
        "autoscaling.knative.dev/panic-window-percentage": "20",
    }
    spec = spec_in(
        cache_of((Resource.REVISION, revision("hello-00001", annotations=SHORT | owner_annotations)))
    )
    assert spec.settings == KpaSettings(window_s=15, retention_s=60)
    assert spec.owner_levers == {Lever.PANIC}
    assert (spec.window_s, spec.panic_window_percentage) == (60.0, 20.0)
    assert spec.kpa is not None
    assert (spec.kpa.stable_window_s, spec.kpa.pod_retention_period_s) == (60, 0.0)
    assert (spec.kpa.panic_threshold, spec.kpa.target_burst_capacity) == (1.5, 7.0)


def test_marked_setting_replaced_by_a_person_is_of_the_owner() -> None:
    by_hand = SHORT | {"autoscaling.knative.dev/window": "40s"}
    spec = spec_in(cache_of((Resource.REVISION, revision("hello-00001", annotations=by_hand))))
    assert spec.settings == KpaSettings(retention_s=60)
    assert (spec.owner_levers, spec.window_s) == (frozenset({Lever.WINDOW}), 40.0)


def test_hpa_class_has_no_kpa_spec() -> None:
    other = {"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
    assert spec_in(cache_of((Resource.REVISION, revision("hello-00001", annotations=other)))).kpa is None


@pytest.mark.parametrize("mark", ["soon", "", "-3", "³"])
def test_mark_without_a_number_is_no_floor(mark: str) -> None:
    both = {"autoscaling.knative.dev/min-scale": mark, "tidecast.dev/set.min-scale": mark}
    assert spec_in(cache_of((Resource.REVISION, revision("hello-00001", annotations=both)))).floor is None


def test_floor_is_read_from_the_podautoscaler_before_serving_1_21() -> None:
    marked = {"autoscaling.knative.dev/min-scale": "4", "tidecast.dev/set.min-scale": "4"}
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.POD_AUTOSCALER, obj(Resource.POD_AUTOSCALER, FIRST.name, annotations=marked)),
    )
    assert spec_in(cache).floor is None
    cache.configure(RevisionPolicy(), AutoscalerConfig(), ("*",), writes_on_pa=True)
    assert spec_in(cache).floor == 4


def test_only_classes_of_knative_have_specs() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001", annotations={"autoscaling.knative.dev/class": "keda"})),
        (
            Resource.REVISION,
            revision(
                "hello-00002", annotations={"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
            ),
        ),
        (Resource.REVISION, revision("hello-00003")),
    )
    assert [(s.key.name, s.hpa) for s in cache.specs()[1]] == [("hello-00002", True), ("hello-00003", False)]


def test_only_matching_namespaces_have_specs() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")),
        (Resource.REVISION, revision("a-00001", namespace="team-a")),
    )
    cache.configure(RevisionPolicy(), AutoscalerConfig(), ("team-*",), writes_on_pa=False)
    assert [s.key.namespace for s in cache.specs()[1]] == ["team-a"]


def test_deleted_and_unlisted_revisions_have_no_specs() -> None:
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001")), (Resource.REVISION, revision("hello-00002"))
    )
    cache.specs()
    cache.delete(Resource.REVISION, revision("hello-00001"))
    assert [s.key for s in cache.specs()[1]] == [SECOND]
    cache.replace(Resource.REVISION, [revision("hello-00003")])
    assert [s.key.name for s in cache.specs()[1]] == ["hello-00003"]


def test_late_deletion_event_does_not_delete_the_new_object() -> None:
    cache = cache_of((Resource.REVISION, revision("hello-00001", uid="new")))
    cache.delete(Resource.REVISION, revision("hello-00001", uid="old"))
    assert spec_in(cache).uid == "new"


def test_older_version_does_not_replace_a_newer_one() -> None:
    """The answer to a write may arrive before the watch event of the version before the write."""
    cache = cache_of(
        (Resource.REVISION, revision("hello-00001", version="12", spec={"containerConcurrency": 5}))
    )
    cache.update(Resource.REVISION, revision("hello-00001", version="9", spec={"containerConcurrency": 1}))
    assert spec_in(cache).container_concurrency == 5


def test_specs_are_sorted_after_many_updates_at_once_as_after_single_ones() -> None:
    names = [f"hello-{i:05d}" for i in range(250, 0, -1)]
    together = cache_of(*((Resource.REVISION, revision(name)) for name in names))
    serial = RevisionCache(resolve)
    for name in names:
        serial.update(Resource.REVISION, revision(name))
        serial.specs()
    assert together.specs()[1] == serial.specs()[1]
    assert [s.key.name for s in together.specs()[1]] == sorted(names)
    together.replace(Resource.REVISION, [revision(name) for name in names[:3]])
    assert [s.key.name for s in together.specs()[1]] == sorted(names[:3])
