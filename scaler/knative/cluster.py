"""Give the control loop one cluster: Revisions and start-up times to read, changes to write.

Threads watch the objects.  The loop reads the cache at any time, and waits for the network only in `write`.
"""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.changes import Change, WriteResult
from scaler.knative import marks
from scaler.knative.cache import ResolvePolicy, RevisionCache
from scaler.knative.connection import Connection
from scaler.knative.lease import LeaderElection
from scaler.knative.objects import (
    CONFIGURATION_LABEL,
    ENDPOINTS,
    REVISION_LABEL,
    SERVICE_LABEL,
    ConfigMap,
    Pod,
    Resource,
    annotations,
    labels,
)
from scaler.knative.startup import StartupEstimator
from scaler.knative.stats import StatStream
from scaler.knative.watch import EventHandler, Watch
from scaler.knative.writer import ChangeWriter
from scaler.kpa.config import AutoscalerConfig, read_config
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS

SERVING_NAMESPACE = "knative-serving"
CONFIG_AUTOSCALER = "config-autoscaler"
CONFIG_TIDECAST = "config-tidecast"
VERSION_LABEL = "app.kubernetes.io/version"
CONFIG_WAIT_S = 5.0
"""Seconds to wait for the ConfigMaps before the defaults are used; chosen by hand."""


