"""How long a Revision's pods take to serve: learned from those that started.

From a pod's creation to its first being Ready, so that waiting for a node counts.  A start may take 4 s where
the image is there and 90 s where a node has to come first, so the estimate is a distribution: quantiles q in
the middle of STARTUPS equal parts of the last 50 starts of the Revision, drawn to its service's, and those to
a prior, as long as fewer than 5 were seen:

    e = (n·q + max(0, 5 - n)·e_above) / max(n, 5)
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import datetime

from models.fleet.keys import RevisionKey, ServiceKey
from scaler.knative.objects import Pod
from scaler.simulation.state import STARTUPS

LAST = 50
ENOUGH = 5
LONGEST_S = 600.0
"""A pod first seen Ready, and that only this long after its creation, has been Ready before and lost it."""


class StartUps:
    """Starts of pods by Revision and service.  Fed with pods as they change."""

    def __init__(self, prior_s: float) -> None:
        self.prior_s = prior_s
        """Assumed where nothing was seen, seconds."""
        self.version = 0
        """Counts what was learned."""
        self._waiting: set[str] = set()
        self._counted: set[str] = set()
        self._of_revision: defaultdict[RevisionKey, deque[float]] = defaultdict(lambda: deque(maxlen=LAST))
        self._of_service: defaultdict[ServiceKey, deque[float]] = defaultdict(lambda: deque(maxlen=LAST))

    def see(self, pod: Pod, revision: RevisionKey, service: ServiceKey) -> None:
        """A pod as it is now.  Only its first being Ready counts: later it may lose that and get it back."""
        uid = pod.metadata.uid
        if uid in self._counted:
            return
        ready = next((c for c in pod.status.conditions or () if c.type == "Ready"), None)
        created_s = seconds(pod.metadata.creation_timestamp)
        since_s = seconds(ready.last_transition_time) if ready else None
        if ready is None or ready.status != "True" or created_s is None or since_s is None:
            self._waiting.add(uid)
            return
        took_s = max(0.0, since_s - created_s)
        self._counted.add(uid)
        if uid in self._waiting or took_s <= LONGEST_S:
            self._of_revision[revision].append(took_s)
            self._of_service[service].append(took_s)
            self.version += 1
        self._waiting.discard(uid)

    def forget(self, uid: str) -> None:
        """A pod is gone."""
        self._waiting.discard(uid)
        self._counted.discard(uid)

    def keep(self, uids: set[str]) -> None:
        """Only these pods are there."""
        self._waiting &= uids
        self._counted &= uids

    def retain(self, revisions: Iterable[RevisionKey]) -> None:
        """Forget the starts of all other Revisions; their services keep them."""
        for gone in self._of_revision.keys() - set(revisions):
            del self._of_revision[gone]

    def estimates_s(self, revision: RevisionKey, service: ServiceKey) -> tuple[float, ...]:
        """(STARTUPS,) seconds until a pod asked for now will serve, each as likely, rising."""
        of_service = _drawn(self._of_service.get(service, ()), (self.prior_s,) * STARTUPS)
        return _drawn(self._of_revision.get(revision, ()), of_service)


def _drawn(starts_s: Iterable[float], above_s: tuple[float, ...]) -> tuple[float, ...]:
    ordered = sorted(starts_s)
    n = len(ordered)
    if n == 0:
        return above_s
    middles = ((i + 0.5) / STARTUPS for i in range(STARTUPS))
    quantiles_s = (ordered[math.ceil(level * n) - 1] for level in middles)
    few = max(0, ENOUGH - n)
    drawn = (n * quantile + few * above for quantile, above in zip(quantiles_s, above_s, strict=True))
    return tuple(seconds / max(n, ENOUGH) for seconds in drawn)


def seconds(timestamp: str | None) -> float | None:
    """Unix seconds of a Kubernetes timestamp such as 2026-11-23T10:00:00Z; None where there is none."""
    if not timestamp:
        return None
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None
