"""Learn from the pods that started how long the pods of a Revision take to serve.

A start-up lasts from the creation of a pod until it is Ready for the first time, so that waiting for a node
counts.  It may take 4 s where the image is present and 90 s where a node must be added first, so the estimate
is a distribution: quantiles q in the middle of STARTUPS equal parts of the last 50 start-ups of the Revision.
Where fewer than 5 were observed, the estimate is shrunk towards that of the service, and that of the service
towards a prior, with n the number of start-ups observed:

    estimate = (n·q + max(0, 5 - n)·parent) / max(n, 5)
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import datetime

from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative.objects import Pod
from scaler.simulation.state import STARTUPS

HISTORY = 50
"""Number of start-ups kept for each Revision and service; chosen by hand."""
FULL_EVIDENCE = 5
"""Observed start-ups from which the estimate uses no parent; chosen by hand."""
LONGEST_S = 600.0
"""A pod first observed Ready more than this after its creation counts as one that was Ready before.  Chosen
by hand: Knative's default progress deadline, after which a Revision fails.
"""


class StartupEstimator:
    """Start-up times of pods by Revision and by service."""

    def __init__(self, prior_s: float) -> None:
        self.prior_s = prior_s
        """Start-up time in seconds where none was observed."""
        self.version = 0
        """Number of start-ups observed."""
        self._starting: set[str] = set()
        self._counted: set[str] = set()
        self._by_revision: defaultdict[RevisionKey, deque[float]] = defaultdict(lambda: deque(maxlen=HISTORY))
        self._by_service: defaultdict[ServiceKey, deque[float]] = defaultdict(lambda: deque(maxlen=HISTORY))

    def observe(self, pod: Pod, revision: RevisionKey, service: ServiceKey) -> None:
        """Take in the current state of a pod.  Only the first time that it is Ready counts."""
        uid = pod.metadata.uid
        if uid in self._counted:
            return
        ready = next((c for c in pod.status.conditions or () if c.type == "Ready"), None)
        created_s = unix_seconds(pod.metadata.creation_timestamp)
        ready_s = unix_seconds(ready.last_transition_time) if ready else None
        if ready is None or ready.status != "True" or created_s is None or ready_s is None:
            self._starting.add(uid)
            return
        startup_s = max(0.0, ready_s - created_s)
        self._counted.add(uid)
        if uid in self._starting or startup_s <= LONGEST_S:
            self._by_revision[revision].append(startup_s)
            self._by_service[service].append(startup_s)
            self.version += 1
        self._starting.discard(uid)

    def delete_pod(self, uid: str) -> None:
        """Forget a pod that was deleted."""
        self._starting.discard(uid)
        self._counted.discard(uid)

    def retain_pods(self, uids: set[str]) -> None:
        """Forget all other pods."""
        self._starting &= uids
        self._counted &= uids

    def retain_revisions(self, revisions: Iterable[RevisionKey]) -> None:
        """Forget the start-ups of all other Revisions; their services keep them."""
        for deleted in self._by_revision.keys() - set(revisions):
            del self._by_revision[deleted]

    def estimates_s(self, revision: RevisionKey, service: ServiceKey) -> tuple[float, ...]:
        """Return (STARTUPS,) seconds until a pod requested now serves, equally likely and rising."""
        of_service = _shrunk(self._by_service.get(service, ()), (self.prior_s,) * STARTUPS)
        return _shrunk(self._by_revision.get(revision, ()), of_service)


def _shrunk(startups_s: Iterable[float], parent_s: tuple[float, ...]) -> tuple[float, ...]:
    """Return the quantiles of the start-ups, shrunk towards those of the parent where there are few."""
    ordered = sorted(startups_s)
    n = len(ordered)
    if n == 0:
        return parent_s
    levels = ((i + 0.5) / STARTUPS for i in range(STARTUPS))
    quantiles_s = (ordered[math.ceil(level * n) - 1] for level in levels)
    missing = max(0, FULL_EVIDENCE - n)
    sums = (n * quantile + missing * parent for quantile, parent in zip(quantiles_s, parent_s, strict=True))
    return tuple(seconds / max(n, FULL_EVIDENCE) for seconds in sums)


def unix_seconds(timestamp: str | None) -> float | None:
    """Return the Unix seconds of a Kubernetes timestamp such as 2026-11-23T10:00:00Z; None where there is
    none.
    """
    if not timestamp:
        return None
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None
