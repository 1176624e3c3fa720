"""Elect a leader by a Lease: acquire, renew, lose and release it.

The Lease is also the heartbeat of every marked value: marked values stay while the leader renews it.  A
process acquires a Lease that has not changed for its whole duration on the clock of that process, as
client-go does, so that clocks that differ never make two leaders.  A leader that cannot renew stops leading
before its Lease expires.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scaler.knative.connection import Connection
from scaler.knative.errors import ApiError, Conflict, Missing
from scaler.knative.objects import Lease, LeaseSpec, Metadata, decode
from scaler.knative.startup import unix_seconds

LEASE = "tidecast"
_GROUP = "/apis/coordination.k8s.io/v1"
POLL_PERIOD_S = 1.0
"""Seconds between two reads of the Lease while a process waits for it; chosen by hand."""
RENEW_PART, LEAD_PART = 0.2, 0.7
"""Parts of the duration: from one renewal to the next, and for how long one renewal makes a process the
leader.  Client-go's defaults are 2 s and 10 s of 15 s.
"""


def expired(lease: Lease | None, now_s: float) -> bool:
    """Return whether no process leads at `now_s` (Unix seconds), by the timestamps of the Lease itself."""
    if lease is None or not lease.spec.holder_identity:
        return True
    renewed_s = unix_seconds(lease.spec.renew_time)
    return renewed_s is None or renewed_s + (lease.spec.lease_duration_seconds or 0) < now_s


def read_lease(connection: Connection, namespace: str, name: str = LEASE) -> Lease | None:
    """Return the Lease; None where there is none.

    Raises:
        ApiError: the Lease cannot be read.
    """
    try:
        lease: Lease = decode(connection.get(_path(namespace, name)), Lease)
    except Missing:
        return None
    return lease


def wait_for_expiry(
    connection: Connection,
    namespace: str,
    name: str = LEASE,
    *,
    wall_clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> str | None:
    """Wait until the Lease expires; return its holder where one renews it, and None where no process leads.

    After the expiry the wait lasts one more duration of the Lease, in which a standby may acquire it.

    Raises:
        ApiError: the Lease cannot be read.
    """
    while True:
        lease = read_lease(connection, namespace, name)
        if lease is None or not lease.spec.holder_identity:
            return None
        if not expired(lease, wall_clock()):
            return lease.spec.holder_identity
        if expired(lease, wall_clock() - (lease.spec.lease_duration_seconds or 0)):
            return None
        pause(POLL_PERIOD_S)


class LeaderElection:
    """One candidate in the election of a leader, with its own thread."""

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
        """Take part as `identity`, which must belong to this process alone, also after a restart on the same
        host.
        """
        self._connection, self._namespace, self._identity, self._name = connection, namespace, identity, name
        self._clock, self._wall_clock = clock, wall_clock
        self.duration_s = duration_s
        """Duration of the Lease in seconds, from the next renewal on."""
        self._observed: tuple[Any, float] = (None, 0.0)
        self._leads_until_s = -float("inf")
        self._vacant = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.previous: Lease | None = None
        """The Lease before this process last acquired it: its holder, or none where it was released."""
        self.problem: ApiError | None = None
        """The reason why the last attempt failed; None where it succeeded."""

    @property
    def is_leader(self) -> bool:
        """Whether this process leads now.  It becomes False by the clock alone where no renewal succeeds."""
        return self._clock() < self._leads_until_s

    @property
    def expired(self) -> bool:
        """Whether no process leads now, by the last read of the Lease."""
        return self._vacant

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and release the Lease so that a standby need not wait until it expires."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        if self.is_leader:
            self._leads_until_s = -float("inf")
            self._release()

    def _run(self) -> None:
        while not self._ending.is_set():
            self.attempt()
            self._ending.wait(self.duration_s * RENEW_PART)

    def attempt(self) -> None:
        """Renew the Lease, or acquire a free one, once."""
        began_s, duration_s = self._clock(), self.duration_s
        # An earlier read says nothing about the present: another process may hold the Lease by now.
        self._vacant = False
        try:
            lease = read_lease(self._connection, self._namespace, self._name)
            is_holder = lease is not None and lease.spec.holder_identity == self._identity
            self._vacant = not is_holder and (lease is None or self._is_free(lease, began_s))
            if lease is None:
                self._create()
            elif is_holder:
                self._replace(lease, acquired=False)
            elif self._vacant:
                self._replace(lease, acquired=True)
                self.previous = lease
            else:
                self._leads_until_s = -float("inf")
                self.problem = None
                return
        except Conflict:
            # Another process was faster; the next attempt reads its name.
            self._vacant = False
            return
        except ApiError as e:
            self.problem = e
            return
        self.problem, self._vacant = None, False
        # The time counts from before the request: the server may have written the Lease at any time since.
        # Where the duration has changed meanwhile, the shorter one counts.
        self._leads_until_s = began_s + min(duration_s, self.duration_s) * LEAD_PART

    def _is_free(self, lease: Lease, now_s: float) -> bool:
        spec = lease.spec
        if not spec.holder_identity:
            return True
        record = (spec.holder_identity, spec.renew_time, lease.metadata.resource_version)
        if record != self._observed[0]:
            self._observed = (record, now_s)
        return now_s - self._observed[1] > (spec.lease_duration_seconds or 0)

    def _create(self) -> None:
        body = self._body(Metadata(self._name, self._namespace), LeaseSpec(), acquired=True)
        path = f"{_GROUP}/namespaces/{self._namespace}/leases"
        self._connection.request("POST", path, body)
        self.previous = None

    def _replace(self, lease: Lease, *, acquired: bool) -> None:
        body = self._body(lease.metadata, lease.spec, acquired=acquired)
        self._connection.request("PUT", _path(self._namespace, self._name), body)

    def _release(self) -> None:
        try:
            lease = read_lease(self._connection, self._namespace, self._name)
            if lease is not None and lease.spec.holder_identity == self._identity:
                body = self._body(lease.metadata, lease.spec, acquired=False)
                body["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                self._connection.request("PUT", _path(self._namespace, self._name), body)
        except ApiError as e:
            # The Lease expires by itself.
            self.problem = e

    def _body(self, metadata: Metadata, spec: LeaseSpec, *, acquired: bool) -> dict[str, Any]:
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
                "acquireTime": now if acquired else spec.acquire_time or now,
                "renewTime": now,
                "leaseTransitions": (spec.lease_transitions or 0) + (1 if acquired and metadata.uid else 0),
            },
        }


def _path(namespace: str, name: str) -> str:
    return f"{_GROUP}/namespaces/{namespace}/leases/{name}"