class KnativeCluster:
    """A Kubernetes cluster with Knative Serving; it implements `scaler.controller.ports.ClusterPort`."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        resolve_policy: ResolvePolicy,
        *,
        namespace: str | None = None,
        election: LeaderElection | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet.

        namespace   of the ConfigMap config-tidecast; None: it is not watched
        election    decides whether this process may write; its creator starts and stops it
        """
        self._connection, self._settings, self._election = connection, settings, election
        self._lock = threading.RLock()
        self._cache = RevisionCache(resolve_policy)
        self._defaults, self._defaults_problems = AutoscalerConfig(), tuple[str, ...]()
        self._startups = StartupEstimator(settings.actuation.startup_prior_s)
        self._startup: tuple[list[RevisionKey], tuple[int, float], NDArray[np.float64]] | None = None
        self._retained = 0
        self._configuration: tuple[int, dict[str, str] | None] = (0, None)
        self._stream = StatStream(settings.actuation.autoscaler_url)
        self._writer = ChangeWriter(
            connection,
            self._cache,
            self._lock,
            self._stream,
            target_changed=self._configure,
            clock=clock,
        )
        self._watches = {resource: self._watch(resource) for resource in Resource}
        self._config_watches = {
            CONFIG_AUTOSCALER: self._config_watch(
                SERVING_NAMESPACE, CONFIG_AUTOSCALER, self._autoscaler_config
            )
        }
        if namespace is not None:
            self._config_watches[CONFIG_TIDECAST] = self._config_watch(
                namespace, CONFIG_TIDECAST, self._own_config
            )
        self._configure()

    def start(self) -> None:
        """Start all threads."""
        for watch in (*self._watches.values(), *self._config_watches.values()):
            watch.start()
        self._writer.start()

    def stop(self) -> None:
        """Stop all threads."""
        watches = (*self._watches.values(), *self._config_watches.values())
        for watch in watches:
            watch.stop()
        self._writer.stop()
        for watch in watches:
            watch.join()

    def wait_synced(self, limit_s: float) -> bool:
        """Wait until all objects were listed; return False where that takes longer."""
        until_s = time.monotonic() + limit_s
        for watch in self._watches.values():
            if not watch.wait(max(0.0, until_s - time.monotonic())):
                return False
        config_until_s = min(until_s, time.monotonic() + CONFIG_WAIT_S)
        for watch in self._config_watches.values():
            watch.wait(max(0.0, config_until_s - time.monotonic()))
        return True

    @property
    def synced(self) -> bool:
        """Whether all objects from which specs are made were listed once."""
        return all(watch.synced for watch in self._watches.values())

    def configure(self, settings: Settings) -> None:
        """Use these settings from now on."""
        with self._lock:
            self._settings = settings
            self._stream.url = settings.actuation.autoscaler_url
            self._startups.prior_s = settings.actuation.startup_prior_s
            if self._election is not None:
                self._election.duration_s = settings.actuation.lease_duration_s
            self._configure()

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """Return (version, specs sorted by key); the version changes only when a spec changes."""
        with self._lock:
            version, specs = self._cache.specs()
            if version != self._retained:
                self._retained = version
                keys = {spec.key for spec in specs}
                self._startups.retain_revisions(keys)
                self._writer.retain(keys)
            return version, specs

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """Return (r, STARTUPS) seconds until a pod requested now serves: rising, equally likely."""
        with self._lock:
            version = (self._startups.version, self._startups.prior_s)
            if self._startup is None or self._startup[1] != version or self._startup[0] != keys:
                estimates_s = [self._startups.estimates_s(key, self._service(key)) for key in keys]
                self._startup = (list(keys), version, np.array(estimates_s, np.float64).reshape(-1, STARTUPS))
            return self._startup[2]

    def write(self, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes; return one result for each, in their order.  Failures are
        returned, not raised.
        """
        with self._lock:
            self._cache.specs()
        return self._writer.write(changes)

    def ineffective_writes(self) -> Sequence[str]:
        """Return the writes that have no effect, one line for each."""
        return [f"{key}: {problem}" for key, problem in sorted(self._writer.problems().items())]

    def is_leader(self) -> bool:
        """Return whether this process may write; without an election it always may."""
        return self._election is None or self._election.is_leader

    def sweep(self) -> Sequence[WriteResult]:
        """Revert the marked values that no process keeps up; return one result for each Revision.

        The leader keeps the values on the Revisions that it plans for.  It reverts those on all others, and
        removes stale marks.  Where no process leads, everything is reverted.
        """
        with self._lock:
            self._cache.specs()
            marked = sorted(self._cache.marked_keys())
            leads = self.is_leader()
            if not leads and (self._election is None or not self._election.expired):
                return []
            changes = [
                change for key in marked if (change := self._cleanup(key, is_leader=leads)) is not None
            ]
        return self._writer.write(changes)

    def _cleanup(self, key: RevisionKey, *, is_leader: bool) -> Change | None:
        """Return the change that cleans up a marked Revision; None where there is nothing to revert."""
        name = (key.namespace, key.name)
        revision, spec = self._cache.get(Resource.REVISION, name), self._cache.spec(key)
        if revision is None:
            return None
        if spec is None or not is_leader:
            return Change(key, revision.metadata.uid, None)
        written = annotations(self._cache.get(self._writer.target.resource, name))
        return Change(key, spec.uid, spec.floor, spec.settings) if marks.has_stale_mark(written) else None

    def config_map(self) -> tuple[int, dict[str, str] | None]:
        """Return (version, data) of the ConfigMap config-tidecast; the data are None where there is none."""
        with self._lock:
            return self._configuration

    def problems(self) -> list[str]:
        """Return all current problems, one line for each."""
        with self._lock:
            self._cache.specs()
            lines = [f"{r}: {watch.problem}" for r, watch in self._watches.items() if watch.problem]
            lines += [
                f"{name}: {watch.problem}" for name, watch in self._config_watches.items() if watch.problem
            ]
            lines += self._defaults_problems
            for key, problems in sorted(self._cache.problems().items()):
                lines += [f"{key}: {problem}" for problem in problems]
        return [*lines, *self.ineffective_writes()]

    @property
    def writer(self) -> ChangeWriter:
        """The writer of the changes, which knows the pending writes."""
        return self._writer

    def _service(self, key: RevisionKey) -> ServiceKey:
        spec = self._cache.spec(key)
        return spec.service if spec else ServiceKey(key.namespace, key.name)

    def _configure(self) -> None:
        actuation = self._settings.actuation
        self._cache.configure(
            self._settings.policy,
            self._defaults,
            actuation.namespaces,
            writes_on_pa=self._writer.target.resource is Resource.POD_AUTOSCALER,
        )

    def _watch(self, resource: Resource) -> Watch:
        endpoint = ENDPOINTS[resource]
        if resource is Resource.POD:
            handler = EventHandler(self._pods_listed, self._pod_changed, self._pod_gone)
            return Watch(
                self._connection,
                endpoint.collection,
                endpoint.type,
                handler,
                selector={"labelSelector": REVISION_LABEL},
            )
        handler = EventHandler(
            on_list=lambda objects: self._locked(self._cache.replace, resource, objects),
            on_update=lambda obj: self._locked(self._cache.update, resource, obj),
            on_delete=lambda obj: self._locked(self._cache.delete, resource, obj),
        )
        return Watch(self._connection, endpoint.collection, endpoint.type, handler)

    def _config_watch(self, namespace: str, name: str, apply: Callable[[ConfigMap | None], None]) -> Watch:
        handler = EventHandler(
            on_list=lambda objects: apply(objects[0] if objects else None),
            on_update=apply,
            on_delete=lambda _: apply(None),
        )
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        selector = {"fieldSelector": f"metadata.name={name}"}
        return Watch(self._connection, path, ConfigMap, handler, selector=selector)

    def _locked(self, update: Callable[..., object], *arguments: object) -> None:
        with self._lock:
            update(*arguments)

    def _autoscaler_config(self, found: ConfigMap | None) -> None:
        with self._lock:
            self._defaults, self._defaults_problems = read_config((found.data or {}) if found else {})
            if found and not self._writer.target.confirmed:
                self._writer.target.set_from_version(labels(found).get(VERSION_LABEL, ""))
            self._configure()

    def _own_config(self, found: ConfigMap | None) -> None:
        with self._lock:
            self._configuration = (self._configuration[0] + 1, found.data or {} if found else None)

    def _pods_listed(self, pods: list[Pod]) -> None:
        with self._lock:
            self._startups.retain_pods({pod.metadata.uid for pod in pods})
            for pod in pods:
                self._pod_changed(pod)

    def _pod_changed(self, pod: Pod) -> None:
        with self._lock:
            pod_labels = labels(pod)
            key = RevisionKey(pod.metadata.namespace, pod_labels.get(REVISION_LABEL, ""))
            spec = self._cache.spec(key)
            name = pod_labels.get(SERVICE_LABEL) or pod_labels.get(CONFIGURATION_LABEL, "")
            self._startups.observe(pod, key, spec.service if spec else ServiceKey(key.namespace, name))

    def _pod_gone(self, pod: Pod) -> None:
        with self._lock:
            self._startups.delete_pod(pod.metadata.uid)
