"""Serving 1.15, which does not copy annotations of a Revision: floors are written on its PodAutoscaler."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_cluster import (
    MARKS,
    MIN,
    deploy_revision,
    observed_spec,
    pa_annotations,
    revision_annotations,
    set_unconfirmed_target,
    started_cluster,
    wait_until,
    wait_until_scaled,
    wait_until_zero,
    write_change,
)
from running import RunningCluster

from scaler.controller.changes import Result
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.objects import Resource
from scaler.knative.sweep import sweep

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def account(serving_1_15: RunningCluster) -> Path:
    return serving_1_15.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def cluster(serving_1_15: RunningCluster, account: Path) -> Iterator[KnativeCluster]:
    with started_cluster(serving_1_15, account) as cluster:
        yield cluster


def test_floor_is_written_on_the_podautoscaler_and_reverted_there(
    serving_1_15: RunningCluster, cluster: KnativeCluster
) -> None:
    assert cluster.writer.target.resource is Resource.POD_AUTOSCALER
    spec = deploy_revision(serving_1_15, cluster, "floor")
    wait_until_zero(serving_1_15, spec)
    assert write_change(cluster, spec, 3).result is Result.APPLIED
    wait_until_scaled(serving_1_15, spec, lambda s: s.ready == 3, "three pods")
    assert MIN not in revision_annotations(serving_1_15, spec)
    assert observed_spec(cluster, spec.key.name).floor == 3
    assert write_change(cluster, spec, None).result is Result.APPLIED
    assert not {MIN, *MARKS} & pa_annotations(serving_1_15, spec).keys()
    wait_until_zero(serving_1_15, spec)


def test_min_scale_of_owner_is_restored_on_the_podautoscaler(
    serving_1_15: RunningCluster, cluster: KnativeCluster
) -> None:
    """No controller restores the value of the owner after a removal from the PodAutoscaler."""
    spec = deploy_revision(serving_1_15, cluster, "owned", min_scale="1")
    assert write_change(cluster, spec, 3).result is Result.APPLIED
    wait_until(lambda: cluster.writer.settled, "verified")
    assert write_change(cluster, spec, None).result is Result.APPLIED
    annotations = pa_annotations(serving_1_15, spec)
    assert annotations[MIN] == "1"
    assert not set(MARKS) & annotations.keys()


def test_sweep_reverts_marked_podautoscalers(
    serving_1_15: RunningCluster, cluster: KnativeCluster, account: Path
) -> None:
    spec = deploy_revision(serving_1_15, cluster, "swept", min_scale="1")
    write_change(cluster, spec, 2)
    results = sweep(Connection.open(account))
    assert [(r.change.key, r.result) for r in results] == [(spec.key, Result.APPLIED)]
    assert pa_annotations(serving_1_15, spec)[MIN] == "1"
    assert not sweep(Connection.open(account))


def test_without_a_version_label_the_effect_of_a_write_shows_the_target(
    serving_1_15: RunningCluster, cluster: KnativeCluster
) -> None:
    spec = deploy_revision(serving_1_15, cluster, "unlabelled", min_scale="1")
    target = set_unconfirmed_target(serving_1_15, cluster, Resource.REVISION)
    assert write_change(cluster, spec, 3).result is Result.APPLIED
    wait_until(
        lambda: target.resource is Resource.POD_AUTOSCALER and cluster.writer.settled,
        "the PodAutoscaler is the target",
    )
    wait_until_scaled(serving_1_15, spec, lambda s: s.ready == 3, "three pods")
    annotations = revision_annotations(serving_1_15, spec)
    assert annotations[MIN] == "1"
    assert not set(MARKS) & annotations.keys()
    write_change(cluster, spec, None)
    assert pa_annotations(serving_1_15, spec)[MIN] == "1"
