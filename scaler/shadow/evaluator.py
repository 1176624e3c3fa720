"""The live shadow: every candidate lived through beside the real thing, as the traffic comes.

    follow     the Revisions there are now; who stays keeps its past
    say        a plan was made: what every rule asked for then
    take       traffic came: all candidates live through its seconds; it may lag, and delays no floor
    go_on_at   some time is not lived through: nobody knows what came
    found      the candidate in force of each Revision, chosen anew every hour, and what it rests on

A count of several seconds is spread over them at random (scaler.shadow.disaggregate).  How long pods take to start
is drawn from what was seen of theirs, so that what a candidate came to is its cost in the mean over it.
Where there are more items (Revisions times candidates) than MAX_ITEMS, Revisions are sampled, and the others
borrow from them.
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
from scaler.shadow.evaluate import N_METRICS, PODS, candidate_outcome
from scaler.shadow.guard import DEFAULT_SHARE, new_guard
from scaler.shadow.population import (
    N_CANDIDATES,
    Population,
    SimulatedRevision,
    carry_state,
    population,
    same_candidates,
)
from scaler.shadow.selection import PRIOR_EVIDENCE_POD_S, SPENT_S, Objectives, decay, select
from scaler.simulation.state import METRICS

MAX_ITEMS = 800_000
"""About 1.6 GB of state, and one CPU second for a minute of traffic."""
REVIEW_S = 3600
"""From one choice to the next: settings move slowly."""
MAX_LAG_S = 1800
"""What lies further back is not lived through any more."""
SEED = 7


@dataclass(frozen=True, eq=False)
class ShadowResult:
    """What a shadow has found, as one value that any thread may read.

    places      of each Revision: the candidate chosen, its place among CANDIDATES.
    has_evidence      the choice rests at least as much on its own traffic as on that of public traces.
    fallback_active     the KPA_INDEX alone did better lately, and is in force whatever is chosen.
    rows        of those that are lived through: the row in the arrays that follow.
    sums        (l, e, N_METRICS) what candidates came to, discounted; NaN where one is not allowed.
    lately      (l, 2, N_METRICS) SELECTED and BASELINE of scaler.shadow.selection, over the last day, discounted.
    """

    places: Mapping[RevisionKey, int]
    has_evidence: frozenset[RevisionKey]
    fallback_active: frozenset[RevisionKey]
    rows: Mapping[RevisionKey, int]
    sums: NDArray[np.float64]
    lately: NDArray[np.float64]


NO_RESULT = ShadowResult(
    {}, frozenset(), frozenset(), {}, np.empty((0, N_CANDIDATES, N_METRICS)), np.empty((0, 2, N_METRICS))
)


class ShadowEvaluator:
    """One fleet's shadow.  Not thread-safe, but that `found` may be read at any time."""

    def __init__(self, start_s: int) -> None:
        """It lives from `start_s` on, Unix seconds."""
        self.start_s = self.now_s = start_s
        self.revisions: tuple[SimulatedRevision, ...] = ()
        self.sampled: NDArray[np.intp] = np.empty(0, np.intp)
        """(l,) the rows of `revisions` that are lived through."""
        self.sums = np.empty((0, N_CANDIDATES, N_METRICS))
        """(l, e, N_METRICS) what candidates came to, discounted; NaN where one is not allowed."""
        self._cast: Population = population(())
        self._hour = np.zeros((0, len(METRICS)))
        self._spent = np.zeros((0, 2, N_METRICS))
        self._reviewed_h = start_s // REVIEW_S
        self._guard = new_guard(0)
        self.guard_share = DEFAULT_SHARE
        """Of the requests, 0..1, that may be more delayed than under the KPA_INDEX alone."""
        self._places: Mapping[RevisionKey, int] = {}
        self.found = NO_RESULT
        self._plans: list[tuple[int, tuple[RevisionKey, ...], NDArray[np.int32]]] = []
        self._rng = np.random.default_rng(SEED)

    @property
    def lived(self) -> tuple[SimulatedRevision, ...]:
        """Those that are lived through, rows of `sums`."""
        return self._cast.lived

    def follow(self, revisions: Sequence[SimulatedRevision]) -> None:
        """Live through these Revisions from now on."""
        same, self.revisions = tuple(revisions) == self.revisions, tuple(revisions)
        if same:
            return
        old = self._cast
        self.sampled = sample(revisions, {one.key for one in old.lived})
        self._cast = population([revisions[i] for i in self.sampled])
        before = carry_state(old, self._cast)
        self._hour = rows.align_rows(self._hour, before, np.zeros((len(before), len(METRICS))))
        fresh = np.full((len(self.sampled), N_CANDIDATES, N_METRICS), np.nan)
        fresh[self._cast.of_item, self._cast.candidate] = 0.0
        at = _where_before(old.lived, self._cast.lived)
        # What a place stands for is another candidate where the levers are others: that begins anew.
        self.sums = rows.align_rows(self.sums, at, fresh)
        self._guard = self._guard.of(at)
        self._spent = rows.align_rows(self._spent, at, np.zeros((len(at), 2, N_METRICS)))
        begun = {one.key for one, row in zip(self._cast.lived, at, strict=True) if row < 0}
        self._places = {key: place for key, place in self._places.items() if key not in begun}
        self._choose()

    def say(self, at_s: int, keys: tuple[RevisionKey, ...], pods: NDArray[np.int32]) -> None:
        """At `at_s` every rule of RULES asked for so many pods (r, f) of the Revisions `keys` (r,)."""
        self._plans.append((at_s, keys, pods))
        # Where no traffic comes to be known, plans are not kept for ever.
        self._plans = [plan for plan in self._plans if plan[0] >= at_s - MAX_LAG_S]

    def take(
        self, counts: NDArray[np.float32], step_s: int, dispersion: NDArray[np.float64] | None = None
    ) -> None:
        """Live through the steps that follow: counts (r, n) requests in each, rows as `revisions`.

        dispersion   (r,) variance over mean of the counts within a step; None: 1 everywhere, as Poisson
        """
        spread = np.ones(len(self.sampled)) if dispersion is None else dispersion[self.sampled]
        seconds = by_second(self._rng, counts[self.sampled], step_s, spread)
        first_s, end_s = self.now_s, self.now_s + seconds.shape[1]
        while self.now_s < end_s:
            until_s = min(end_s, (self.now_s // REVIEW_S + 1) * REVIEW_S)
            self._live(seconds[:, self.now_s - first_s : until_s - first_s], until_s)
            if until_s % REVIEW_S == 0:
                self._review()

    def go_on_at(self, now_s: int) -> None:
        """What lies before `now_s` is not lived through any more; what was planned last for it stands."""
        ends_s = (self.now_s // REVIEW_S + 1) * REVIEW_S
        if now_s >= ends_s:
            self.now_s = ends_s
            self._review()
        self.now_s = now_s
        before = [plan for plan in self._plans if plan[0] < now_s]
        self._plans = before[-1:] + [plan for plan in self._plans if plan[0] >= now_s]

    def _live(self, seconds: NDArray[np.float32], until_s: int) -> None:
        from scaler.shadow.kernel import simulate_population  # noqa: PLC0415  # compiled: loaded where used

        crew, at_s, pods = self._cast, *self._said(until_s)
        items = crew.items
        simulate_population(
            crew.worlds, items.owned, items.spec, items.revision, items.windows, items.buckets, items.delay,
            items.batches, np.ascontiguousarray(seconds), crew.of_item, RULE_OF[crew.candidate],
            self.now_s - self.start_s, at_s - self.start_s, pods, self._hour,
        )  # fmt: skip
        self.now_s = until_s

    def _review(self) -> None:
        """An hour is over: what it came to is added, and the candidates in force are chosen."""
        hour = np.full(self.sums.shape, np.nan)
        hour[self._cast.of_item, self._cast.candidate] = candidate_outcome(self._hour)
        passed_h = max(1, self.now_s // REVIEW_S - self._reviewed_h)
        self._reviewed_h = self.now_s // REVIEW_S
        lived = self._cast.lived
        # What is not has_evidence is not what its candidate is: it tells nothing for or against it.
        places = np.array([self._places.get(one.key, KPA_INDEX) for one in lived], np.intp)
        places = np.where(self._proven(), places, KPA_INDEX)
        chosen, alone = hour[np.arange(len(lived)), places], hour[:, KPA_INDEX]
        in_force = np.where(self._guard.on[:, np.newaxis], alone, chosen)
        self._spent = self._spent * decay(passed_h * REVIEW_S, SPENT_S) + np.stack([in_force, alone], axis=1)
        self._guard = self._guard.after(
            chosen,
            alone,
            delay_cost=np.array([one.policy.delay_cost for one in lived], np.float64),
            share=self.guard_share,
            passed_h=passed_h,
        )
        self.sums = self.sums * decay(passed_h * REVIEW_S) + hour
        self._hour[:] = 0.0
        self._choose()

    def _proven(self) -> NDArray[np.bool_]:
        """(l,)"""
        return np.asarray(self.sums[:, KPA_INDEX, PODS] >= PRIOR_EVIDENCE_POD_S)

    def _choose(self) -> None:
        known = np.full((len(self.revisions), N_CANDIDATES, N_METRICS), np.nan)
        for i, one in enumerate(self.revisions):
            known[i, list(one.candidates)] = 0.0
        known[self.sampled] = self.sums
        spent = np.zeros((len(self.revisions), 2, N_METRICS))
        spent[self.sampled] = self._spent
        # One that may not use a candidate tells nothing of it: there it counts as the KPA_INDEX alone.
        pooled = np.where(np.isnan(self.sums), self.sums[:, [KPA_INDEX]], self.sums).sum(axis=0)
        current = np.array([self._places.get(one.key, KPA_INDEX) for one in self.revisions], np.intp)
        current = np.where(np.isnan(known[np.arange(len(current)), current, 0]), KPA_INDEX, current)
        chosen = select(known, pooled, _wishes(self.revisions), current, spent)
        keys = (one.key for one in self.revisions)
        self._places = dict(zip(keys, chosen.tolist(), strict=True))
        lived = [one.key for one in self._cast.lived]
        self.found = ShadowResult(
            places=self._places,
            has_evidence=_those(lived, self._proven()),
            fallback_active=_those(lived, self._guard.on),
            rows={key: i for i, key in enumerate(lived)},
            sums=self.sums,
            lately=self._guard.sums,
        )

    def _said(self, until_s: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Plans of [now, until): their seconds (p,), and pods (l, f, p).  They are forgotten then."""
        due = [plan for plan in self._plans if plan[0] < until_s]
        self._plans = [plan for plan in self._plans if plan[0] >= until_s]
        keys = [one.key for one in self._cast.lived]
        pods = np.zeros((len(keys), len(RULES), len(due)), np.int32)
        for j, (_, said, asked) in enumerate(due):
            at = rows.previous_rows(said, keys)
            pods[at >= 0, :, j] = asked[at[at >= 0]]
        return np.array([plan[0] for plan in due], np.int64), pods


def sample(revisions: Sequence[SimulatedRevision], before: set[RevisionKey]) -> NDArray[np.intp]:
    """Rows of those that are lived through: all, or as many as fit, who was lived through `before` first."""
    sizes = np.array([len(one.candidates) for one in revisions], np.int64)
    if sizes.sum() <= MAX_ITEMS:
        return np.arange(len(revisions))
    draw = np.random.default_rng(SEED).random(len(revisions))
    order = np.lexsort((draw, np.array([one.key not in before for one in revisions])))
    return np.sort(order[np.cumsum(sizes[order]) <= MAX_ITEMS])


def _where_before(old: Sequence[SimulatedRevision], new: Sequence[SimulatedRevision]) -> NDArray[np.intp]:
    """(l,) the row that each of `new` had in `old`; -1 where it is new, or has other candidates."""
    at = rows.previous_rows([one.key for one in old], [one.key for one in new])
    same = [row >= 0 and same_candidates(old[row], one) for row, one in zip(at.tolist(), new, strict=True)]
    return np.where(np.array(same, np.bool_), at, -1)


def _those(keys: Sequence[RevisionKey], which: NDArray[np.bool_]) -> frozenset[RevisionKey]:
    return frozenset(keys[i] for i in np.flatnonzero(which).tolist())


def _wishes(revisions: Sequence[SimulatedRevision]) -> Objectives:
    policies = [one.policy for one in revisions]
    delayed = [np.nan if policy.max_delayed is None else policy.max_delayed / 100 for policy in policies]
    return Objectives(
        delay_cost=np.array([policy.delay_cost for policy in policies], np.float64),
        wait_cost=np.array([policy.wait_cost for policy in policies], np.float64),
        max_starts_ratio=np.array([one.max_starts_ratio for one in revisions], np.float64),
        max_delayed=np.array(delayed, np.float64),
    )
