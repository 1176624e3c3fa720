"""Simulate every candidate on the traffic that arrives, and select one per Revision every hour.

    set_revisions   the Revisions that exist now; those that continue keep their history
    record_floors   a plan was made: the floor of every rule at that moment
    simulate        requests were observed: all candidates are simulated in these seconds, which may lag
                    behind
    skip_to         some seconds are not simulated: their requests are not known
    result          the selected candidate of each Revision, and the evidence for it

A count of several seconds is spread over them at random (scaler.shadow.disaggregate).  The start-up time of a
pod is drawn from those observed on the Revision, so that the cost of a candidate is its mean over them.
Where there are more than MAX_ITEMS items (Revisions times candidates), a sample of the Revisions is
simulated, and the others use their pooled results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fleet import rows
from models.fleet.keys import RevisionKey
from scaler.plan.candidates import KPA_INDEX
from scaler.plan.rules import RULE_OF, RULES
from scaler.shadow.disaggregate import by_second
from scaler.shadow.evaluate import N_METRICS, PODS, candidate_metrics
from scaler.shadow.guard import DEFAULT_SHARE, new_guard
from scaler.shadow.population import (
    N_CANDIDATES,
    Population,
    SimulatedRevision,
    carry_state,
    population,
    same_candidates,
)
from scaler.shadow.selection import (
    PRIOR_EVIDENCE_POD_S,
    SPENDING_HALF_LIFE_S,
    Objectives,
    decay,
    select,
)
from scaler.simulation.state import METRICS, Arrivals

MAX_ITEMS = 800_000
"""Items that are simulated: about 1.6 GB of state, and one CPU second per minute of traffic."""
REVIEW_S = 3600
"""Seconds from one selection to the next: settings change slowly."""
MAX_LAG_S = 1800
"""Seconds: older traffic is not simulated any more."""
SEED = 7
"""Seed of the seconds at which the requests of a step arrive; any value works."""


@dataclass(frozen=True, eq=False)
class ShadowResult:
    """The result of the shadow evaluation, as one value that any thread may read.

    selected          index in CANDIDATES of the selected candidate of each Revision.
    with_evidence     Revisions whose selection rests on their own traffic at least as much as on public
                      traces.
    in_fallback       Revisions where the guard applies the KPA alone.
    rows              rows of the simulated Revisions in the following arrays.
    sums              (l, e, N_METRICS) discounted sums of the candidates; NaN = not permitted.
    recent            (l, 2, N_METRICS) SELECTED and BASELINE over the last day, discounted.
    """

    selected: Mapping[RevisionKey, int]
    with_evidence: frozenset[RevisionKey]
    in_fallback: frozenset[RevisionKey]
    rows: Mapping[RevisionKey, int]
    sums: NDArray[np.float64]
    recent: NDArray[np.float64]


NO_RESULT = ShadowResult(
    {}, frozenset(), frozenset(), {}, np.empty((0, N_CANDIDATES, N_METRICS)), np.empty((0, 2, N_METRICS))
)


class ShadowEvaluator:
    """The shadow evaluation of one fleet.  Not thread-safe, except that `result` may be read at any time."""

    def __init__(self, start_s: int) -> None:
        """Begin at `start_s`, Unix seconds."""
        self.start_s = self.now_s = start_s
        self.revisions: tuple[SimulatedRevision, ...] = ()
        self.sampled: NDArray[np.intp] = np.empty(0, np.intp)
        """(l,) rows of `revisions` that are simulated."""
        self.sums = np.empty((0, N_CANDIDATES, N_METRICS))
        """(l, e, N_METRICS) discounted sums of the candidates; NaN = not permitted."""
        self._population: Population = population(())
        self._hour = np.zeros((0, len(METRICS)))
        self._spending = np.zeros((0, 2, N_METRICS))
        self._review_h = start_s // REVIEW_S
        self._guard = new_guard(0)
        self.guard_share = DEFAULT_SHARE
        """Share of the requests, 0..1, that may be delayed in addition to those under the KPA alone."""
        self._selected: Mapping[RevisionKey, int] = {}
        self.result = NO_RESULT
        self._plans: list[tuple[int, tuple[RevisionKey, ...], NDArray[np.int32]]] = []
        self._rng = np.random.default_rng(SEED)

    @property
    def simulated(self) -> tuple[SimulatedRevision, ...]:
        """The simulated Revisions, rows of `sums`."""
        return self._population.revisions

    def set_revisions(self, revisions: Sequence[SimulatedRevision]) -> None:
        """Simulate these Revisions from now on; those that continue keep state and sums."""
        same, self.revisions = tuple(revisions) == self.revisions, tuple(revisions)
        if same:
            return
        old = self._population
        self.sampled = sample(revisions, {revision.key for revision in old.revisions})
        self._population = new = population([revisions[i] for i in self.sampled])
        previous_items = carry_state(old, new)
        self._hour = rows.align_rows(
            self._hour, previous_items, np.zeros((len(previous_items), len(METRICS)))
        )
        empty = np.full((len(self.sampled), N_CANDIDATES, N_METRICS), np.nan)
        empty[new.of_item, new.candidate] = 0.0
        # With other levers an index means another candidate: its sums begin again.
        previous = _previous_rows(old.revisions, new.revisions)
        self.sums = rows.align_rows(self.sums, previous, empty)
        self._guard = self._guard.realigned(previous)
        self._spending = rows.align_rows(self._spending, previous, np.zeros((len(previous), 2, N_METRICS)))
        added = {revision.key for revision, row in zip(new.revisions, previous, strict=True) if row < 0}
        self._selected = {key: index for key, index in self._selected.items() if key not in added}
        self._select()

    def record_floors(self, planned_s: int, keys: tuple[RevisionKey, ...], floors: NDArray[np.int32]) -> None:
        """Record the floors (r, f), in pods, that every rule of RULES gave the Revisions `keys` (r,)."""
        self._plans.append((planned_s, keys, floors))
        # Without traffic to simulate, plans would accumulate.
        self._plans = [plan for plan in self._plans if plan[0] >= planned_s - MAX_LAG_S]

    def simulate(
        self, counts: NDArray[np.float32], step_s: int, dispersion: NDArray[np.float64] | None = None
    ) -> None:
        """Simulate the next steps.

        counts       (r, n) requests in each step, rows as `revisions`
        dispersion   (r,) variance over mean of the requests of a second; None = 1 (Poisson)
        """
        sampled = np.ones(len(self.sampled)) if dispersion is None else dispersion[self.sampled]
        seconds = by_second(self._rng, counts[self.sampled], step_s, sampled)
        first_s, end_s = self.now_s, self.now_s + seconds.shape[1]
        while self.now_s < end_s:
            until_s = min(end_s, (self.now_s // REVIEW_S + 1) * REVIEW_S)
            self._simulate(seconds[:, self.now_s - first_s : until_s - first_s], until_s)
            if until_s % REVIEW_S == 0:
                self._review()

    def skip_to(self, now_s: int) -> None:
        """Continue at `now_s` without simulating the time before it; the last floors remain active."""
        hour_end_s = (self.now_s // REVIEW_S + 1) * REVIEW_S
        if now_s >= hour_end_s:
            self.now_s = hour_end_s
            self._review()
        self.now_s = now_s
        past = [plan for plan in self._plans if plan[0] < now_s]
        self._plans = past[-1:] + [plan for plan in self._plans if plan[0] >= now_s]

    def _simulate(self, seconds: NDArray[np.float32], until_s: int) -> None:
        from scaler.shadow.kernel import simulate_population  # noqa: PLC0415  # compiled: loaded where used

        items, (planned_s, floors) = self._population, self._floors_until(until_s)
        arrivals = Arrivals(np.ascontiguousarray(seconds), items.of_item, self.now_s - self.start_s)
        simulate_population(
            items.pod_params,
            items.batch,
            arrivals,
            RULE_OF[items.candidate],
            planned_s - self.start_s,
            floors,
            self._hour,
        )
        self.now_s = until_s

    def _review(self) -> None:
        """Add the results of the hour that ended, and select."""
        hour = np.full(self.sums.shape, np.nan)
        hour[self._population.of_item, self._population.candidate] = candidate_metrics(self._hour)
        elapsed_h = max(1, self.now_s // REVIEW_S - self._review_h)
        self._review_h = self.now_s // REVIEW_S
        # A selection without evidence is not applied as such: it counts neither for nor against the
        # candidate.
        index = np.array([self._selected.get(r.key, KPA_INDEX) for r in self.simulated], np.intp)
        index = np.where(self._has_evidence(), index, KPA_INDEX)
        selected, baseline = hour[np.arange(len(index)), index], hour[:, KPA_INDEX]
        active = np.where(self._guard.active[:, np.newaxis], baseline, selected)
        kept = self._spending * decay(elapsed_h * REVIEW_S, SPENDING_HALF_LIFE_S)
        self._spending = kept + np.stack([active, baseline], axis=1)
        self._guard = self._guard.updated(
            selected,
            baseline,
            delay_cost=np.array([r.policy.delay_cost for r in self.simulated], np.float64),
            share=self.guard_share,
            elapsed_h=elapsed_h,
        )
        self.sums = self.sums * decay(elapsed_h * REVIEW_S) + hour
        self._hour[:] = 0.0
        self._select()

    def _has_evidence(self) -> NDArray[np.bool_]:
        """Return (l,) whether the Revision's own traffic counts at least as much as the public traces."""
        return np.asarray(self.sums[:, KPA_INDEX, PODS] >= PRIOR_EVIDENCE_POD_S)

    def _select(self) -> None:
        sums = np.full((len(self.revisions), N_CANDIDATES, N_METRICS), np.nan)
        for i, revision in enumerate(self.revisions):
            sums[i, list(revision.candidates)] = 0.0
        sums[self.sampled] = self.sums
        spending = np.zeros((len(self.revisions), 2, N_METRICS))
        spending[self.sampled] = self._spending
        # A Revision that may not use a candidate is no evidence for it: there it counts as the KPA alone.
        pooled = np.where(np.isnan(self.sums), self.sums[:, [KPA_INDEX]], self.sums).sum(axis=0)
        current = np.array([self._selected.get(r.key, KPA_INDEX) for r in self.revisions], np.intp)
        current = np.where(np.isnan(sums[np.arange(len(current)), current, 0]), KPA_INDEX, current)
        selected = select(sums, pooled, _objectives(self.revisions), current, spending)
        keys = (revision.key for revision in self.revisions)
        self._selected = dict(zip(keys, selected.tolist(), strict=True))
        simulated = [revision.key for revision in self.simulated]
        self.result = ShadowResult(
            selected=self._selected,
            with_evidence=_subset(simulated, self._has_evidence()),
            in_fallback=_subset(simulated, self._guard.active),
            rows={key: i for i, key in enumerate(simulated)},
            sums=self.sums,
            recent=self._guard.sums,
        )

    def _floors_until(self, until_s: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Remove the plans of [now, until), and return their seconds (p,) and floors (l, f, p) in pods."""
        plans = [plan for plan in self._plans if plan[0] < until_s]
        self._plans = [plan for plan in self._plans if plan[0] >= until_s]
        keys = [revision.key for revision in self.simulated]
        floors = np.zeros((len(keys), len(RULES), len(plans)), np.int32)
        for j, (_, planned_keys, planned) in enumerate(plans):
            row = rows.previous_rows(planned_keys, keys)
            floors[row >= 0, :, j] = planned[row[row >= 0]]
        return np.array([plan[0] for plan in plans], np.int64), floors


def sample(revisions: Sequence[SimulatedRevision], previous: set[RevisionKey]) -> NDArray[np.intp]:
    """Return the rows to simulate: all, or MAX_ITEMS items, beginning with those simulated before."""
    sizes = np.array([len(revision.candidates) for revision in revisions], np.int64)
    if sizes.sum() <= MAX_ITEMS:
        return np.arange(len(revisions))
    draw = np.random.default_rng(SEED).random(len(revisions))
    order = np.lexsort((draw, np.array([revision.key not in previous for revision in revisions])))
    return np.sort(order[np.cumsum(sizes[order]) <= MAX_ITEMS])


def _previous_rows(old: Sequence[SimulatedRevision], new: Sequence[SimulatedRevision]) -> NDArray[np.intp]:
    """Return the previous row (l,) of each Revision; -1 = it is new, or has other candidates."""
    previous = rows.previous_rows([revision.key for revision in old], [revision.key for revision in new])
    same = [
        row >= 0 and same_candidates(old[row], revision)
        for row, revision in zip(previous.tolist(), new, strict=True)
    ]
    return np.where(np.array(same, np.bool_), previous, -1)


def _subset(keys: Sequence[RevisionKey], flags: NDArray[np.bool_]) -> frozenset[RevisionKey]:
    return frozenset(keys[i] for i in np.flatnonzero(flags).tolist())


def _objectives(revisions: Sequence[SimulatedRevision]) -> Objectives:
    policies = [revision.policy for revision in revisions]
    max_delayed = [np.nan if p.max_delayed is None else p.max_delayed / 100 for p in policies]
    return Objectives(
        delay_cost=np.array([policy.delay_cost for policy in policies], np.float64),
        wait_cost=np.array([policy.wait_cost for policy in policies], np.float64),
        max_starts_ratio=np.array([revision.max_starts_ratio for revision in revisions], np.float64),
        max_delayed=np.array(max_delayed, np.float64),
    )
