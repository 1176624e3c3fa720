"""Serving 1.15, where a Revision's annotations go nowhere: floors are written on its PodAutoscaler."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Running
from steered import (
    MARKS,
    MIN,
    asleep,
    deployed,
    doubt,
    on_pa,
    on_revision,
    order,
    seen,
    until,
    until_scaled,
    watching,
)

from scaler.controller.changes import Result
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.objects import Resource
from scaler.knative.sweep import sweep

pytestmark = pytest.mark.cluster

CONFIG_AUTOSCALER = "/api/v1/namespaces/knative-serving/configmaps/config-autoscaler"


@pytest.fixture(scope="module")
def account(serving_1_15: Running) -> Path:
    return serving_1_15.account("tidecast", "tidecast")


@pytest.fixture(scope="module")
def tidecast(serving_1_15: Running, account: Path) -> Iterator[KnativeCluster]:
    with watching(serving_1_15, account) as cluster:
        yield cluster


def test_a_floor_goes_to_the_podautoscaler_and_back(serving_1_15: Running, tidecast: KnativeCluster) -> None:
    assert tidecast.writer.target.resource is Resource.POD_AUTOSCALER
    spec = deployed(serving_1_15, tidecast, "floor")
    asleep(serving_1_15, spec)
    assert order(tidecast, spec, 3).result is Result.APPLIED
    until_scaled(serving_1_15, spec, lambda s: s.ready == 3, "three pods")
    assert MIN not in on_revision(serving_1_15, spec)
    assert seen(tidecast, spec.key.name).floor == 3
    assert order(tidecast, spec, None).result is Result.APPLIED
    assert not {MIN, *MARKS} & on_pa(serving_1_15, spec).keys()
    asleep(serving_1_15, spec)


def test_an_owners_floor_is_written_back(serving_1_15: Running, tidecast: KnativeCluster) -> None:
    """Removed from the PodAutoscaler, the owner's value would not come back by itself."""
    spec = deployed(serving_1_15, tidecast, "owned", min_scale="1")
    assert order(tidecast, spec, 3).result is Result.APPLIED
    until(lambda: tidecast.writer.settled, "verified")
    assert order(tidecast, spec, None).result is Result.APPLIED
    left = on_pa(serving_1_15, spec)
    assert left[MIN] == "1"
    assert not set(MARKS) & left.keys()


def test_sweep_takes_back_from_podautoscalers(
    serving_1_15: Running, tidecast: KnativeCluster, account: Path
) -> None:
    spec = deployed(serving_1_15, tidecast, "swept", min_scale="1")
    order(tidecast, spec, 2)
    outcomes = sweep(Connection.open(account))
    assert [(o.change.key, o.result) for o in outcomes] == [(spec.key, Result.APPLIED)]
    assert on_pa(serving_1_15, spec)[MIN] == "1"
    assert not sweep(Connection.open(account))


def test_without_a_version_label_the_effect_tells_the_generation(
    serving_1_15: Running, tidecast: KnativeCluster
) -> None:
    spec = deployed(serving_1_15, tidecast, "told", min_scale="1")
    steering = doubt(serving_1_15, tidecast, Resource.REVISION)
    assert order(tidecast, spec, 3).result is Result.APPLIED
    until(lambda: steering.resource is Resource.POD_AUTOSCALER and tidecast.writer.settled, "the generation is told")
    until_scaled(serving_1_15, spec, lambda s: s.ready == 3, "three pods")
    left = on_revision(serving_1_15, spec)
    assert left[MIN] == "1"
    assert not set(MARKS) & left.keys()
    order(tidecast, spec, None)
    assert on_pa(serving_1_15, spec)[MIN] == "1"
