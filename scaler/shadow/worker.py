"""Run the shadow evaluation on its own thread: the planner feeds it, and any thread reads its result.

The planner never waits for it.  The queue holds traffic of at most MAX_LAG_S seconds and at most MAX_PENDING
entries.  Older traffic is dropped, and the evaluation skips that time.  Its result is read as one value.
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
"""Plans and steps of traffic in the queue."""


@dataclass(frozen=True, eq=False)
class PlanRecord:
    """What rules read of the Revisions `keys` (r,) at `planned_s`, and the configured bounds (r,) in pods."""

    planned_s: int
    keys: tuple[RevisionKey, ...]
    inputs: RuleInputs
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
    """The recent result of a candidate in shadow.

    pods, starts   times the pod-seconds and the pod starts of the KPA alone.
    delayed        share of the requests, 0..1.
    """

    candidate: str
    active: bool
    pods: float
    delayed: float
    starts: float


@dataclass(frozen=True, eq=False)
class ActiveCandidates:
    """The candidate that is active for each of r Revisions.

    candidate         (r,) index in CANDIDATES, or DEFAULT.
    has_evidence      (r,) the selection rests on the Revision's own traffic.
    fallback_active   (r,) the guard applies the KPA alone.
    """

    candidate: NDArray[np.intp]
    has_evidence: NDArray[np.bool_]
    fallback_active: NDArray[np.bool_]


class ShadowWorker:
    """The shadow evaluation of one fleet, with the queue before it."""

    def __init__(self, guard_share: float = DEFAULT_SHARE) -> None:
        """Begin with the first traffic.

        guard_share   share of the requests, 0..1, that may be delayed in addition to those under the KPA
                      alone; may be set at any time
        """
        self.guard_share = guard_share
        self._queue: deque[PlanRecord | ObservedArrivals] = deque(maxlen=MAX_PENDING)
        self._revisions: tuple[SimulatedRevision, ...] = ()
        self._evaluator: ShadowEvaluator | None = None
        self._recent_floors: deque[tuple[int, tuple[RevisionKey, ...], NDArray[np.int32]]] = deque()

    def set_revisions(self, revisions: Sequence[SimulatedRevision]) -> None:
        """Set the Revisions that exist now."""
        self._revisions = tuple(revisions)

    def add_plan(self, record: PlanRecord) -> None:
        """Queue a plan."""
        self._queue.append(record)

    def add_arrivals(self, arrivals: ObservedArrivals) -> None:
        """Queue observed traffic."""
        self._queue.append(arrivals)

    def run(self) -> None:
        """Evaluate everything in the queue."""
        while self._queue:
            entry = self._queue.popleft()
            if isinstance(entry, PlanRecord):
                self._record_floors(entry)
            else:
                self._simulate(entry)

    @property
    def pending(self) -> tuple[PlanRecord | ObservedArrivals, ...]:
        """The queue, oldest entry first."""
        return tuple(self._queue)

    @property
    def evaluator(self) -> ShadowEvaluator | None:
        """The evaluation itself; None before the first traffic.  Only for the thread that calls `run`."""
        return self._evaluator

    @property
    def result(self) -> ShadowResult:
        """The newest result."""
        return NO_RESULT if self._evaluator is None else self._evaluator.result

    def active_candidates(
        self, keys: Sequence[RevisionKey], intermittent: NDArray[np.bool_]
    ) -> ActiveCandidates:
        """Return the active candidate of each Revision (r,).

        A selection without evidence of the Revision's own is active where the traffic is intermittent (r,):
        there other traffic is a good guide.  Revisions with frequent requests have the DEFAULT policy until
        then.
        """
        result = self.result
        has_evidence = np.array([key in result.with_evidence for key in keys], np.bool_)
        selected = np.array([result.selected.get(key, DEFAULT) for key in keys], np.intp)
        in_fallback = np.array([key in result.in_fallback for key in keys], np.bool_)
        candidate = np.where(has_evidence | intermittent, selected, DEFAULT)
        return ActiveCandidates(candidate, has_evidence, in_fallback)

    def candidate_scores(
        self, key: RevisionKey, delay_cost: float, active: int, best: int
    ) -> tuple[CandidateScore, ...]:
        """Return the recent results of the `best` candidates of a Revision, the cheapest first.

        The `active` candidate (unless it is DEFAULT) and the KPA alone are among them.  Empty where the
        Revision has no results yet.
        """
        result = self.result
        if key not in result.rows:
            return ()
        sums = result.sums[result.rows[key]]
        kpa = sums[KPA_INDEX]
        if not kpa[PODS] > 0:
            return ()
        cost = np.where(np.isnan(sums[:, PODS]), np.inf, sums[:, PODS] + delay_cost * sums[:, DELAYED])
        chosen = {*np.argsort(cost)[:best].tolist(), active, KPA_INDEX} - {DEFAULT}
        return tuple(
            CandidateScore(
                candidate=str(CANDIDATES[index]),
                active=index == active,
                pods=float(sums[index, PODS] / kpa[PODS]),
                delayed=float(sums[index, DELAYED] / max(kpa[REQUESTS], 1e-9)),
                starts=float(sums[index, STARTS] / max(kpa[STARTS], 1e-9)),
            )
            for index in sorted(chosen, key=lambda index: float(cost[index]))
            if np.isfinite(cost[index])
        )

    def delayed_shares(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """Return the recent share (r,) of requests that the active policy delays in shadow; NaN = unknown."""
        result = self.result
        shares = np.full(len(keys), np.nan)
        for i, key in enumerate(keys):
            if (row := result.rows.get(key)) is not None:
                active = KPA_INDEX if key in result.in_fallback else result.selected.get(key, KPA_INDEX)
                sums = result.sums[row, active]
                if sums[REQUESTS] > 0:
                    shares[i] = sums[DELAYED] / sums[REQUESTS]
        return shares

    def _record_floors(self, record: PlanRecord) -> None:
        floors = rule_floors(record.inputs, RULES)
        while self._recent_floors and self._recent_floors[0][0] < record.planned_s - LONGEST_HOLD_S:
            self._recent_floors.popleft()
        # The hold covers what rules gave, not what was held then: held floors would never fall.
        self._recent_floors.append((record.planned_s, record.keys, floors.copy()))
        for planned_s, keys, earlier_floors in self._recent_floors:
            within = np.array([rule.hold_s >= record.planned_s - planned_s > 0 for rule in RULES])
            if within.any():
                row = rows.previous_rows(keys, record.keys)
                earlier = np.where((row >= 0)[:, np.newaxis] & within, earlier_floors[row], 0)
                np.maximum(floors, earlier, out=floors)
        if self._evaluator is not None:
            # Configured bounds hold under every candidate, also under the KPA alone: they say nothing of one.
            bounded = np.clip(floors, record.min_pods[:, np.newaxis], record.max_pods[:, np.newaxis])
            self._evaluator.record_floors(record.planned_s, record.keys, bounded)

    def _simulate(self, arrivals: ObservedArrivals) -> None:
        if self._evaluator is None:
            self._evaluator = ShadowEvaluator(arrivals.start_s)
        evaluator = self._evaluator
        if arrivals.start_s < evaluator.now_s:
            return
        evaluator.guard_share = self.guard_share
        evaluator.set_revisions(self._revisions)
        newest = self._queue[-1] if self._queue else arrivals
        newest_s = newest.planned_s if isinstance(newest, PlanRecord) else newest.start_s
        if newest_s - arrivals.start_s > MAX_LAG_S:
            return
        if arrivals.start_s > evaluator.now_s:
            evaluator.skip_to(arrivals.start_s)
        row = rows.previous_rows(arrivals.keys, [revision.key for revision in evaluator.revisions])
        no_requests = np.zeros((len(row), arrivals.counts.shape[1]), np.float32)
        counts = rows.align_rows(arrivals.counts, row, no_requests)
        dispersion = rows.align_rows(arrivals.dispersion, row, np.ones(len(row)))
        evaluator.simulate(counts, arrivals.step_s, dispersion)
