"""`KnativeCluster` against a real Serving 1.23, with the permissions of deploy/rbac.yaml and no others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from plane.api import Api, RefusedError
from plane.testkit import (
    SERVING,
    deploy,
    restart,
    service,
    set_knobs,
    wait_for_leader,
)
from real_cluster import (
    MARKS,
    MIN,
    WINDOW,
    annotate_by_hand,
    deploy_revision,
    find_spec,
    observed_spec,
    pa_annotations,
    revision_annotations,
    scale_of,
    set_unconfirmed_target,
    started_cluster,
    wait_until,
    wait_until_scaled,
    wait_until_zero,
    write_change,
)
from running import RunningCluster

from scaler.controller.changes import Change, Result
from scaler.knative.actuator import Actuator
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.marks import FLOOR
from scaler.knative.objects import Resource
from scaler.knative.sweep import sweep

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def account(serving: RunningCluster) -> Path:
    return serving.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def cluster(serving: RunningCluster, account: Path) -> Iterator[KnativeCluster]:
    with started_cluster(serving, account) as cluster:
        yield cluster


def test_floor_starts_pods_and_revert_scales_to_zero(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "floor")
    wait_until_zero(serving, spec)
    assert write_change(cluster, spec, 3).result is Result.APPLIED
    wait_until_scaled(serving, spec, lambda s: s.ready == 3, "three pods")
    assert (scale_of(serving, spec).pa_floor, observed_spec(cluster, spec.key.name).floor) == ("3", 3)
    wait_until(lambda: cluster.writer.settled, "verified")
    assert write_change(cluster, spec, 3).result is Result.UNCHANGED
    assert write_change(cluster, spec, None).result is Result.APPLIED
    assert not {MIN, *MARKS} & revision_annotations(serving, spec).keys()
    wait_until_zero(serving, spec)
    assert not cluster.ineffective_writes()


def test_min_scale_of_owner_is_raised_recorded_and_restored(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "owned", min_scale="1")
    assert spec.owner_min == 1
    for floor in (3, 4, 2):
        assert write_change(cluster, spec, floor).result is Result.APPLIED
        observed = observed_spec(cluster, spec.key.name)
        assert (observed.floor, observed.owner_min) == (floor, 1)
    assert revision_annotations(serving, spec)[MARKS[1]] == "1"
    assert write_change(cluster, spec, 1).result is Result.APPLIED
    annotations = revision_annotations(serving, spec)
    assert annotations[MIN] == "1"
    assert not set(MARKS) & annotations.keys()
    assert write_change(cluster, spec, 2).result is Result.APPLIED
    assert write_change(cluster, spec, None).result is Result.APPLIED
    assert revision_annotations(serving, spec)[MIN] == "1"


def test_floor_is_clamped_to_the_limits_of_the_webhook(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "bounded", max_scale="4", activation_scale="3")
    assert (spec.owner_max, spec.activation_scale) == (4, 3)
    assert write_change(cluster, spec, 9).result is Result.APPLIED
    assert revision_annotations(serving, spec)[MIN] == "3"
    write_change(cluster, spec, None)


def test_value_written_by_a_person_over_a_floor_stays(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "by-hand")
    write_change(cluster, spec, 3)
    annotate_by_hand(serving, spec, "1")
    wait_until(
        lambda: observed_spec(cluster, spec.key.name).owner_min == 1,
        "Tidecast observes the value of the person",
    )
    assert observed_spec(cluster, spec.key.name).floor is None
    result = write_change(cluster, spec, 5)
    assert result.result is Result.CONFLICT
    assert "managed by" in result.message
    assert revision_annotations(serving, spec)[MIN] == "1"
    cluster.sweep()
    wait_until(lambda: not set(MARKS) & revision_annotations(serving, spec).keys(), "the marks are removed")
    assert revision_annotations(serving, spec)[MIN] == "1"


def test_floor_removed_by_a_person_stays_removed_after_revert(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "removed")
    write_change(cluster, spec, 3)
    annotate_by_hand(serving, spec, None)
    wait_until(lambda: observed_spec(cluster, spec.key.name).floor is None, "Tidecast observes the removal")
    write_change(cluster, spec, None)
    assert not {MIN, *MARKS} & revision_annotations(serving, spec).keys()


def test_write_on_a_deleted_revision_creates_no_object(
    serving: RunningCluster, cluster: KnativeCluster, account: Path
) -> None:
    spec = deploy_revision(serving, cluster, "deleted")
    path = f"{SERVING.format('default')}/revisions/{spec.key.name}"
    planned_write = cluster.writer.build_write(Change(spec.key, spec.uid, 3))
    assert planned_write is not None
    serving.do(lambda api: api.delete(f"{SERVING.format('default')}/services/deleted"))
    wait_until(lambda: serving.do(lambda api: api.find(path)) is None, "the Revision is deleted", 60)
    (result,) = Actuator(Connection.open(account), lambda _, __: None).write([planned_write])
    assert result.result is Result.GONE
    assert serving.do(lambda api: api.find(path)) is None
    wait_until(lambda: find_spec(cluster, spec.key.name) is None, "Tidecast observes the removal")
    assert write_change(cluster, spec, 3).result is Result.GONE
    created_again = deploy_revision(serving, cluster, "deleted")
    assert created_again.key == spec.key
    (result,) = Actuator(Connection.open(account), lambda _, __: None).write([planned_write])
    assert result.result is Result.GONE
    assert write_change(cluster, spec, 3).result is Result.GONE
    assert MIN not in revision_annotations(serving, created_again)


def test_split_route_gives_each_revision_the_percent_of_the_route(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    old = deploy_revision(serving, cluster, "split")
    second = service("split", image="dev.local/hello:2", window=WINDOW)
    second["spec"]["traffic"] = [
        {"latestRevision": True, "percent": 70},
        {"revisionName": old.key.name, "percent": 20},
        {"revisionName": old.key.name, "percent": 10, "tag": "old"},
    ]
    latest = serving.do(lambda api: deploy(api, second))
    wait_until(lambda: observed_spec(cluster, latest).percent == 70.0, "the new Revision has its share")
    assert observed_spec(cluster, old.key.name).percent == 30.0
    assert {observed_spec(cluster, name).service.name for name in (latest, old.key.name)} == {"split"}


def test_revision_without_traffic_is_unreachable(serving: RunningCluster, cluster: KnativeCluster) -> None:
    old = deploy_revision(serving, cluster, "rollout")
    serving.do(lambda api: deploy(api, service("rollout", image="dev.local/hello:2", window=WINDOW)))
    wait_until(
        lambda: not observed_spec(cluster, old.key.name).reachable, "the first Revision is Unreachable", 30
    )
    assert observed_spec(cluster, old.key.name).percent == 0.0


def test_floor_after_a_restart_of_the_autoscaler_takes_effect_by_a_statistic(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    """Sometimes a restarted autoscaler has a sample and needs no statistic: then the restart is repeated."""
    spec = deploy_revision(serving, cluster, "trapped")
    stats_sent = 0
    for _ in range(3):
        wait_until_zero(serving, spec)
        serving.do(lambda api: restart(api, "autoscaler"))
        serving.do(wait_for_leader)
        before = cluster.writer.stats_sent
        assert write_change(cluster, spec, 2).result is Result.APPLIED
        wait_until_scaled(serving, spec, lambda s: s.replicas == 2, "the floor takes effect")
        wait_until(lambda: cluster.writer.settled, "verified")
        assert not cluster.ineffective_writes()
        stats_sent = cluster.writer.stats_sent - before
        assert write_change(cluster, spec, None).result is Result.APPLIED
        if stats_sent:
            break
    assert stats_sent


def test_startup_time_is_learned_from_pods(serving: RunningCluster, cluster: KnativeCluster) -> None:
    set_knobs(serving.home, "slow-*", ready_delay_s=4.0)
    spec = deploy_revision(serving, cluster, "slow")
    write_change(cluster, spec, 6)
    wait_until_scaled(serving, spec, lambda s: s.ready == 6, "six pods")

    def estimate_s() -> float:
        return float(cluster.startups_s([spec.key])[0].mean())

    wait_until(lambda: 4.0 <= estimate_s() <= 7.0, "the estimate is the start-up time of the pods")
    # Six observed pods are enough evidence: the prior has no share in the estimate.
    assert 4.0 <= estimate_s() <= 7.0
    write_change(cluster, spec, None)


def test_changed_annotation_of_a_service_changes_the_policy(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "annotated")
    path = f"{SERVING.format('default')}/services/annotated"

    def set_delay_cost(cost: str | None) -> None:
        patch = {"metadata": {"annotations": {"tidecast.dev/delay-cost": cost}}}
        serving.do(lambda api: api.merge(path, patch))

    set_delay_cost("77")
    wait_until(lambda: observed_spec(cluster, spec.key.name).policy.delay_cost == 77.0, "the new delay cost")
    serving.do(
        lambda api: api.merge(path, {"metadata": {"annotations": {"tidecast.dev/delay-cost": "much"}}})
    )
    wait_until(lambda: any("much" in problem for problem in cluster.problems()), "the problem is reported")
    assert observed_spec(cluster, spec.key.name).policy.delay_cost == 30.0
    set_delay_cost(None)
    wait_until(lambda: not cluster.problems(), "the problem is solved")


def test_changed_config_autoscaler_changes_the_target(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "defaults")
    path = "/api/v1/namespaces/knative-serving/configmaps/config-autoscaler"
    key = "container-concurrency-target-percentage"
    before = observed_spec(cluster, spec.key.name)
    serving.do(lambda api: api.merge(path, {"data": {key: "50"}}))
    wait_until(lambda: observed_spec(cluster, spec.key.name).target_value == 50.0, "the new target")
    # Nothing else changes: the total value is what a pod can take, not what it is meant to take.
    assert observed_spec(cluster, spec.key.name).total_value == before.total_value == 100.0
    serving.do(lambda api: api.merge(path, {"data": {key: None}}))
    wait_until(lambda: observed_spec(cluster, spec.key.name).target_value == 70.0, "the old target")
    assert observed_spec(cluster, spec.key.name).total_value == before.total_value


def test_changed_config_tidecast_is_observed(serving: RunningCluster, cluster: KnativeCluster) -> None:
    version, _ = cluster.config_map()
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config-tidecast", "namespace": "tidecast"},
        "data": {"mode": "act"},
    }
    serving.do(lambda api: api.apply(manifest))
    wait_until(lambda: cluster.config_map()[1] == {"mode": "act"}, "the ConfigMap is observed")
    assert cluster.config_map()[0] > version
    serving.do(lambda api: api.delete("/api/v1/namespaces/tidecast/configmaps/config-tidecast"))
    wait_until(lambda: cluster.config_map()[1] is None, "the ConfigMap is deleted")


def test_reading_writes_nothing_and_writing_patches_revisions_only(
    serving: RunningCluster, cluster: KnativeCluster, account: Path
) -> None:
    user = "system:serviceaccount:tidecast:tidecast"
    before = len(serving.writes(user))
    spec = deploy_revision(serving, cluster, "audited")
    cluster.specs(), cluster.startups_s([spec.key]), cluster.ineffective_writes(), cluster.problems()
    assert len(serving.writes(user)) == before
    write_change(cluster, spec, 2)
    write_change(cluster, spec, 2)
    write_change(cluster, spec, None)
    events = serving.writes(user)[before:]
    requests = [(e["verb"], e["objectRef"]["resource"], e["objectRef"]["name"]) for e in events]
    assert set(requests) == {("patch", "revisions", spec.key.name)}
    assert [e["responseStatus"]["code"] for e in events][-1] == 200
    body = events[-1]["requestObject"]
    assert set(body) == {"apiVersion", "kind", "metadata"}
    path = f"{SERVING.format('default')}/revisions/{spec.key.name}"

    async def delete_revision(api: Api) -> None:
        await api.delete(path)

    async def attempt() -> None:
        async with Api.from_kubeconfig(account) as api:
            await delete_revision(api)

    with pytest.raises(RefusedError, match="403"):
        asyncio.run(attempt())


def test_sweep_reverts_every_marked_revision(
    serving: RunningCluster, cluster: KnativeCluster, account: Path
) -> None:
    """As after a crash: a sweep knows nothing but the objects."""
    bare = deploy_revision(serving, cluster, "swept")
    owned = deploy_revision(serving, cluster, "swept-owned", min_scale="1")
    for spec in (bare, owned):
        write_change(cluster, spec, 2)
    results = sweep(Connection.open(account))
    assert {(r.change.key.name, r.result) for r in results} >= {
        (bare.key.name, Result.APPLIED),
        (owned.key.name, Result.APPLIED),
    }
    assert MIN not in revision_annotations(serving, bare)
    assert revision_annotations(serving, owned)[MIN] == "1"
    assert not sweep(Connection.open(account))

    wait_until(lambda: pa_annotations(serving, owned)[MIN] == "1", "the PodAutoscaler has the restored value")


def test_floor_adds_two_marks_only(serving: RunningCluster, cluster: KnativeCluster) -> None:
    spec = deploy_revision(serving, cluster, "plain", target="5")
    write_change(cluster, spec, 2)
    own_names = {name for name in revision_annotations(serving, spec) if name.startswith("tidecast.dev/")}
    assert own_names == {f"tidecast.dev/set.{FLOOR}", f"tidecast.dev/owner.{FLOOR}"}
    write_change(cluster, spec, None)


def test_without_a_version_label_the_effect_of_a_write_shows_the_target(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    """The first write goes to the wrong resource: the controller removes it from the PodAutoscaler."""
    spec = deploy_revision(serving, cluster, "unlabelled")
    target = set_unconfirmed_target(serving, cluster, Resource.POD_AUTOSCALER)
    assert write_change(cluster, spec, 2).result is Result.APPLIED
    wait_until(
        lambda: target.resource is Resource.REVISION and cluster.writer.settled, "the Revision is the target"
    )
    wait_until(lambda: target.confirmed, "the target is confirmed")
    assert revision_annotations(serving, spec)[MIN] == "2"
    wait_until_scaled(serving, spec, lambda s: s.ready == 2, "two pods")
    write_change(cluster, spec, None)
    assert MIN not in revision_annotations(serving, spec)


def test_value_written_by_a_person_does_not_switch_the_target(
    serving: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving, cluster, "hasty")
    target = set_unconfirmed_target(serving, cluster, Resource.REVISION)
    write_change(cluster, spec, 3)
    annotate_by_hand(serving, spec, "1")
    wait_until(lambda: cluster.writer.settled, "no write is pending")
    assert target.resource is Resource.REVISION
    write_change(cluster, spec, None)
