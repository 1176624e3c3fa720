"""`tidecast run`: the loop on a schedule, with its live configuration, and the web beside it.

All work on the loop's state is done on one thread, in the order it falls due; a job that is late is done
once, not caught up with.  The shadow lives on another, fed through a queue, and slow models are asked on a
third, in processes of their own or on a Dask cluster.  The watches, the Lease and the web have threads of
their own, so that a slow Prometheus loses us neither the leadership nor the health check.
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
from scaler.controller.loop import LOOK_PART, Loop
from scaler.controller.status import StatusStore
from scaler.knative.cluster import CONFIG_TIDECAST, Cluster
from scaler.knative.events import About, Events
from scaler.parallel.processes import remote_or_local

log = logging.getLogger("tidecast")

SWEEP_S, CONFIGURE_S, LISTEN_S = 60, 5, 5
SHADOW_FIRST_S = 2.0
AFTER_OBSERVE_S = 1.0
"""A plan falls due this long after what it is made from."""


@dataclass(frozen=True)
class Job:
    """What is done, and how often."""

    name: str
    do: Callable[[], None]
    every_s: float
    first_s: float
    executor: str = "default"
    """Which thread does it; `shadow` has one of its own, for nothing may wait for it."""


class Service:
    """The loop and what it lives among."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        events: Events | None,
        *,
        namespace: str,
        watches_config: bool,
    ) -> None:
        """`watches_config`: the ConfigMap rules, and its edits are taken over; else `settings` stays."""
        self.status_store = StatusStore()
        self._settings, self._cluster, self._events = settings, cluster, events
        self._namespace = namespace
        self._watches_config = watches_config
        self._config_version = 0
        self._source = PresetSources(settings.sources)
        self.loop = Loop(self._source, cluster, settings, self.status_store)
        self._scheduler: Any = None
        self._told = ""
        self._ended = threading.Event()
        # Not a job of the scheduler, which waits for its jobs at the end: what a cluster works at is let go.
        self._listener = threading.Thread(target=self._listens, name="slow lane", daemon=True)

    def start(self) -> None:
        """Take over the configuration as it is, and begin to work."""
        from apscheduler.events import EVENT_JOB_ERROR  # noqa: PLC0415
        from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415
        from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415

        self.configure()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1), "shadow": ThreadPoolExecutor(1)},
            # A late job is done once, however late: the default would drop it after a second.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._broke, EVENT_JOB_ERROR)
        self._schedule()
        self._scheduler.start()
        self._listener.start()

    def stop(self) -> None:
        """End after the job at hand, and take back our own."""
        self._ended.set()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
        self.loop.end()
        self._source.close()

    def jobs(self) -> list[Job]:
        """The schedule, from the configuration."""
        timing = self._settings.timing
        return [
            Job("sweep", self.loop.sweep, SWEEP_S, 0.0),
            Job("observe", self.loop.observe, max(1.0, LOOK_PART * timing.step_s), 0.1),
            Job("plan", self.plan, timing.planning_period_s, AFTER_OBSERVE_S),
            Job("shadow", self.loop.run_shadow, timing.planning_period_s, SHADOW_FIRST_S, "shadow"),
            Job("refit", self.loop.refit, timing.refit_period_s, timing.refit_period_s),
            Job("configure", self.look_after, CONFIGURE_S, CONFIGURE_S),
        ]

    def plan(self) -> None:
        """Plan by the newest configuration: one that came since must not be acted against even once."""
        self.configure()
        self.loop.plan()

    def look_after(self) -> None:
        """Take over an edited ConfigMap, and tell what is wrong in the cluster: once, when it begins."""
        self.configure()
        problems = tuple(self._cluster.problems())
        for fault in sorted(set(problems) - set(self.status_store.status.cluster_problems)):
            log.warning("cluster: %s", fault)
        self.status_store.update(cluster_problems=problems)

    def configure(self) -> None:
        """Take over the ConfigMap where it changed; one with faults changes nothing and is shown."""
        if not self._watches_config:
            return
        version, data = self._cluster.config_map()
        if version == self._config_version:
            return
        self._config_version = version
        try:
            settings = parse(data or {})
        except ConfigError as error:
            self._bad_configuration(error)
            return
        self.status_store.update(configuration_problems=())
        if settings == self._settings:
            return
        before, self._settings = self._settings, settings
        if settings.sources != before.sources:
            self._source.close()
            self._source = PresetSources(settings.sources)
            self.loop.read_from(self._source)
        self.loop.configure(settings)
        if self._scheduler is not None and settings.timing != before.timing:
            self._schedule()

    def _bad_configuration(self, error: ConfigError) -> None:
        self.status_store.update(configuration_problems=tuple(error.problems))
        for fault in error.problems:
            log.error("configuration not taken over, the last good one stays: %s", fault)
        if self._events is not None:
            about = About("v1", "ConfigMap", self._namespace, CONFIG_TIDECAST)
            self._events.warn(about, "InvalidConfiguration", "\n".join(error.problems))

    def _schedule(self) -> None:
        now = datetime.now(UTC)
        for job in self.jobs():
            self._scheduler.add_job(
                job.do,
                "interval",
                seconds=job.every_s,
                id=job.name,
                executor=job.executor,
                next_run_time=now + timedelta(seconds=job.first_s),
                replace_existing=True,
            )

    def _listens(self) -> None:
        while not self._ended.wait(LISTEN_S):
            try:
                address = self._settings.acting.dask_address if self.loop.has_due else None
                with remote_or_local(address, stopped=self._ended.is_set, missed=_fitted_here) as executor:
                    self.loop.listen(executor)
            except Exception as e:  # whatever it is, the next hour may do better
                self._tell("slow lane", e, traceback.format_exc())

    def _broke(self, event: Any) -> None:
        self._tell(event.job_id, event.exception, event.traceback)

    def _tell(self, job: str, exception: BaseException, where: str) -> None:
        """A fault of ours in a job: the loop lives on, and it is seen."""
        told = f"{type(exception).__name__}: {exception}"
        if told == self._told:
            log.error("%s failed again: %s", job, told)
        else:
            log.error("%s failed; please report this: %s\n%s", job, told, where)
        self._told = told
        self.status_store.job_failed(job)


def _fitted_here(why: str) -> None:
    log.warning("slow models are fitted here instead: %s", why)


class Web:
    """The web application in a thread of its own."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        import uvicorn  # noqa: PLC0415

        self._server = uvicorn.Server(
            uvicorn.Config(application, host=host, port=port, log_level="warning", access_log=False)
        )
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def wait(self, limit_s: float = 10.0) -> bool:
        """Wait until it answers; False where it does not, such as when the port is taken."""
        until_s = time.monotonic() + limit_s
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until_s:
            time.sleep(0.02)
        return self._server.started

    def stop(self) -> None:
        """End."""
        self._server.should_exit = True
        self._thread.join(5)
