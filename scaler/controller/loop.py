"""The loop: the only place that knows the order of things.

    begin     weeks of history, then the last day, then the models
    observe   what came since
    plan      floors, and the orders that change what stands
    refit     who is gone is forgotten, and slow models have something to do
    sweep     what stands marked under a Lease that has lapsed is taken back
    end       our own is taken back

Not knowing is no reason to move: when demand cannot be read, or is read and nothing was observed, the plan
stands for `hold` plus the longest lead; then everything of ours is taken back and the KPA is alone, until
demand is read again.  That holds before the history was read too: floors of a former life stand no longer.
Each such step is shown and logged.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from config.settings import Settings
from forecaster.forecasting.ensemble import ELSEWHERE_CPU_S, HERE_CPU_S, Pending, heard
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData, ReadError
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.backfill import read_in_chunks, spans
from scaler.controller.changes import Allowed, Change, Result, WriteResult, allowed, applied, diff, reverts
from scaler.controller.planner import Planner, Progress
from scaler.controller.ports import Cluster, DemandSource
from scaler.controller.status import StatusStore
from scaler.controller.timing import LoopIntervals
from scaler.kpa.settings import UNSET
from scaler.parallel.processes import Executor
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming

log = logging.getLogger("tidecast.loop")

LOOK_PART = 0.25
"""Of a step: how often to look whether the next one is whole.  Old figures cost more than a look."""

Progresses = Callable[[str], Progress]
"""What is being done -> who is told the share done."""


def silent(_: str) -> Progress:
    """Nobody is told."""
    return lambda _: None


def loop_intervals(settings: Settings) -> LoopIntervals:
    """How long things are, from the configuration."""
    timing = settings.timing
    return LoopIntervals(
        step_s=timing.step_s,
        coarse_s=timing.history_step_s,
        recent_s=timing.recent_s,
        history_s=timing.history_s,
        refit_s=timing.refit_period_s,
        # A step is read when it is whole, and found to be so at the next look.
        staleness_s=(1 + LOOK_PART) * timing.step_s,
        plan=PlanTiming(period_s=timing.planning_period_s, hold_s=timing.hold_s),
    )


class Loop:
    """One fleet's loop.  Not thread-safe: its jobs run one after the other, on one thread."""

    def __init__(
        self,
        source: DemandSource,
        cluster: Cluster,
        settings: Settings,
        status_store: StatusStore,
        *,
        clock: Callable[[], float] = time.time,
        looks_only: bool = False,
    ) -> None:
        """`looks_only`: plans are made and shown, and nothing is ever written."""
        self._source = source
        self._cluster = cluster
        self._settings = settings
        self._board = status_store
        self._clock = clock
        self._looks_only = looks_only
        self._pace = loop_intervals(settings)
        status_store.update(period_s=self._pace.plan.period_s)
        self._cycle: Planner | None = None
        self._version: int | None = None
        self._revisions: tuple[RevisionSpec, ...] = ()
        self._keys: list[RevisionKey] = []
        self._services: dict[RevisionKey, ServiceKey] = {}
        self._presets: dict[RevisionKey, str] = {}
        self._applied = applied(())
        self._spec: FleetSpec | None = None
        self._due: tuple[Planner, Pending] | None = None
        # When the newest figure should have been followed by another; None before the first.
        self._fresh_s: float | None = None

    def begin(self, progress: Progresses = silent) -> None:
        """Read the history and warm up.  Raises ReadError: nothing has changed then; it may be repeated."""
        pace = self._pace
        self._look()
        delay_s = self._source.delay_s(pace.step_s, int(self._clock()))
        end_s = _floor(self._clock() - delay_s, pace.step_s)
        recent_from_s = _floor(end_s - pace.recent_s, pace.coarse_s)
        weeks_from_s = _floor(end_s - pace.history_s, pace.coarse_s)
        cycle = Planner(pace, weeks_from_s, self._settings.ahead.calendar)
        cycle.shadow_worker.guard_share = self._settings.acting.guard / 100
        if self._spec is not None:
            cycle.lead(self._spec, self._revisions)
        self._remember(cycle, weeks_from_s, recent_from_s, progress("history"))
        learning = progress("learning")

        def learn(demand: Demand) -> None:
            cycle.warm_up(demand, learning, until_s=end_s)

        last = self._each(recent_from_s, end_s, pace.step_s, learn)
        self._cycle = cycle
        self._board.update(started=True)
        self._was_read(last)

    def _remember(self, cycle: Planner, from_s: int, until_s: int, progress: Progress) -> None:
        """History on the long grid."""

        def remember(demand: Demand) -> None:
            cycle.load_history(demand)
            progress((demand.end_s - from_s) / (until_s - from_s))

        # Prometheus may not reach back so far; what is not there is not known.
        with contextlib.suppress(NoData):
            self._each(from_s, until_s, self._pace.coarse_s, remember)

    def _each(self, from_s: int, until_s: int, step_s: int, take: Callable[[Demand], None]) -> Demand:
        """Demand on [from_s, until_s), taken piece by piece; comes to the last piece."""
        pieces = spans(from_s, until_s, step_s, len(self._keys))
        return read_in_chunks(lambda start_s, end_s: self._read(start_s, end_s, step_s), pieces, take)

    def _read(self, start_s: int, end_s: int, step_s: int) -> Demand:
        return self._source.read(start_s, end_s, step_s, services=self._services, presets=self._presets)

    def observe(self) -> None:
        """Take what came since the last time; until the history was read, try that instead."""
        try:
            if self._cycle is None:
                self.begin()
            # Weeks take their time to be read: what came meanwhile is caught up with at once.
            if self._cycle is not None:
                self._observe(self._cycle)
        except ReadError as error:
            self._cannot_read(error)

    def _observe(self, cycle: Planner) -> None:
        began = time.process_time()
        self._look()
        end_s = _floor(self._clock() - cycle.delay_s, self._pace.step_s)
        # After a long absence only the last day matters on the short grid.
        start_s = max(cycle.known_until_s, _floor(end_s - self._pace.recent_s, self._pace.coarse_s))
        if end_s <= start_s:
            return
        self._was_read(self._each(start_s, end_s, self._pace.step_s, cycle.observe))
        self._board.update(cycle_s=time.process_time() - began)

    def plan(self) -> None:
        """Plan, and align_rows out what changes."""
        began = time.process_time()
        self._look()
        if self._spec is None:
            return
        now = self._clock()
        stale = self._stale(now)
        may = allowed(self._spec, stale=stale)
        leads = not self._looks_only and self._cluster.leads()
        if self._cycle is None:
            self._wait(may, leads=leads)
            return
        plan = self._cycle.plan(self._spec, int(now), max_total_pods=self._settings.acting.max_total_pods)
        if stale:
            plan = plan.as_stale()
        self._board.update(plan=plan, found=self._cycle.shadow_worker.found, leads=leads, planned_s=now)
        if leads:
            owner_min = self._spec.owner_min
            self._act(diff(plan, self._revisions, may=may, owner_min=owner_min, now=self._applied))
            self._board.update(ineffective_writes=tuple(self._cluster.verify()))
        self._board.update(cycle_s=self._board.status.cycle_s + time.process_time() - began)

    def _wait(self, may: Allowed, *, leads: bool) -> None:
        """Without a history nothing is asked for; what stands is taken back where it may not."""
        self._board.update(leads=leads)
        if leads:
            self._act(reverts(self._revisions, may=may, now=self._applied))

    def refit(self) -> None:
        """Forget who is gone, and see whom slow models should be asked about."""
        if self._cycle is not None:
            here = self._settings.acting.dask_address is None
            due = self._cycle.refit(HERE_CPU_S if here else ELSEWHERE_CPU_S)
            self._due = (self._cycle, due) if due.chunks else None

    @property
    def has_due(self) -> bool:
        """Slow models should be asked about somebody."""
        return self._due is not None

    def listen(self, spread: Executor) -> None:
        """Ask slow models about who is due; on a thread of its own, since nothing waits for it."""
        waiting, self._due = self._due, None
        if waiting is not None:
            cycle, due = waiting
            cycle.signals.ensemble = lane = heard(due, spread)
            said = sum(memory.worth.adds_skill for memory in lane.memory.values())
            self._board.update(heard=len(lane.memory), spoken=said)

    def run_shadow(self) -> None:
        """Live through in shadow what came; on a thread of its own, since nothing waits for it."""
        if (cycle := self._cycle) is not None:
            cycle.shadow_worker.live()

    def sweep(self) -> None:
        """Take back what stands marked although nobody answers for it."""
        self._tell(self._cluster.sweep())

    def end(self) -> None:
        """A clean stop: take back our own."""
        self._look()
        if self._cluster.leads():
            ours = (r for r in self._revisions if r.floor is not None or r.setting != UNSET)
            self._act([Change(r.key, r.uid, None) for r in ours])

    def configure(self, settings: Settings) -> None:
        """Go on with another configuration; another source or another pace begins anew."""
        if loop_intervals(settings) != self._pace:
            self._pace = loop_intervals(settings)
            self._cycle = None
            self._board.update(started=False, period_s=self._pace.plan.period_s)
        self._settings = settings
        if self._cycle is not None:
            self._cycle.shadow_worker.guard_share = settings.acting.guard / 100
            self._cycle.signals.calendar = settings.ahead.calendar
        self._cluster.configure(settings)
        log.info("configuration taken over")

    def read_from(self, source: DemandSource) -> None:
        """Go on with another source of demand."""
        self._source = source
        self._cycle = None
        self._board.update(started=False)

    @property
    def cycle(self) -> Planner | None:
        """What is known; None until the history was read."""
        return self._cycle

    @property
    def spec(self) -> FleetSpec | None:
        """The Revisions of the last plan; None before."""
        return self._spec

    def _look(self) -> None:
        """See whether the cluster changed; only then are its arrays made anew."""
        version, revisions = self._cluster.specs()
        changed = version != self._version or self._spec is None
        if changed:
            self._version, self._revisions = version, revisions
            self._keys = [r.key for r in revisions]
            self._services = {r.key: r.service for r in revisions}
            self._presets = {r.key: r.policy.preset for r in revisions if r.policy.preset is not None}
            self._applied = applied(revisions)
            said = tuple((r.key, r.setting) for r in revisions if r.setting != UNSET)
            self._board.update(settings=said)
        startups_s = self._cluster.startups_s(self._keys)
        if not changed and self._spec is not None and np.array_equal(startups_s, self._spec.startups_s):
            return
        self._spec = fleet_spec(revisions, startups_s)
        if self._cycle is not None:
            self._cycle.lead(self._spec, self._revisions)

    def _stale(self, now: float) -> bool:
        """Is what is known older than a plan may stand on?"""
        assert self._spec is not None
        if self._fresh_s is None:
            self._fresh_s = now
        lead_s = float(self._spec.startups_s.max(initial=0.0)) + self._pace.plan.period_s
        return now - self._fresh_s > self._pace.plan.hold_s + lead_s

    def _act(self, wanted: list[Change]) -> None:
        if wanted:
            self._tell(self._cluster.act(wanted))

    def _tell(self, outcomes: Sequence[WriteResult]) -> None:
        self._board.count(outcomes)
        for outcome in outcomes:
            fine = outcome.result in (Result.APPLIED, Result.UNCHANGED, Result.GONE)
            say = log.info if fine else log.warning
            what, result = outcome.order, outcome.result.value
            say("%s: %s: %s %s", what.key, what, result, outcome.message)

    def _was_read(self, demand: Demand) -> None:
        shown = self._board.status
        if shown.read_error is not None:
            log.info("demand is read again")
        for warning in set(demand.warnings) - set(shown.warnings):
            log.warning("demand: %s", warning)
        self._board.update(read_error=None, warnings=demand.warnings, observed_s=self._clock())
        # An answer without any figure is none: what is known does not get newer by it.
        seen = np.flatnonzero(~np.isnan(demand.arrivals).all(axis=0))
        if seen.size:
            until_s = demand.start_s + (int(seen[-1]) + 1) * demand.step_s
            self._fresh_s = until_s + demand.delay_s + demand.step_s
            self._board.update(known_until_s=until_s)

    def _cannot_read(self, error: Exception) -> None:
        if self._board.status.read_error != str(error):
            log.warning("demand cannot be read, plans stand as they are: %s", error)
        self._board.update(read_error=str(error))


def _floor(time_s: float, step_s: int) -> int:
    return int(time_s // step_s) * step_s
