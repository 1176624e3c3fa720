"""Who leads, by a Lease: taken, renewed, lost and given back.

The same record is the heartbeat of all that is marked: while the leader renews it, what is marked stands.
A lease is taken over when it has not changed for its whole duration by our own clock, as client-go does, so
that clocks that differ make no second leader.  Who cannot renew stops leading before the lease runs out.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError, Conflict, Missing
from scaler.knative.objects import Lease, LeaseSpec, Metadata, decode
from scaler.knative.startup import seconds

LEASE = "tidecast"
_GROUP = "/apis/coordination.k8s.io/v1"
LOOK_AGAIN_S = 1.0
RENEW_PART, LEAD_PART = 0.2, 0.7
"""Of the duration: between two renewals; how long one renewal lets us lead."""


def lapsed(lease: Lease | None, now_s: float) -> bool:
    """Does nobody lead at `now_s` (Unix seconds), by what the lease says itself?"""
    if lease is None or not lease.spec.holder_identity:
        return True
    renewed_s = seconds(lease.spec.renew_time)
    return renewed_s is None or renewed_s + (lease.spec.lease_duration_seconds or 0) < now_s


def read_lease(connection: Connection, namespace: str, name: str = LEASE) -> Lease | None:
    """The lease as it is; None where there is none.  Raises ApiError."""
    try:
        lease: Lease = decode(connection.get(_path(namespace, name)), Lease)
    except Missing:
        return None
    return lease


def until_abandoned(
    connection: Connection,
    namespace: str,
    name: str = LEASE,
    *,
    wall_clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> str | None:
    """Who leads; None where nobody does, and no standby has taken over within one more duration of the lease.

    Raises:
        ApiError: the lease cannot be read.
    """
    while True:
        lease = read_lease(connection, namespace, name)
        if lease is None or not lease.spec.holder_identity:
            return None
        if not lapsed(lease, wall_clock()):
            return lease.spec.holder_identity
        if lapsed(lease, wall_clock() - (lease.spec.lease_duration_seconds or 0)):
            return None
        pause(LOOK_AGAIN_S)


class Leadership:
    """Takes part in the election of a leader, in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        identity: str,
        *,
        duration_s: int = 15,
        name: str = LEASE,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`identity` must be of this process alone, also after a restart under the same host name."""
        self._connection, self._namespace, self._identity, self._name = connection, namespace, identity, name
        self._clock, self._wall_clock = clock, wall_clock
        self.duration_s = duration_s
        """Of the lease, from the next renewal on."""
        self._seen: tuple[Any, float] = (None, 0.0)
        self._leads_until_s = -float("inf")
        self._nobody = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.before: Lease | None = None
        """The lease as it was when we last took it: whose it was, and whether it had been given back."""
        self.problem: ApiError | None = None
        """Why the last attempt failed; None where it did not."""

    @property
    def leading(self) -> bool:
        """Do we lead at this moment?  Turns False by the clock alone when renewing does not succeed."""
        return self._clock() < self._leads_until_s

    @property
    def lapsed(self) -> bool:
        """Does nobody lead at this moment, as far as we saw the lease ourselves?"""
        return self._nobody

    def start(self) -> None:
        """Begin to take part."""
        self._thread.start()

    def stop(self) -> None:
        """End, and give the lease back so that another need not wait for it to lapse."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        if self.leading:
            self._leads_until_s = -float("inf")
            self._give_back()

    def _run(self) -> None:
        while not self._ending.is_set():
            self.attempt()
            self._ending.wait(self.duration_s * RENEW_PART)

    def attempt(self) -> None:
        """Renew, or take what is free, once."""
        began_s, duration_s = self._clock(), self.duration_s
        # What was seen before says nothing of now: another may have taken it, read or not.
        self._nobody = False
        try:
            lease = read_lease(self._connection, self._namespace, self._name)
            ours = lease is not None and lease.spec.holder_identity == self._identity
            self._nobody = not ours and (lease is None or self._free(lease, began_s))
            if lease is None:
                self._create()
            elif ours:
                self._replace(lease, took=False)
            elif self._nobody:
                self._replace(lease, took=True)
                self.before = lease
            else:
                self._leads_until_s = -float("inf")
                self.problem = None
                return
        except Conflict:
            # Somebody else was quicker; the next attempt sees who.
            self._nobody = False
            return
        except ApiError as e:
            self.problem = e
            return
        self.problem, self._nobody = None, False
        # Counted from before the request: the lease may have been written at any moment since.
        # Where the duration was changed meanwhile, the shorter one.
        self._leads_until_s = began_s + min(duration_s, self.duration_s) * LEAD_PART

    def _free(self, lease: Lease, now_s: float) -> bool:
        spec = lease.spec
        if not spec.holder_identity:
            return True
        record = (spec.holder_identity, spec.renew_time, lease.metadata.resource_version)
        if record != self._seen[0]:
            self._seen = (record, now_s)
        return now_s - self._seen[1] > (spec.lease_duration_seconds or 0)

    def _create(self) -> None:
        body = self._body(Metadata(self._name, self._namespace), LeaseSpec(), took=True)
        path = f"{_GROUP}/namespaces/{self._namespace}/leases"
        self._connection.request("POST", path, body)
        self.before = None

    def _replace(self, lease: Lease, *, took: bool) -> None:
        body = self._body(lease.metadata, lease.spec, took=took)
        self._connection.request("PUT", _path(self._namespace, self._name), body)

    def _give_back(self) -> None:
        try:
            lease = read_lease(self._connection, self._namespace, self._name)
            if lease is not None and lease.spec.holder_identity == self._identity:
                body = self._body(lease.metadata, lease.spec, took=False)
                body["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                self._connection.request("PUT", _path(self._namespace, self._name), body)
        except ApiError as e:
            # It lapses by itself.
            self.problem = e

    def _body(self, metadata: Metadata, spec: LeaseSpec, *, took: bool) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        kept: dict[str, Any] = {"name": metadata.name, "namespace": metadata.namespace}
        for name in ("resource_version", "uid", "labels", "annotations"):
            value = getattr(metadata, name)
            if value:
                kept["resourceVersion" if name == "resource_version" else name] = value
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": kept,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self.duration_s,
                "acquireTime": now if took else spec.acquire_time or now,
                "renewTime": now,
                "leaseTransitions": (spec.lease_transitions or 0) + (1 if took and metadata.uid else 0),
            },
        }


def _path(namespace: str, name: str) -> str:
    return f"{_GROUP}/namespaces/{namespace}/leases/{name}"
