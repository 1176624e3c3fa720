"""Leader election against an API server in memory: one leader at a time, with any clocks."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError, Conflict, Missing, Unreachable
from scaler.knative.lease import LeaderElection, expired, wait_for_expiry
from scaler.knative.objects import Lease, LeaseSpec, Metadata

WALL_S = 1_800_000_000.0


@dataclass
class LeaseServer:
    """An API server with one Lease; a write succeeds only on the version that was read."""

    lease: dict[str, Any] | None = None
    error: ApiError | None = None
    version: int = 0
    history: list[str] = field(default_factory=list)
    after_read: Callable[[], None] | None = None
    """Called once after the next read of the Lease, before the reader receives it."""

    def get(self, _path: str) -> bytes:
        if self.error:
            raise self.error
        answer = self.lease
        after_read, self.after_read = self.after_read, None
        if after_read:
            after_read()
        if answer is None:
            raise Missing("no lease")
        return json.dumps(answer).encode()

    def request(self, method: str, _path: str, body: dict[str, Any]) -> bytes:
        if self.error:
            raise self.error
        if method == "POST" and self.lease is not None:
            raise Conflict("exists")
        if method == "PUT":
            assert self.lease is not None
            if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
                raise Conflict("modified")
        self.version += 1
        body["metadata"] |= {"resourceVersion": str(self.version), "uid": "lease"}
        self.lease = body
        self.history.append(body["spec"]["holderIdentity"])
        return b"{}"


@dataclass
class Contest:
    """A server, a clock, and candidates."""

    server: LeaseServer = field(default_factory=LeaseServer)
    now_s: float = 0.0

    def candidate(self, name: str, *, clock_error_s: float = 0.0) -> LeaderElection:
        return LeaderElection(
            cast(Connection, self.server),
            "tidecast",
            name,
            duration_s=15,
            clock=lambda: self.now_s,
            wall_clock=lambda: WALL_S + self.now_s + clock_error_s,
        )

    @property
    def spec(self) -> dict[str, Any]:
        assert self.server.lease is not None
        return cast(dict[str, Any], self.server.lease["spec"])


def test_first_candidate_leads_and_second_waits() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    second.attempt()
    assert (first.is_leader, second.is_leader) == (True, False)
    assert contest.spec["leaseTransitions"] == 0


def test_leader_that_renews_is_never_replaced() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b", clock_error_s=3600)
    for contest.now_s in range(0, 120, 3):
        first.attempt()
        second.attempt()
        assert (first.is_leader, second.is_leader) == (True, False)


def test_leader_without_renewals_is_replaced_after_the_whole_duration() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    elected_s = None
    for contest.now_s in range(3, 60, 3):
        second.attempt()
        assert not (first.is_leader and second.is_leader)
        if second.is_leader and elected_s is None:
            elected_s = contest.now_s
    assert elected_s == 21
    assert contest.spec["leaseTransitions"] == 1
    assert second.previous is not None
    assert second.previous.spec.holder_identity == "a"


def test_leader_stops_leading_before_the_lease_expires_when_unreachable() -> None:
    contest = Contest()
    first = contest.candidate("a")
    first.attempt()
    contest.server.error = Unreachable("no route")
    contest.now_s = 10.0
    first.attempt()
    assert first.is_leader
    assert isinstance(first.problem, Unreachable)
    contest.now_s = 11.0
    assert not first.is_leader
    contest.server.error = None
    first.attempt()
    assert first.is_leader
    assert first.problem is None


def test_former_leader_does_not_lead_after_a_replacement() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    second.attempt()
    contest.now_s = 16.0
    second.attempt()
    first.attempt()
    assert (first.is_leader, second.is_leader) == (False, True)


def test_one_of_two_simultaneous_candidates_leads() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    contest.server.after_read = second.attempt
    first.attempt()
    assert (first.is_leader, second.is_leader) == (False, True)
    assert contest.server.history == ["b"]


def test_clean_stop_releases_the_lease_at_once() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    second.attempt()
    first.stop()
    assert not first.is_leader
    contest.now_s = 1.0
    second.attempt()
    assert second.is_leader
    assert second.previous is not None
    assert not second.previous.spec.holder_identity


def test_stop_of_a_standby_releases_nothing() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    second.attempt()
    second.stop()
    assert contest.spec["holderIdentity"] == "a"


def lease(holder: str | None, renewed: str | None, duration_s: int | None = 15) -> Lease:
    return Lease(Metadata("tidecast"), LeaseSpec(holder, duration_s, renew_time=renewed))


@pytest.mark.parametrize(
    ("observed", "is_expired"),
    [
        pytest.param(None, True, id="no lease"),
        pytest.param(lease("", "2027-01-15T08:00:00.000000Z"), True, id="released"),
        pytest.param(lease("a", "2027-01-15T08:00:00.000000Z"), False, id="just renewed"),
        pytest.param(lease("a", "2027-01-15T07:59:46.000000Z"), False, id="14 s ago"),
        pytest.param(lease("a", "2027-01-15T07:59:44.000000Z"), True, id="16 s ago"),
        pytest.param(lease("a", None), True, id="never renewed"),
        pytest.param(lease("a", "2027-01-15T07:59:59Z", None), True, id="without a duration"),
    ],
)
def test_lease_expires_after_duration(observed: Lease | None, is_expired: bool) -> None:
    assert expired(observed, WALL_S) is is_expired


def test_wait_for_expiry_includes_the_time_of_a_standby() -> None:
    contest = Contest()
    contest.candidate("a").attempt()
    contest.now_s = 16.0
    pauses_s: list[float] = []

    def pause(s: float) -> None:
        pauses_s.append(s)
        contest.now_s += s

    holder = wait_for_expiry(
        cast(Connection, contest.server), "tidecast", wall_clock=lambda: WALL_S + contest.now_s, pause=pause
    )
    assert holder is None
    assert contest.now_s > 30.0
    assert pauses_s


def test_wait_for_expiry_returns_the_standby_that_leads() -> None:
    contest = Contest()
    contest.candidate("a").attempt()
    second = contest.candidate("b")
    second.attempt()
    contest.now_s = 16.0

    def pause(s: float) -> None:
        contest.now_s += s
        second.attempt()

    holder = wait_for_expiry(
        cast(Connection, contest.server), "tidecast", wall_clock=lambda: WALL_S + contest.now_s, pause=pause
    )
    assert holder == "b"


def test_lease_is_not_expired_for_a_candidate_that_lost_or_cannot_read() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    contest.server.after_read = second.attempt
    first.attempt()
    assert second.is_leader
    assert not first.expired
    contest.now_s = 40.0
    first.attempt()
    contest.server.error = Unreachable("no route")
    contest.now_s = 80.0
    first.attempt()
    assert not first.expired


def test_changed_duration_applies_from_the_next_renewal() -> None:
    contest = Contest()
    first = contest.candidate("a")
    first.attempt()
    first.duration_s = 60
    first.attempt()
    assert contest.spec["leaseDurationSeconds"] == 60
    contest.now_s = 41.0
    assert first.is_leader
    contest.now_s = 43.0
    assert not first.is_leader


def test_former_leader_leads_again_once_the_lease_is_free() -> None:
    contest = Contest()
    first, second = contest.candidate("a"), contest.candidate("b")
    first.attempt()
    second.attempt()
    contest.now_s = 16.0
    second.attempt()
    for contest.now_s in range(17, 60, 3):
        first.attempt()
        assert not (first.is_leader and second.is_leader)
    assert (first.is_leader, second.is_leader) == (True, False)
