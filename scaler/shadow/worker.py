"""The shadow beside the cycle: fed on the cycle's thread, lived through on another, read at any time.

Nothing waits for it.  What it has not yet lived through is kept up to MAX_LAG_S, and MAX_PENDING of it;
older traffic is let go then, and the shadow goes on later.  What it found is read as one value.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from models.fleet.keys import RevisionKey
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.plan.rules import DEFAULT, LONGEST_HOLD_S, RULES, RuleInputs, rule_floors
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS, STARTS
from scaler.shadow.evaluator import MAX_LAG_S, NO_RESULT, ShadowEvaluator, ShadowResult
from scaler.shadow.guard import DEFAULT_SHARE
from scaler.shadow.population import SimulatedRevision

MAX_PENDING = 256
"""Plans and steps of traffic that wait to be lived through."""


@dataclass(frozen=True, eq=False)
class PlanRecord:
    """At `at_s` this was expected of Revisions `keys` (r,); least, most (r,) are bounds of their policies."""

    at_s: int
    keys: tuple[RevisionKey, ...]
    expected: RuleInputs
    min_pods: NDArray[np.int32]
    max_pods: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ObservedArrivals:
    """Requests of the Revisions `keys` (r,) in steps from `start_s` on: counts (r, n), dispersion (r,)."""

    start_s: int
    step_s: int
    keys: tuple[RevisionKey, ...]
    counts: NDArray[np.float32]
    dispersion: NDArray[np.float64]


@dataclass(frozen=True)
class CandidateScore:
    """What a candidate would have come to lately: times the pod-seconds and pod starts of the KPA_INDEX alone, and
    the share of requests delayed.
    """

    candidate: str
    in_force: bool
    pods: float
    delayed: float
    starts: float


@dataclass(frozen=True, eq=False)
class ActiveCandidates:
    """What the shadow says of r Revisions; arrays (r,).

    places    the candidate in force, its place among CANDIDATES, or DEFAULT.
    has_evidence    it was chosen by the Revision's own traffic.
    fallback_active   the KPA_INDEX alone did better lately, and is in force whatever was chosen.
    """

    places: NDArray[np.intp]
    has_evidence: NDArray[np.bool_]
    fallback_active: NDArray[np.bool_]


class ShadowWorker:
    """One fleet's shadow and what it has yet to live through."""

    def __init__(self, guard_share: float = DEFAULT_SHARE) -> None:
        """It begins with the first traffic.

        guard_share   of the requests, 0..1, that may be more delayed than under the KPA_INDEX alone; may be set at
                      any time
        """
        self.guard_share = guard_share
        self._due: deque[PlanRecord | ObservedArrivals] = deque(maxlen=MAX_PENDING)
        self._revisions: tuple[SimulatedRevision, ...] = ()
        self._shadow: ShadowEvaluator | None = None
        self._asks: deque[tuple[int, tuple[RevisionKey, ...], NDArray[np.int32]]] = deque()

    def follow(self, revisions: Sequence[SimulatedRevision]) -> None:
        """The Revisions that there are now."""
        self._revisions = tuple(revisions)

    def planned(self, planned: PlanRecord) -> None:
        """A plan was made."""
        self._due.append(planned)

    def came(self, came: ObservedArrivals) -> None:
        """Traffic came, and is known."""
        self._due.append(came)

    def live(self) -> None:
        """Live through all that is due."""
        while self._due:
            each = self._due.popleft()
            if isinstance(each, PlanRecord):
                self._say(each)
            else:
                self._take(each)

    @property
    def found(self) -> ShadowResult:
        """What the shadow found until now."""
        shadow = self._shadow
        return NO_RESULT if shadow is None else shadow.found

    def chosen(self, keys: Sequence[RevisionKey], sparse: NDArray[np.bool_]) -> ActiveCandidates:
        """The candidate in force of each of the Revisions (r,).

        Where it is not has_evidence, what other traffic taught serves Revisions with few requests, `sparse` (r,);
        those with many have a DEFAULT floor.
        """
        found = self.found
        has_evidence = np.array([key in found.has_evidence for key in keys], np.bool_)
        places = np.array([found.places.get(key, DEFAULT) for key in keys], np.intp)
        fallback_active = np.array([key in found.fallback_active for key in keys], np.bool_)
        return ActiveCandidates(
            np.where(has_evidence | sparse, places, DEFAULT), has_evidence, fallback_active
        )

    def candidate_scores(
        self, key: RevisionKey, delay_cost: float, place: int, best: int
    ) -> tuple[CandidateScore, ...]:
        """What the `best` candidates would have come to for this Revision, the cheapest first.

        The one at `place`, unless that is DEFAULT, and the KPA_INDEX alone are among them.  Nothing where it has no
        shadow yet.
        """
        found = self.found
        if key not in found.rows:
            return ()
        sums = found.sums[found.rows[key]]
        alone = sums[KPA_INDEX]
        if not alone[PODS] > 0:
            return ()
        loss = np.where(np.isnan(sums[:, PODS]), np.inf, sums[:, PODS] + delay_cost * sums[:, DELAYED])
        told = {*np.argsort(loss)[:best].tolist(), place, KPA_INDEX} - {DEFAULT}
        shown = sorted(told, key=lambda e: float(loss[e]))
        return tuple(
            CandidateScore(
                candidate=str(CANDIDATES[e]),
                in_force=e == place,
                pods=float(sums[e, PODS] / alone[PODS]),
                delayed=float(sums[e, DELAYED] / max(alone[REQUESTS], 1e-9)),
                starts=float(sums[e, STARTS] / max(alone[STARTS], 1e-9)),
            )
            for e in shown
            if np.isfinite(loss[e])
        )

    def delayed(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """(r,) share of the requests lately that what is in force would have delayed; NaN where not known."""
        found = self.found
        out = np.full(len(keys), np.nan)
        for i, key in enumerate(keys):
            if (row := found.rows.get(key)) is not None:
                sums = found.sums[
                    row, KPA_INDEX if key in found.fallback_active else found.places.get(key, KPA_INDEX)
                ]
                if sums[REQUESTS] > 0:
                    out[i] = sums[DELAYED] / sums[REQUESTS]
        return out

    def _say(self, planned: PlanRecord) -> None:
        asked = rule_floors(planned.expected, RULES)
        while self._asks and self._asks[0][0] < planned.at_s - LONGEST_HOLD_S:
            self._asks.popleft()
        # What was asked for is held, not what was held then: that would never fall.
        self._asks.append((planned.at_s, planned.keys, asked.copy()))
        for at_s, keys, before in self._asks:
            held = np.array([rule.hold_s >= planned.at_s - at_s > 0 for rule in RULES])
            if held.any():
                at = rows.previous_rows(keys, planned.keys)
                earlier = np.where((at >= 0)[:, np.newaxis] & held, before[at], 0)
                np.maximum(asked, earlier, out=asked)
        if self._shadow is not None:
            # Bounds hold whatever is chosen, the KPA_INDEX alone as well: they tell nothing of a candidate.
            bounded = np.clip(asked, planned.min_pods[:, np.newaxis], planned.max_pods[:, np.newaxis])
            self._shadow.say(planned.at_s, planned.keys, bounded)

    def _take(self, came: ObservedArrivals) -> None:
        if self._shadow is None:
            self._shadow = ShadowEvaluator(came.start_s)
        shadow = self._shadow
        if came.start_s < shadow.now_s:
            return
        shadow.guard_share = self.guard_share
        shadow.follow(self._revisions)
        newest = self._due[-1] if self._due else came
        behind_s = (newest.at_s if isinstance(newest, PlanRecord) else newest.start_s) - came.start_s
        if behind_s > MAX_LAG_S:
            return
        if came.start_s > shadow.now_s:
            shadow.go_on_at(came.start_s)
        at = rows.previous_rows(came.keys, [one.key for one in shadow.revisions])
        counts = rows.align_rows(came.counts, at, np.zeros((len(at), came.counts.shape[1]), np.float32))
        shadow.take(counts, came.step_s, rows.align_rows(came.dispersion, at, np.ones(len(at))))
