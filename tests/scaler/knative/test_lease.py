"""One leader at a time, whatever the clocks say: the election against a server in memory."""

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
class Server:
    """Keeps one Lease, as an API server does: a version that was read must still be there on a write."""

    lease: dict[str, Any] | None = None
    away: ApiError | None = None
    version: int = 0
    history: list[str] = field(default_factory=list)
    between: Callable[[], None] | None = None
    """What happens after the next read, before its reader goes on."""

    def get(self, _path: str) -> bytes:
        if self.away:
            raise self.away
        read = self.lease
        between, self.between = self.between, None
        if between:
            between()
        if read is None:
            raise Missing("no lease")
        return json.dumps(read).encode()

    def request(self, method: str, _path: str, body: dict[str, Any]) -> bytes:
        if self.away:
            raise self.away
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
class Election:
    """A server, a clock, and those who want to lead."""

    server: Server = field(default_factory=Server)
    now_s: float = 0.0

    def member(self, name: str, *, clock_is_off_s: float = 0.0) -> LeaderElection:
        return LeaderElection(
            cast(Connection, self.server),
            "tidecast",
            name,
            duration_s=15,
            clock=lambda: self.now_s,
            wall_clock=lambda: WALL_S + self.now_s + clock_is_off_s,
        )

    @property
    def spec(self) -> dict[str, Any]:
        assert self.server.lease is not None
        return cast(dict[str, Any], self.server.lease["spec"])


def test_who_comes_first_leads_and_the_other_waits() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    b.attempt()
    assert (a.is_leader, b.is_leader) == (True, False)
    assert world.spec["leaseTransitions"] == 0


def test_a_leader_that_renews_is_never_taken_over() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b", clock_is_off_s=3600)
    for world.now_s in range(0, 120, 3):
        a.attempt()
        b.attempt()
        assert (a.is_leader, b.is_leader) == (True, False)


def test_a_leader_that_fell_silent_is_taken_over_after_the_whole_duration() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    took_over_s = None
    for world.now_s in range(3, 60, 3):
        b.attempt()
        assert not (a.is_leader and b.is_leader)
        if b.is_leader and took_over_s is None:
            took_over_s = world.now_s
    assert took_over_s == 21
    assert world.spec["leaseTransitions"] == 1
    assert b.previous is not None
    assert b.previous.spec.holder_identity == "a"


def test_with_the_server_away_the_leader_steps_down_before_the_lease_runs_out() -> None:
    world = Election()
    a = world.member("a")
    a.attempt()
    world.server.away = Unreachable("no route")
    world.now_s = 10.0
    a.attempt()
    assert a.is_leader
    assert isinstance(a.problem, Unreachable)
    world.now_s = 11.0
    assert not a.is_leader
    world.server.away = None
    a.attempt()
    assert a.is_leader
    assert a.problem is None


def test_a_former_leader_sees_that_another_leads() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    b.attempt()
    world.now_s = 16.0
    b.attempt()
    a.attempt()
    assert (a.is_leader, b.is_leader) == (False, True)


def test_of_two_at_the_same_moment_one_wins() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    world.server.between = b.attempt
    a.attempt()
    assert (a.is_leader, b.is_leader) == (False, True)
    assert world.server.history == ["b"]


def test_a_clean_stop_gives_the_lease_back_at_once() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    b.attempt()
    a.stop()
    assert not a.is_leader
    world.now_s = 1.0
    b.attempt()
    assert b.is_leader
    assert b.previous is not None
    assert not b.previous.spec.holder_identity


def test_who_does_not_lead_gives_nothing_back() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    b.attempt()
    b.stop()
    assert world.spec["holderIdentity"] == "a"


def lease(holder: str | None, renewed: str | None, duration_s: int | None = 15) -> Lease:
    return Lease(Metadata("tidecast"), LeaseSpec(holder, duration_s, renew_time=renewed))


@pytest.mark.parametrize(
    ("seen", "gone"),
    [
        pytest.param(None, True, id="no lease"),
        pytest.param(lease("", "2027-01-15T08:00:00.000000Z"), True, id="given back"),
        pytest.param(lease("a", "2027-01-15T08:00:00.000000Z"), False, id="just renewed"),
        pytest.param(lease("a", "2027-01-15T07:59:46.000000Z"), False, id="14 s ago"),
        pytest.param(lease("a", "2027-01-15T07:59:44.000000Z"), True, id="16 s ago"),
        pytest.param(lease("a", None), True, id="never renewed"),
        pytest.param(lease("a", "2027-01-15T07:59:59Z", None), True, id="without a duration"),
    ],
)
def test_lapsed(seen: Lease | None, gone: bool) -> None:
    assert expired(seen, WALL_S) is gone


def test_release_waits_for_a_standby_before_it_calls_the_lease_abandoned() -> None:
    world = Election()
    world.member("a").attempt()
    world.now_s = 16.0
    paused: list[float] = []

    def pause(s: float) -> None:
        paused.append(s)
        world.now_s += s

    found = wait_for_expiry(
        cast(Connection, world.server), "tidecast", wall_clock=lambda: WALL_S + world.now_s, pause=pause
    )
    assert found is None
    assert world.now_s > 30.0
    assert paused


def test_release_finds_the_standby_that_took_over() -> None:
    world = Election()
    world.member("a").attempt()
    b = world.member("b")
    b.attempt()
    world.now_s = 16.0

    def pause(s: float) -> None:
        world.now_s += s
        b.attempt()

    found = wait_for_expiry(
        cast(Connection, world.server), "tidecast", wall_clock=lambda: WALL_S + world.now_s, pause=pause
    )
    assert found == "b"


def test_who_was_overtaken_or_cannot_look_does_not_say_that_nobody_leads() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    world.server.between = b.attempt
    a.attempt()
    assert b.is_leader
    assert not a.expired
    world.now_s = 40.0
    a.attempt()
    world.server.away = Unreachable("no route")
    world.now_s = 80.0
    a.attempt()
    assert not a.expired


def test_another_duration_holds_from_the_next_renewal_on() -> None:
    world = Election()
    a = world.member("a")
    a.attempt()
    a.duration_s = 60
    a.attempt()
    assert world.spec["leaseDurationSeconds"] == 60
    world.now_s = 41.0
    assert a.is_leader
    world.now_s = 43.0
    assert not a.is_leader


def test_leadership_that_was_lost_is_regained_once_it_is_free() -> None:
    world = Election()
    a, b = world.member("a"), world.member("b")
    a.attempt()
    b.attempt()
    world.now_s = 16.0
    b.attempt()
    for world.now_s in range(17, 60, 3):
        a.attempt()
        assert not (a.is_leader and b.is_leader)
    assert (a.is_leader, b.is_leader) == (True, False)
