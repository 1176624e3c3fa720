"""Run the jobs of the loop on a schedule, with the live configuration.

All jobs that change the state of the loop run on one thread, in the order in which they are due.  A late job
runs once; its missed runs are not made up for.  The shadow evaluation runs on a second thread, fed through a
queue.  The ensemble is refitted on a third, in processes of its own or on a Dask cluster.  The watches, the
Lease and the HTTP server have their own threads, so that a slow Prometheus costs neither the leadership nor
the health check.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from config.configmap import parse
from config.problems import ConfigError
from config.settings import Settings
from forecaster.sources.preset_sources import PresetSources
from scaler.controller.loop import Loop
from scaler.controller.status import StatusStore
from scaler.controller.timing import POLL_SHARE
from scaler.knative.cluster import CONFIG_TIDECAST, KnativeCluster
from scaler.knative.events import Events, ObjectReference
from scaler.parallel.processes import remote_or_local

log = logging.getLogger("tidecast")

SWEEP_S = 60
"""Seconds from one sweep to the next."""
CONFIGURE_S = 5
"""Seconds from one check of the ConfigMap to the next."""
REFIT_POLL_S = 5
"""Seconds from one check for services to refit to the next."""
SHADOW_FIRST_S = 2.0
"""Seconds from the start to the first run of the shadow evaluation."""
PLAN_AFTER_OBSERVE_S = 1.0
"""Seconds from the first observation to the first plan."""


@dataclass(frozen=True)
class Job:
    """A job and its schedule, in seconds."""

    name: str
    run: Callable[[], None]
    every_s: float
    first_s: float
    executor: str = "default"
    """The thread that runs it; `shadow` has its own, because no other job may wait for it."""


class TidecastService:
    """The loop, its schedule and its configuration."""

    def __init__(
        self,
        settings: Settings,
        cluster: KnativeCluster,
        events: Events | None,
        *,
        namespace: str,
        watches_config: bool,
    ) -> None:
        """watches_config: the ConfigMap decides, and its edits take effect; else `settings` stay."""
        self.status_store = StatusStore()
        self._settings, self._cluster, self._events = settings, cluster, events
        self._namespace = namespace
        self._watches_config = watches_config
        self._config_version = 0
        self._source = PresetSources(settings.sources)
        self.loop = Loop(self._source, cluster, settings, self.status_store)
        self._scheduler: Any = None
        self._last_error = ""
        self._ended = threading.Event()
        # Not a job of the scheduler, which waits for its jobs at the end: work on a cluster is abandoned.
        self._refitter = threading.Thread(target=self._refit_ensemble, name="ensemble", daemon=True)

    def start(self) -> None:
        """Apply the current configuration, and start the jobs."""
        from apscheduler.events import EVENT_JOB_ERROR  # noqa: PLC0415
        from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415
        from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415

        self.configure()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1), "shadow": ThreadPoolExecutor(1)},
            # A late job runs once, however late it is: the default would drop it after a second.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._job_error, EVENT_JOB_ERROR)
        self._schedule()
        self._scheduler.start()
        self._refitter.start()

    def stop(self) -> None:
        """Wait for the running job, and revert the values that Tidecast has set."""
        self._ended.set()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
        self.loop.stop()
        self._source.close()

    def jobs(self) -> list[Job]:
        """Return the schedule of the current configuration."""
        timing = self._settings.timing
        return [
            Job("sweep", self.loop.sweep, SWEEP_S, 0.0),
            Job("observe", self.loop.observe, max(1.0, POLL_SHARE * timing.step_s), 0.1),
            Job("plan", self.plan, timing.planning_period_s, PLAN_AFTER_OBSERVE_S),
            Job("shadow", self.loop.run_shadow, timing.planning_period_s, SHADOW_FIRST_S, "shadow"),
            Job("refit", self.loop.refit, timing.refit_period_s, timing.refit_period_s),
            Job("configure", self.check_cluster, CONFIGURE_S, CONFIGURE_S),
        ]

    def plan(self) -> None:
        """Plan with the newest configuration: no write may follow an outdated one."""
        self.configure()
        self.loop.plan()

    def check_cluster(self) -> None:
        """Apply an edited ConfigMap, and log each problem of the cluster once, when it begins."""
        self.configure()
        problems = tuple(self._cluster.problems())
        for problem in sorted(set(problems) - set(self.status_store.status.cluster_problems)):
            log.warning("cluster: %s", problem)
        self.status_store.update(cluster_problems=problems)

    def configure(self) -> None:
        """Apply the ConfigMap where it changed; one with problems changes nothing, and its problems are
        shown.
        """
        if not self._watches_config:
            return
        version, data = self._cluster.config_map()
        if version == self._config_version:
            return
        self._config_version = version
        try:
            settings = parse(data or {})
        except ConfigError as error:
            self._report_bad_configuration(error)
            return
        self.status_store.update(configuration_problems=())
        if settings == self._settings:
            return
        previous, self._settings = self._settings, settings
        if settings.sources != previous.sources:
            self._source.close()
            self._source = PresetSources(settings.sources)
            self.loop.read_from(self._source)
        self.loop.configure(settings)
        if self._scheduler is not None and settings.timing != previous.timing:
            self._schedule()

    def _report_bad_configuration(self, error: ConfigError) -> None:
        self.status_store.update(configuration_problems=tuple(error.problems))
        for problem in error.problems:
            log.error("configuration not applied, the last valid one stays in effect: %s", problem)
        if self._events is not None:
            about = ObjectReference("v1", "ConfigMap", self._namespace, CONFIG_TIDECAST)
            self._events.warn(about, "InvalidConfiguration", "\n".join(error.problems))

    def _schedule(self) -> None:
        now = datetime.now(UTC)
        for job in self.jobs():
            self._scheduler.add_job(
                job.run,
                "interval",
                seconds=job.every_s,
                id=job.name,
                executor=job.executor,
                next_run_time=now + timedelta(seconds=job.first_s),
                replace_existing=True,
            )

    def _refit_ensemble(self) -> None:
        while not self._ended.wait(REFIT_POLL_S):
            try:
                address = self._settings.actuation.dask_address if self.loop.has_pending_refit else None
                with remote_or_local(
                    address, stopped=self._ended.is_set, missed=_log_local_refit
                ) as executor:
                    self.loop.refit_ensemble(executor)
            except Exception as error:  # whatever the error is, the next refit may succeed
                self._report_internal_error("ensemble", error, traceback.format_exc())

    def _job_error(self, event: Any) -> None:
        self._report_internal_error(event.job_id, event.exception, event.traceback)

    def _report_internal_error(self, job: str, exception: BaseException, trace: str) -> None:
        """Log and count an internal error of a job; the other jobs and its next run continue."""
        text = f"{type(exception).__name__}: {exception}"
        if text == self._last_error:
            log.error("%s failed again: %s", job, text)
        else:
            log.error("%s failed; please report this: %s\n%s", job, text, trace)
        self._last_error = text
        self.status_store.job_failed(job)


def _log_local_refit(reason: str) -> None:
    log.warning("the ensemble is refitted locally: %s", reason)


class Web:
    """The HTTP server on a thread of its own."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        import uvicorn  # noqa: PLC0415

        self._server = uvicorn.Server(
            uvicorn.Config(application, host=host, port=port, log_level="warning", access_log=False)
        )
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wait(self, limit_s: float = 10.0) -> bool:
        """Wait until the server answers; return False where it does not, for example on a port in use."""
        until_s = time.monotonic() + limit_s
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until_s:
            time.sleep(0.02)
        return self._server.started

    def stop(self) -> None:
        """Stop the server."""
        self._server.should_exit = True
        self._thread.join(5)
