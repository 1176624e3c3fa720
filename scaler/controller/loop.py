"""Run the control loop: the only place that knows the order of things.

    start             read weeks of history, then the last day; warm up the forecast
    observe           read the demand since the last cycle
    plan              plan floors, and write the changes
    refit             forget services that no longer exist; choose what the ensemble refits
    refit_ensemble    refit it
    run_shadow        run the shadow evaluation
    sweep             revert the values of processes whose Lease has expired
    stop              revert the values that this process has set

Missing data is no reason to change anything.  When demand cannot be read, or a read returns no sample, the
plan stays in effect for `hold` plus the longest lead time.  Then everything that Tidecast has set is
reverted, and the KPA decides alone until demand can be read again.  The same holds before the history is
read: the floors of an earlier process stay in effect no longer.  The status and the log show each such step.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from config.settings import Settings
from forecaster.forecasting.ensemble import Pending, refit_pending
from forecaster.forecasting.refit_schedule import LOCAL_CPU_S, REMOTE_CPU_S
from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData, ReadError
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.backfill import read_in_chunks, spans
from scaler.controller.changes import Change, Result, Writable, WriteResult, applied, diff, reverts, writable
from scaler.controller.planner import Planner
from scaler.controller.ports import ClusterPort, DemandSource
from scaler.controller.progress import ProgressOf, no_progress
from scaler.controller.status import StatusStore
from scaler.controller.timing import loop_intervals
from scaler.kpa.settings import UNSET
from scaler.parallel.interface import Executor
from scaler.plan.fleet import FleetSpec, fleet_spec
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import lead_time_s

log = logging.getLogger("tidecast.loop")


class Loop:
    """The loop of one fleet.  Not thread-safe: its jobs run one after the other, on one thread."""

    def __init__(
        self,
        source: DemandSource,
        cluster: ClusterPort,
        settings: Settings,
        status_store: StatusStore,
        *,
        clock: Callable[[], float] = time.time,
        dry_run: bool = False,
    ) -> None:
        """Begin without history.  dry_run: plans are made and published, and nothing is written."""
        self._source = source
        self._cluster = cluster
        self._settings = settings
        self._status_store = status_store
        self._clock = clock
        self._dry_run = dry_run
        self._intervals = loop_intervals(settings)
        status_store.update(period_s=self._intervals.plan.period_s)
        self._planner: Planner | None = None
        self._version: int | None = None
        self._revisions: tuple[RevisionSpec, ...] = ()
        self._keys: list[RevisionKey] = []
        self._services: dict[RevisionKey, ServiceKey] = {}
        self._presets: dict[RevisionKey, str] = {}
        self._applied = applied(())
        self._spec: FleetSpec | None = None
        self._pending: tuple[Planner, Pending] | None = None
        # When a sample newer than the newest one was due; None before the first sample.
        self._next_sample_s: float | None = None

    @property
    def planner(self) -> Planner | None:
        """The planner; None until the history is read."""
        return self._planner

    @property
    def spec(self) -> FleetSpec | None:
        """The Revisions of the last plan; None before the first."""
        return self._spec

    @property
    def has_pending_refit(self) -> bool:
        """The ensemble has services to refit."""
        return self._pending is not None

    def start(self, progress: ProgressOf = no_progress) -> None:
        """Read the history and warm up the forecast; may be repeated after an error.

        Raises:
            ReadError: demand cannot be read; nothing has changed.
        """
        intervals = self._intervals
        self._read_cluster()
        delay_s = self._source.delay_s(intervals.step_s, int(self._clock()))
        end_s = _floor(self._clock() - delay_s, intervals.step_s)
        recent_from_s = _floor(end_s - intervals.recent_s, intervals.coarse_s)
        weeks_from_s = _floor(end_s - intervals.history_s, intervals.coarse_s)
        planner = Planner(intervals, weeks_from_s, self._settings.announcements.calendar)
        planner.shadow.guard_share = self._settings.actuation.guard / 100
        if self._spec is not None:
            planner.set_fleet(self._spec, self._revisions)
        history_progress = progress("history")
        # Prometheus may not reach back so far: what it does not have is not observed.
        with contextlib.suppress(NoData):
            for demand in self._chunks(weeks_from_s, recent_from_s, intervals.coarse_s):
                planner.load_history(demand)
                history_progress((demand.end_s - weeks_from_s) / (recent_from_s - weeks_from_s))
        learning = progress("learning")
        chunks = self._chunks(recent_from_s, end_s, intervals.step_s)
        newest = _for_each(chunks, lambda demand: planner.warm_up(demand, learning, until_s=end_s))
        self._planner = planner
        self._status_store.update(history_read=True)
        self._demand_was_read(newest)

    def observe(self) -> None:
        """Read the demand since the last cycle; until the history is read, try to read it."""
        try:
            if self._planner is None:
                self.start()
            # Reading weeks of history takes time: the steps since then follow at once.
            if self._planner is not None:
                self._observe(self._planner)
        except ReadError as error:
            self._cannot_read(error)

    def _observe(self, planner: Planner) -> None:
        began = time.process_time()
        self._read_cluster()
        end_s = _floor(self._clock() - planner.delay_s, self._intervals.step_s)
        # After a long absence only the recent span matters on the fine grid.
        oldest_s = _floor(end_s - self._intervals.recent_s, self._intervals.coarse_s)
        start_s = max(planner.observed_until_s, oldest_s)
        if end_s <= start_s:
            return
        chunks = self._chunks(start_s, end_s, self._intervals.step_s)
        self._demand_was_read(_for_each(chunks, planner.observe))
        self._status_store.update(cycle_cpu_s=time.process_time() - began)

    def plan(self) -> None:
        """Plan, and write the changes."""
        began = time.process_time()
        self._read_cluster()
        if self._spec is None:
            return
        now_s = self._clock()
        stale = self._is_stale(now_s)
        may = writable(self._spec, stale=stale)
        is_leader = not self._dry_run and self._cluster.is_leader()
        if self._planner is None:
            self._revert_only(may, is_leader=is_leader)
            return
        plan = self._planner.plan(
            self._spec, int(now_s), max_total_pods=self._settings.actuation.max_total_pods
        )
        if stale:
            plan = plan.as_stale()
        self._status_store.update(
            plan=plan, shadow=self._planner.shadow.result, is_leader=is_leader, planned_at_s=now_s
        )
        if is_leader:
            owner_min = self._spec.owner_min
            self._write(diff(plan, self._revisions, may=may, owner_min=owner_min, current=self._applied))
            self._status_store.update(ineffective_writes=tuple(self._cluster.ineffective_writes()))
        cpu_s = time.process_time() - began
        self._status_store.update(cycle_cpu_s=self._status_store.status.cycle_cpu_s + cpu_s)

    def _revert_only(self, may: Writable, *, is_leader: bool) -> None:
        """Without a history nothing is planned; values that may not be set are reverted."""
        self._status_store.update(is_leader=is_leader)
        if is_leader:
            self._write(reverts(self._revisions, may=may, current=self._applied))

    def refit(self) -> None:
        """Forget services that no longer exist, and choose the services that the ensemble refits."""
        if self._planner is not None:
            local = self._settings.actuation.dask_address is None
            pending = self._planner.prepare_refit(LOCAL_CPU_S if local else REMOTE_CPU_S)
            self._pending = (self._planner, pending) if pending.chunks else None

    def refit_ensemble(self, executor: Executor) -> None:
        """Refit the ensemble for the pending services; runs on its own thread, nothing waits for it."""
        waiting, self._pending = self._pending, None
        if waiting is not None:
            planner, pending = waiting
            planner.signals.ensemble = ensemble = refit_pending(pending, executor)
            in_use = sum(record.skill.adds_skill for record in ensemble.records.values())
            self._status_store.update(ensemble_evaluated=len(ensemble.records), ensemble_in_use=in_use)

    def run_shadow(self) -> None:
        """Run the shadow evaluation on the observed traffic; runs on its own thread, nothing waits for it."""
        if (planner := self._planner) is not None:
            planner.shadow.run()

    def sweep(self) -> None:
        """Revert the values of processes that no longer renew their Lease."""
        self._report(self._cluster.sweep())

    def stop(self) -> None:
        """Revert the values that Tidecast has set."""
        self._read_cluster()
        if self._cluster.is_leader():
            marked = (r for r in self._revisions if r.floor is not None or r.settings != UNSET)
            self._write([Change(r.key, r.uid, None) for r in marked])

    def configure(self, settings: Settings) -> None:
        """Continue with another configuration; other intervals begin again with the history."""
        if loop_intervals(settings) != self._intervals:
            self._intervals = loop_intervals(settings)
            self._planner = None
            self._status_store.update(history_read=False, period_s=self._intervals.plan.period_s)
        self._settings = settings
        if self._planner is not None:
            self._planner.shadow.guard_share = settings.actuation.guard / 100
            self._planner.signals.calendar = settings.announcements.calendar
        self._cluster.configure(settings)
        log.info("configuration applied")

    def read_from(self, source: DemandSource) -> None:
        """Continue with another source of demand, which begins again with the history."""
        self._source = source
        self._planner = None
        self._status_store.update(history_read=False)

    def _chunks(self, from_s: int, until_s: int, step_s: int) -> Iterator[Demand]:
        """Read the demand on [from_s, until_s) in chunks."""

        def read(start_s: int, end_s: int) -> Demand:
            return self._source.read(start_s, end_s, step_s, services=self._services, presets=self._presets)

        return read_in_chunks(read, spans(from_s, until_s, step_s, len(self._keys)))

    def _read_cluster(self) -> None:
        """Read the Revisions; their arrays are computed again only when the cluster or a start-up changed."""
        version, revisions = self._cluster.specs()
        changed = version != self._version or self._spec is None
        if changed:
            self._version, self._revisions = version, revisions
            self._keys = [r.key for r in revisions]
            self._services = {r.key: r.service for r in revisions}
            self._presets = {r.key: r.policy.preset for r in revisions if r.policy.preset is not None}
            self._applied = applied(revisions)
            settings = tuple((r.key, r.settings) for r in revisions if r.settings != UNSET)
            self._status_store.update(settings=settings)
        startups_s = self._cluster.startups_s(self._keys)
        if not changed and self._spec is not None and np.array_equal(startups_s, self._spec.startups_s):
            return
        self._spec = fleet_spec(revisions, startups_s)
        if self._planner is not None:
            self._planner.set_fleet(self._spec, self._revisions)

    def _is_stale(self, now_s: float) -> bool:
        """Return whether the newest sample is too old for a plan."""
        assert self._spec is not None
        if self._next_sample_s is None:
            self._next_sample_s = now_s
        timing = self._intervals.plan
        longest_s = lead_time_s(float(self._spec.startups_s.max(initial=0.0)), timing.period_s)
        return now_s - self._next_sample_s > timing.hold_s + longest_s

    def _write(self, changes: list[Change]) -> None:
        if changes:
            self._report(self._cluster.write(changes))

    def _report(self, results: Sequence[WriteResult]) -> None:
        self._status_store.count(results)
        for written in results:
            expected = written.result in (Result.APPLIED, Result.UNCHANGED, Result.GONE)
            write_log = log.info if expected else log.warning
            change, result = written.change, written.result.value
            write_log("%s: %s: %s %s", change.key, change, result, written.message)

    def _demand_was_read(self, demand: Demand) -> None:
        status = self._status_store.status
        if status.read_error is not None:
            log.info("demand can be read again")
        for warning in set(demand.warnings) - set(status.warnings):
            log.warning("demand: %s", warning)
        self._status_store.update(read_error=None, warnings=demand.warnings, read_at_s=self._clock())
        # A read without any sample makes nothing newer.
        observed = np.flatnonzero(~np.isnan(demand.arrivals).all(axis=0))
        if observed.size:
            until_s = demand.start_s + (int(observed[-1]) + 1) * demand.step_s
            self._next_sample_s = until_s + demand.delay_s + demand.step_s
            self._status_store.update(observed_until_s=until_s)

    def _cannot_read(self, error: Exception) -> None:
        if self._status_store.status.read_error != str(error):
            log.warning("demand cannot be read, the last plan stays in effect: %s", error)
        self._status_store.update(read_error=str(error))


def _for_each(chunks: Iterator[Demand], use: Callable[[Demand], None]) -> Demand:
    """Use every chunk; return the last one, with the warnings of all."""
    warnings: dict[str, None] = {}
    for demand in chunks:
        warnings.update(dict.fromkeys(demand.warnings))
        use(demand)
    return replace(demand, warnings=tuple(warnings))


def _floor(time_s: float, step_s: int) -> int:
    return int(time_s // step_s) * step_s
