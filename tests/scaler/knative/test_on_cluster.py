"""Against the real thing: Serving 1.23's programs, with the rights of deploy/rbac.yaml and no others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from plane.api import Api, RefusedError
from plane.testkit import (
    SERVING,
    deploy,
    leading,
    restart,
    service,
    set_knobs,
)
from running import Running
from steered import (
    MARKS,
    MIN,
    WINDOW,
    asleep,
    by_hand,
    deployed,
    doubt,
    on_pa,
    on_revision,
    order,
    scaled,
    seen,
    spec_of,
    until,
    until_scaled,
    watching,
)

from scaler.controller.changes import Change, Result
from scaler.knative.actuator import Actuator
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.marks import FLOOR
from scaler.knative.objects import Resource
from scaler.knative.sweep import sweep

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def account(serving: Running) -> Path:
    return serving.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def tidecast(serving: Running, account: Path) -> Iterator[KnativeCluster]:
    with watching(serving, account) as cluster:
        yield cluster


def test_a_floor_wakes_pods_and_taken_back_lets_them_go(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "floor")
    asleep(serving, spec)
    assert order(tidecast, spec, 3).result is Result.APPLIED
    until_scaled(serving, spec, lambda s: s.ready == 3, "three pods")
    assert (scaled(serving, spec).pa_floor, seen(tidecast, spec.key.name).floor) == ("3", 3)
    until(lambda: tidecast.writer.settled, "verified")
    assert order(tidecast, spec, 3).result is Result.UNCHANGED
    assert order(tidecast, spec, None).result is Result.APPLIED
    assert not {MIN, *MARKS} & on_revision(serving, spec).keys()
    asleep(serving, spec)
    assert not tidecast.verify()


def test_an_owners_floor_is_raised_kept_and_restored(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "owned", min_scale="1")
    assert spec.owner_min == 1
    for floor in (3, 4, 2):
        assert order(tidecast, spec, floor).result is Result.APPLIED
        now = seen(tidecast, spec.key.name)
        assert (now.floor, now.owner_min) == (floor, 1)
    assert on_revision(serving, spec)[MARKS[1]] == "1"
    assert order(tidecast, spec, 1).result is Result.APPLIED
    left = on_revision(serving, spec)
    assert left[MIN] == "1"
    assert not set(MARKS) & left.keys()
    assert order(tidecast, spec, 2).result is Result.APPLIED
    assert order(tidecast, spec, None).result is Result.APPLIED
    assert on_revision(serving, spec)[MIN] == "1"


def test_a_floor_keeps_to_what_the_webhook_admits(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "bounded", max_scale="4", activation_scale="3")
    assert (spec.owner_max, spec.activation_scale) == (4, 3)
    assert order(tidecast, spec, 9).result is Result.APPLIED
    assert on_revision(serving, spec)[MIN] == "3"
    order(tidecast, spec, None)


def test_what_a_person_writes_over_ours_is_theirs(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "by-hand")
    order(tidecast, spec, 3)
    by_hand(serving, spec, "1")
    until(lambda: seen(tidecast, spec.key.name).owner_min == 1, "Tidecast sees the person's value")
    assert seen(tidecast, spec.key.name).floor is None
    outcome = order(tidecast, spec, 5)
    assert outcome.result is Result.CONFLICT
    assert "by hand" in outcome.message
    assert on_revision(serving, spec)[MIN] == "1"
    tidecast.sweep()
    until(lambda: not set(MARKS) & on_revision(serving, spec).keys(), "our marks are gone")
    assert on_revision(serving, spec)[MIN] == "1"


def test_what_a_person_removes_stays_removed_by_release(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "removed")
    order(tidecast, spec, 3)
    by_hand(serving, spec, None)
    until(lambda: seen(tidecast, spec.key.name).floor is None, "Tidecast sees that it is gone")
    order(tidecast, spec, None)
    assert not {MIN, *MARKS} & on_revision(serving, spec).keys()


def test_writing_to_what_was_deleted_makes_nothing(
    serving: Running, tidecast: KnativeCluster, account: Path
) -> None:
    spec = deployed(serving, tidecast, "deleted")
    path = f"{SERVING.format('default')}/revisions/{spec.key.name}"
    planned = tidecast.writer.write_for(Change(spec.key, spec.uid, 3))
    assert planned is not None
    serving.do(lambda api: api.delete(f"{SERVING.format('default')}/services/deleted"))
    until(lambda: serving.do(lambda api: api.find(path)) is None, "the Revision is gone", 60)
    (outcome,) = Actuator(Connection.open(account), lambda _, __: None).write([planned])
    assert outcome.result is Result.GONE
    assert serving.do(lambda api: api.find(path)) is None
    until(lambda: spec_of(tidecast, spec.key.name) is None, "Tidecast sees that it is gone")
    assert order(tidecast, spec, 3).result is Result.GONE
    again = deployed(serving, tidecast, "deleted")
    assert again.key == spec.key
    (outcome,) = Actuator(Connection.open(account), lambda _, __: None).write([planned])
    assert outcome.result is Result.GONE
    assert order(tidecast, spec, 3).result is Result.GONE
    assert MIN not in on_revision(serving, again)


def test_a_split_route_is_seen_with_its_percents(serving: Running, tidecast: KnativeCluster) -> None:
    old = deployed(serving, tidecast, "split")
    newer = service("split", image="dev.local/hello:2", window=WINDOW)
    newer["spec"]["traffic"] = [
        {"latestRevision": True, "percent": 70},
        {"revisionName": old.key.name, "percent": 20},
        {"revisionName": old.key.name, "percent": 10, "tag": "old"},
    ]
    latest = serving.do(lambda api: deploy(api, newer))
    until(lambda: seen(tidecast, latest).percent == 70.0, "the new Revision has its share")
    assert seen(tidecast, old.key.name).percent == 30.0
    assert {seen(tidecast, name).service.name for name in (latest, old.key.name)} == {"split"}


def test_a_revision_without_traffic_is_unreachable(serving: Running, tidecast: KnativeCluster) -> None:
    old = deployed(serving, tidecast, "rollout")
    serving.do(lambda api: deploy(api, service("rollout", image="dev.local/hello:2", window=WINDOW)))
    until(lambda: not seen(tidecast, old.key.name).reachable, "the old one is Unreachable", 30)
    assert seen(tidecast, old.key.name).percent == 0.0


def test_a_floor_after_a_restart_of_the_autoscaler_is_nudged(serving: Running, tidecast: KnativeCluster) -> None:
    """Now and then a restarted autoscaler has a datum after all, and no nudge is needed: then once more."""
    spec = deployed(serving, tidecast, "trapped")
    stats_sent = 0
    for _ in range(3):
        asleep(serving, spec)
        serving.do(lambda api: restart(api, "autoscaler"))
        serving.do(leading)
        before = tidecast.writer.stats_sent
        assert order(tidecast, spec, 2).result is Result.APPLIED
        until_scaled(serving, spec, lambda s: s.replicas == 2, "the floor acts after all")
        until(lambda: tidecast.writer.settled, "verified")
        assert not tidecast.verify()
        stats_sent = tidecast.writer.stats_sent - before
        assert order(tidecast, spec, None).result is Result.APPLIED
        if stats_sent:
            break
    assert stats_sent


def test_start_up_is_learned_from_pods(serving: Running, tidecast: KnativeCluster) -> None:
    set_knobs(serving.home, "slow-*", ready_delay_s=4.0)
    spec = deployed(serving, tidecast, "slow")
    order(tidecast, spec, 6)
    until_scaled(serving, spec, lambda s: s.ready == 6, "six pods")

    def learned_s() -> float:
        return float(tidecast.startups_s([spec.key])[0].mean())

    until(lambda: 4.0 <= learned_s() <= 7.0, "the start-up is what the pods took")
    # What is learned of six pods stays, beside whatever is assumed where none was seen.
    assert 4.0 <= learned_s() <= 7.0
    order(tidecast, spec, None)


def test_annotations_of_service_and_namespace_are_followed_live(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "wishes")
    path = f"{SERVING.format('default')}/services/wishes"

    def say(cost: str | None) -> None:
        wish = {"metadata": {"annotations": {"tidecast.dev/delay-cost": cost}}}
        serving.do(lambda api: api.merge(path, wish))

    say("77")
    until(lambda: seen(tidecast, spec.key.name).policy.delay_cost == 77.0, "the new wish")
    serving.do(
        lambda api: api.merge(path, {"metadata": {"annotations": {"tidecast.dev/delay-cost": "much"}}})
    )
    until(lambda: any("much" in problem for problem in tidecast.problems()), "the fault is told")
    assert seen(tidecast, spec.key.name).policy.delay_cost == 30.0
    say(None)
    until(lambda: not tidecast.problems(), "the fault is over")


def test_the_clusters_defaults_are_followed_live(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "defaults")
    path = "/api/v1/namespaces/knative-serving/configmaps/config-autoscaler"
    key = "container-concurrency-target-percentage"
    before = seen(tidecast, spec.key.name)
    serving.do(lambda api: api.merge(path, {"data": {key: "50"}}))
    until(lambda: seen(tidecast, spec.key.name).target_value == 50.0, "the new target")
    # Of the Revision nothing else is another: what a pod can take is not what it is asked to.
    assert seen(tidecast, spec.key.name).total_value == before.total_value == 100.0
    serving.do(lambda api: api.merge(path, {"data": {key: None}}))
    until(lambda: seen(tidecast, spec.key.name).target_value == 70.0, "the old target")
    assert seen(tidecast, spec.key.name).total_value == before.total_value


def test_our_own_configmap_is_followed_live(serving: Running, tidecast: KnativeCluster) -> None:
    version, _ = tidecast.config_map()
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config-tidecast", "namespace": "tidecast"},
        "data": {"mode": "act"},
    }
    serving.do(lambda api: api.apply(manifest))
    until(lambda: tidecast.config_map()[1] == {"mode": "act"}, "the ConfigMap is seen")
    assert tidecast.config_map()[0] > version
    serving.do(lambda api: api.delete("/api/v1/namespaces/tidecast/configmaps/config-tidecast"))
    until(lambda: tidecast.config_map()[1] is None, "the ConfigMap is gone")


def test_looking_writes_nothing_and_acting_patches_revisions_only(
    serving: Running, tidecast: KnativeCluster, account: Path
) -> None:
    user = "system:serviceaccount:tidecast:tidecast"
    before = len(serving.writes(user))
    spec = deployed(serving, tidecast, "audited")
    tidecast.specs(), tidecast.startups_s([spec.key]), tidecast.verify(), tidecast.problems()
    assert len(serving.writes(user)) == before
    order(tidecast, spec, 2)
    order(tidecast, spec, 2)
    order(tidecast, spec, None)
    events = serving.writes(user)[before:]
    done = [(e["verb"], e["objectRef"]["resource"], e["objectRef"]["name"]) for e in events]
    assert set(done) == {("patch", "revisions", spec.key.name)}
    assert [e["responseStatus"]["code"] for e in events][-1] == 200
    body = events[-1]["requestObject"]
    assert set(body) == {"apiVersion", "kind", "metadata"}
    path = f"{SERVING.format('default')}/revisions/{spec.key.name}"

    async def too_much(api: Api) -> None:
        await api.delete(path)

    async def within() -> None:
        async with Api.from_kubeconfig(account) as api:
            await too_much(api)

    with pytest.raises(RefusedError, match="403"):
        asyncio.run(within())


def test_sweep_takes_back_everything_marked(serving: Running, tidecast: KnativeCluster, account: Path) -> None:
    """As after a crash: whoever sweeps knows nothing but what is on the objects."""
    bare = deployed(serving, tidecast, "swept")
    owned = deployed(serving, tidecast, "swept-owned", min_scale="1")
    for spec in (bare, owned):
        order(tidecast, spec, 2)
    outcomes = sweep(Connection.open(account))
    assert {(o.change.key.name, o.result) for o in outcomes} >= {
        (bare.key.name, Result.APPLIED),
        (owned.key.name, Result.APPLIED),
    }
    assert MIN not in on_revision(serving, bare)
    assert on_revision(serving, owned)[MIN] == "1"
    assert not sweep(Connection.open(account))

    until(lambda: on_pa(serving, owned)[MIN] == "1", "the PodAutoscaler follows")


def test_the_floor_is_the_only_key_of_ours(serving: Running, tidecast: KnativeCluster) -> None:
    spec = deployed(serving, tidecast, "plain", target="5")
    order(tidecast, spec, 2)
    ours = {name for name in on_revision(serving, spec) if name.startswith("tidecast.dev/")}
    assert ours == {f"tidecast.dev/set.{FLOOR}", f"tidecast.dev/owner.{FLOOR}"}
    order(tidecast, spec, None)


def test_without_a_version_label_the_effect_tells_the_generation(serving: Running, tidecast: KnativeCluster) -> None:
    """Begun on the wrong object: the controller takes it off the PodAutoscaler, and that tells."""
    spec = deployed(serving, tidecast, "told")
    steering = doubt(serving, tidecast, Resource.POD_AUTOSCALER)
    assert order(tidecast, spec, 2).result is Result.APPLIED
    until(lambda: steering.resource is Resource.REVISION and tidecast.writer.settled, "the Revision is the place")
    until(lambda: steering.confirmed, "and is known to be")
    assert on_revision(serving, spec)[MIN] == "2"
    until_scaled(serving, spec, lambda s: s.ready == 2, "two pods")
    order(tidecast, spec, None)
    assert MIN not in on_revision(serving, spec)


def test_a_person_writing_at_that_moment_is_not_taken_for_an_old_serving(
    serving: Running, tidecast: KnativeCluster
) -> None:
    spec = deployed(serving, tidecast, "hasty")
    steering = doubt(serving, tidecast, Resource.REVISION)
    order(tidecast, spec, 3)
    by_hand(serving, spec, "1")
    until(lambda: tidecast.writer.settled, "nothing is on its way")
    assert steering.resource is Resource.REVISION
    order(tidecast, spec, None)
