"""The shadow beside the cycle: fed on the cycle's thread, lived through on another, read at any time.

Nothing waits for it.  What it has not yet lived through is kept up to MOST_BEHIND_S; older traffic is let go
then, and the shadow goes on later.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import rows
from models.keys import RevisionKey
from scaler.shadow.candidates import CANDIDATES
from scaler.shadow.choice import KPA
from scaler.shadow.items import Lived
from scaler.shadow.live import Shadow
from scaler.shadow.rules import LONGEST_HOLD_S, PLAIN, RULES, Expected, asked_by
from scaler.shadow.trial import DELAYED, PODS, REQUESTS, STARTS

MOST_BEHIND_S = 1800


@dataclass(frozen=True, eq=False)
class Planned:
    """At `at_s` this was expected of the Revisions `keys` (r,)."""

    at_s: int
    keys: tuple[RevisionKey, ...]
    expected: Expected


@dataclass(frozen=True, eq=False)
class Came:
    """Requests of the Revisions `keys` (r,) in steps from `start_s` on: counts (r, n)."""

    start_s: int
    step_s: int
    keys: tuple[RevisionKey, ...]
    counts: NDArray[np.float32]


@dataclass(frozen=True)
class Standing:
    """What a candidate would have come to lately: times the pod-seconds and pod starts of the KPA alone, and
    the share of requests delayed.
    """

    candidate: str
    in_force: bool
    pods: float
    delayed: float
    starts: float


class Shade:
    """One fleet's shadow and what it has yet to live through."""

    def __init__(self) -> None:
        """It begins with the first traffic."""
        self._due: deque[Planned | Came] = deque()
        self._revisions: tuple[Lived, ...] = ()
        self._shadow: Shadow | None = None
        self._asks: deque[tuple[int, tuple[RevisionKey, ...], NDArray[np.int32]]] = deque()
        self._chosen: Mapping[RevisionKey, tuple[int, bool]] = {}

    def follow(self, revisions: Sequence[Lived]) -> None:
        """The Revisions that there are now."""
        self._revisions = tuple(revisions)

    def planned(self, planned: Planned) -> None:
        """A plan was made."""
        self._due.append(planned)

    def came(self, came: Came) -> None:
        """Traffic came, and is known."""
        self._due.append(came)

    def live(self) -> None:
        """Live through all that is due."""
        while self._due:
            each = self._due.popleft()
            if isinstance(each, Planned):
                self._say(each)
            else:
                self._take(each)

    def places(
        self, keys: Sequence[RevisionKey], sparse: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(r,) the candidate in force of each, and whether it is proven by the Revision's own traffic.

        Where it is not, what other traffic taught serves Revisions with few requests, `sparse` (r,); those
        with many have a PLAIN floor and keep their own settings.
        """
        known = [self._chosen.get(key, (PLAIN, False)) for key in keys]
        proven = np.array([proven for _, proven in known], np.bool_)
        places = np.array([place for place, _ in known], np.intp)
        return np.where(proven | sparse, places, PLAIN), proven

    def standings(self, key: RevisionKey, delay_cost: float, place: int, best: int) -> tuple[Standing, ...]:
        """What the `best` candidates would have come to for this Revision, the cheapest first.

        The one at `place` and the KPA alone are among them.  Nothing where it has no shadow yet.
        """
        shadow = self._shadow
        lived = [] if shadow is None else [one.key for one in shadow.lived]
        if shadow is None or key not in lived:
            return ()
        sums = shadow.sums[lived.index(key)]
        alone = sums[KPA]
        if not alone[PODS] > 0:
            return ()
        loss = np.where(np.isnan(sums[:, PODS]), np.inf, sums[:, PODS] + delay_cost * sums[:, DELAYED])
        shown = sorted({*np.argsort(loss)[:best].tolist(), place, KPA}, key=lambda e: float(loss[e]))
        return tuple(
            Standing(
                candidate=str(CANDIDATES[e]),
                in_force=e == place,
                pods=float(sums[e, PODS] / alone[PODS]),
                delayed=float(sums[e, DELAYED] / max(alone[REQUESTS], 1e-9)),
                starts=float(sums[e, STARTS] / max(alone[STARTS], 1e-9)),
            )
            for e in shown
            if np.isfinite(loss[e])
        )

    def _say(self, planned: Planned) -> None:
        asked = asked_by(planned.expected, RULES)
        self._asks.append((planned.at_s, planned.keys, asked))
        while self._asks[0][0] < planned.at_s - LONGEST_HOLD_S:
            self._asks.popleft()
        for at_s, keys, before in self._asks:
            held = np.array([rule.hold_s >= planned.at_s - at_s > 0 for rule in RULES])
            if held.any():
                at = rows.where_before(keys, planned.keys)
                earlier = np.where((at >= 0)[:, np.newaxis] & held, before[at], 0)
                np.maximum(asked, earlier, out=asked)
        if self._shadow is not None:
            self._shadow.say(planned.at_s, planned.keys, asked)

    def _take(self, came: Came) -> None:
        if self._shadow is None:
            self._shadow = Shadow(came.start_s)
        shadow = self._shadow
        shadow.follow(self._revisions)
        if came.start_s != shadow.now_s:
            shadow.go_on_at(came.start_s)
        at = rows.where_before(came.keys, [one.key for one in shadow.revisions])
        counts = np.where((at >= 0)[:, np.newaxis], came.counts[at], np.float32(0))
        newest = self._due[-1] if self._due else came
        behind_s = (newest.at_s if isinstance(newest, Planned) else newest.start_s) - came.start_s
        if behind_s <= MOST_BEHIND_S:
            shadow.take(counts, came.step_s)
        keys = [one.key for one in shadow.revisions]
        places, proven = shadow.places(keys)
        self._chosen = dict(zip(keys, zip(places.tolist(), proven.tolist(), strict=True), strict=True))
