"""Start-up learned from pods that started."""

from datetime import UTC, datetime

import pytest

from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative.objects import Condition, Metadata, Pod, PodStatus
from scaler.knative.startup import StartupEstimator
from scaler.simulation.state import STARTUPS

BORN_S = 1_800_000_000
ONE, TWO = RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002")
HELLO = ServiceKey("default", "hello")


def stamp(s: float) -> str:
    return datetime.fromtimestamp(BORN_S + s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(uid: str, *, ready: bool, since_s: float, born_s: float = 0) -> Pod:
    condition = Condition("Ready", "True" if ready else "False", stamp(since_s))
    meta = Metadata(uid, "default", uid, creation_timestamp=stamp(born_s))
    return Pod(meta, PodStatus([condition]))


def started(starts: StartupEstimator, took_s: list[float], revision: RevisionKey = ONE) -> None:
    for i, s in enumerate(took_s):
        starts.observe(pod(f"{revision.name}-{i}", ready=True, since_s=s), revision, HELLO)


def test_nothing_seen_is_the_prior() -> None:
    assert StartupEstimator(10.0).estimates_s(ONE, HELLO) == (10.0,) * STARTUPS


def test_enough_seen_are_their_quantiles() -> None:
    starts = StartupEstimator(10.0)
    started(starts, [float(s) for s in range(1, 11)])
    assert starts.estimates_s(ONE, HELLO) == (1.0, 3.0, 5.0, 7.0, 9.0)


def test_a_node_that_has_to_come_first_now_and_then_is_seen_beside_quick_starts() -> None:
    starts = StartupEstimator(10.0)
    started(starts, [90.0, 4.0, 4.0, 4.0, 4.0] * 10)
    assert starts.estimates_s(ONE, HELLO) == (4.0, 4.0, 4.0, 4.0, 90.0)


def test_few_seen_are_drawn_to_the_prior() -> None:
    starts = StartupEstimator(10.0)
    started(starts, [20.0])
    of_service = (20.0 + 4 * 10.0) / 5
    assert starts.estimates_s(ONE, HELLO) == ((20.0 + 4 * of_service) / 5,) * STARTUPS


def test_a_new_revision_starts_from_its_service() -> None:
    starts = StartupEstimator(10.0)
    started(starts, [30.0] * 5)
    assert starts.estimates_s(TWO, HELLO) == (30.0,) * STARTUPS
    starts.retain_revisions([TWO])
    assert starts.estimates_s(ONE, HELLO) == (30.0,) * STARTUPS


def test_only_the_last_starts_count() -> None:
    starts = StartupEstimator(10.0)
    started(starts, [100.0] * 60 + [4.0] * 50)
    assert starts.estimates_s(ONE, HELLO) == (4.0,) * STARTUPS


def test_waiting_for_a_node_counts_in() -> None:
    starts = StartupEstimator(10.0)
    for i in range(5):
        uid = f"pending-{i}"
        starts.observe(Pod(Metadata(uid, "default", uid, creation_timestamp=stamp(0))), ONE, HELLO)
        starts.observe(pod(uid, ready=False, since_s=900), ONE, HELLO)
        starts.observe(pod(uid, ready=True, since_s=930), ONE, HELLO)
    assert starts.estimates_s(ONE, HELLO) == (930.0,) * STARTUPS


def test_only_the_first_ready_counts() -> None:
    starts = StartupEstimator(10.0)
    for i in range(5):
        uid = f"flips-{i}"
        for ready, since_s in ((True, 3), (False, 50), (True, 80)):
            starts.observe(pod(uid, ready=ready, since_s=since_s), ONE, HELLO)
    assert starts.estimates_s(ONE, HELLO) == (3.0,) * STARTUPS


def test_a_pod_found_ready_long_after_its_birth_tells_nothing() -> None:
    """It was running before we looked, and may have lost and regained Ready since."""
    starts = StartupEstimator(10.0)
    started(starts, [7200.0] * 5)
    assert starts.estimates_s(ONE, HELLO) == (10.0,) * STARTUPS


@pytest.mark.parametrize("timestamp", [None, "", "yesterday"])
def test_a_pod_without_times_tells_nothing(timestamp: str | None) -> None:
    starts = StartupEstimator(10.0)
    meta = Metadata("p", "default", "p", creation_timestamp=timestamp)
    starts.observe(Pod(meta, PodStatus([Condition("Ready", "True", timestamp)])), ONE, HELLO)
    assert starts.estimates_s(ONE, HELLO) == (10.0,) * STARTUPS
