"""Start-up times learned from pods that started."""

from datetime import UTC, datetime

import pytest

from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative.objects import Condition, Metadata, Pod, PodStatus
from scaler.knative.startup import StartupEstimator
from scaler.simulation.state import STARTUPS

CREATED_S = 1_800_000_000
FIRST, SECOND = RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002")
HELLO = ServiceKey("default", "hello")


def timestamp_of(s: float) -> str:
    return datetime.fromtimestamp(CREATED_S + s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(uid: str, *, ready: bool, changed_s: float, created_s: float = 0) -> Pod:
    condition = Condition("Ready", "True" if ready else "False", timestamp_of(changed_s))
    meta = Metadata(uid, "default", uid, creation_timestamp=timestamp_of(created_s))
    return Pod(meta, PodStatus([condition]))


def observe_starts(
    estimator: StartupEstimator, durations_s: list[float], revision: RevisionKey = FIRST
) -> None:
    for i, s in enumerate(durations_s):
        estimator.observe(pod(f"{revision.name}-{i}", ready=True, changed_s=s), revision, HELLO)


def test_estimate_without_observed_pods_is_the_prior() -> None:
    assert StartupEstimator(10.0).estimates_s(FIRST, HELLO) == (10.0,) * STARTUPS


def test_estimate_with_many_observed_pods_is_their_quantiles() -> None:
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [float(s) for s in range(1, 11)])
    assert estimator.estimates_s(FIRST, HELLO) == (1.0, 3.0, 5.0, 7.0, 9.0)


def test_rare_slow_start_on_a_new_node_is_the_highest_quantile() -> None:
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [90.0, 4.0, 4.0, 4.0, 4.0] * 10)
    assert estimator.estimates_s(FIRST, HELLO) == (4.0, 4.0, 4.0, 4.0, 90.0)


def test_estimate_with_few_observed_pods_is_shrunk_to_the_prior() -> None:
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [20.0])
    service_estimate_s = (20.0 + 4 * 10.0) / 5
    assert estimator.estimates_s(FIRST, HELLO) == ((20.0 + 4 * service_estimate_s) / 5,) * STARTUPS


def test_new_revision_has_the_estimate_of_the_service() -> None:
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [30.0] * 5)
    assert estimator.estimates_s(SECOND, HELLO) == (30.0,) * STARTUPS
    estimator.retain_revisions([SECOND])
    assert estimator.estimates_s(FIRST, HELLO) == (30.0,) * STARTUPS


def test_only_the_last_starts_count() -> None:
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [100.0] * 60 + [4.0] * 50)
    assert estimator.estimates_s(FIRST, HELLO) == (4.0,) * STARTUPS


def test_startup_time_includes_the_wait_for_a_node() -> None:
    estimator = StartupEstimator(10.0)
    for i in range(5):
        uid = f"pending-{i}"
        estimator.observe(
            Pod(Metadata(uid, "default", uid, creation_timestamp=timestamp_of(0))), FIRST, HELLO
        )
        estimator.observe(pod(uid, ready=False, changed_s=900), FIRST, HELLO)
        estimator.observe(pod(uid, ready=True, changed_s=930), FIRST, HELLO)
    assert estimator.estimates_s(FIRST, HELLO) == (930.0,) * STARTUPS


def test_only_the_first_ready_condition_counts() -> None:
    estimator = StartupEstimator(10.0)
    for i in range(5):
        uid = f"flips-{i}"
        for ready, changed_s in ((True, 3), (False, 50), (True, 80)):
            estimator.observe(pod(uid, ready=ready, changed_s=changed_s), FIRST, HELLO)
    assert estimator.estimates_s(FIRST, HELLO) == (3.0,) * STARTUPS


def test_pod_first_observed_ready_long_after_creation_is_ignored() -> None:
    """The pod ran before it was observed, and may have lost and regained Ready since."""
    estimator = StartupEstimator(10.0)
    observe_starts(estimator, [7200.0] * 5)
    assert estimator.estimates_s(FIRST, HELLO) == (10.0,) * STARTUPS


@pytest.mark.parametrize("timestamp", [None, "", "yesterday"])
def test_pod_without_timestamps_is_ignored(timestamp: str | None) -> None:
    estimator = StartupEstimator(10.0)
    meta = Metadata("p", "default", "p", creation_timestamp=timestamp)
    estimator.observe(Pod(meta, PodStatus([Condition("Ready", "True", timestamp)])), FIRST, HELLO)
    assert estimator.estimates_s(FIRST, HELLO) == (10.0,) * STARTUPS
