"""The cluster as the loop sees it: Revisions in, orders out.

What is there is watched in threads of its own; the loop asks when it likes and never waits for the network
but in `act`.
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
from scaler.knative.acting import Acting
from scaler.knative.connection import Connection
from scaler.knative.fleet import Fleet, ResolvePolicy
from scaler.knative.lease import Leadership
from scaler.knative.objects import (
    CONFIGURATION_LABEL,
    KINDS,
    REVISION_LABEL,
    SERVICE_LABEL,
    ConfigMap,
    Name,
    Pod,
    annotations,
    labels,
)
from scaler.knative.startup import StartUps
from scaler.knative.stats import StatStream
from scaler.knative.watch import Receiver, Watch
from scaler.kpa.config import AutoscalerConfig, read_config
from scaler.plan.revision import RevisionSpec
from scaler.simulation.state import STARTUPS

SERVING_NAMESPACE = "knative-serving"
CONFIG_AUTOSCALER = "config-autoscaler"
CONFIG_TIDECAST = "config-tidecast"
VERSION_LABEL = "app.kubernetes.io/version"
CONFIG_WAIT_S = 5.0
"""How long to wait for the ConfigMaps before the defaults stand in for them."""


class Cluster:
    """One Kubernetes cluster with Knative Serving."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        resolve_policy: ResolvePolicy,
        *,
        namespace: str | None = None,
        leadership: Leadership | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`namespace`: where the ConfigMap config-tidecast is watched; None: it is not.

        `leadership`: the election that says whether we may act; whoever made it starts and stops it.
        """
        self._connection, self._settings, self._leadership = connection, settings, leadership
        self._lock = threading.RLock()
        self._fleet = Fleet(resolve_policy)
        self._defaults, self._defaults_faults = AutoscalerConfig(), tuple[str, ...]()
        self._starts = StartUps(settings.actuation.startup_prior_s)
        self._startup: tuple[list[RevisionKey], tuple[int, float], NDArray[np.float64]] | None = None
        self._retained = 0
        self._configuration: tuple[int, dict[str, str] | None] = (0, None)
        self._stream = StatStream(settings.actuation.autoscaler_url)
        self._acting = Acting(
            connection,
            self._fleet,
            self._lock,
            self._stream,
            steering_changed=self._configure,
            clock=clock,
        )
        self._watches = {name: self._watch(name) for name in Name}
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
        """Begin to watch."""
        for watch in (*self._watches.values(), *self._config_watches.values()):
            watch.start()
        self._acting.start()

    def stop(self) -> None:
        """End all threads."""
        watches = (*self._watches.values(), *self._config_watches.values())
        for watch in watches:
            watch.stop()
        self._acting.stop()
        for watch in watches:
            watch.join()

    def wait_synced(self, limit_s: float) -> bool:
        """Wait until all is known; False where that took too long."""
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
        """Has everything that Revisions are made of been read once?"""
        return all(watch.synced for watch in self._watches.values())

    def configure(self, settings: Settings) -> None:
        """Use other settings from now on."""
        with self._lock:
            self._settings = settings
            self._stream.url = settings.actuation.autoscaler_url
            self._starts.prior_s = settings.actuation.startup_prior_s
            if self._leadership is not None:
                self._leadership.duration_s = settings.actuation.lease_duration_s
            self._configure()

    def specs(self) -> tuple[int, tuple[RevisionSpec, ...]]:
        """(version, Revisions sorted by key); the version differs only where the Revisions do."""
        with self._lock:
            version, specs = self._fleet.specs()
            if version != self._retained:
                self._retained = version
                keys = {spec.key for spec in specs}
                self._starts.retain(keys)
                self._acting.retain(keys)
            return version, specs

    def startups_s(self, keys: Sequence[RevisionKey]) -> NDArray[np.float64]:
        """(r, STARTUPS) seconds from asking for a pod of each until it serves, each as likely, rising."""
        with self._lock:
            learned = (self._starts.version, self._starts.prior_s)
            if self._startup is None or self._startup[1] != learned or self._startup[0] != keys:
                estimates_s = [self._starts.estimates_s(key, self._service(key)) for key in keys]
                self._startup = (list(keys), learned, np.array(estimates_s, np.float64).reshape(-1, STARTUPS))
            return self._startup[2]

    def write(self, orders: Sequence[Change]) -> list[WriteResult]:
        """Carry orders out; one outcome each, in their order.  Raises nothing: what fails is an outcome."""
        with self._lock:
            self._fleet.specs()
        return self._acting.write(orders)

    def verify(self) -> Sequence[str]:
        """What was written and does not work, one line each.  They are followed all the time."""
        return [f"{key}: {problem}" for key, problem in sorted(self._acting.problems().items())]

    def is_leader(self) -> bool:
        """May we act?  Without an election we are alone."""
        return self._leadership is None or self._leadership.leading

    def sweep(self) -> Sequence[WriteResult]:
        """Take back what stands marked and nobody answers for.

        Who leads answers for the Revisions that are looked at, and what of ours counts there stays; of others
        all goes, and the marks of what a person has written over.  Where nobody leads, all goes.
        """
        with self._lock:
            self._fleet.specs()
            marked = sorted(self._fleet.marked())
            leads = self.is_leader()
            if not leads and (self._leadership is None or not self._leadership.lapsed):
                return []
            orders = [order for key in marked if (order := self._kept(key, is_leader=leads)) is not None]
        return self._acting.write(orders)

    def _kept(self, key: RevisionKey, *, is_leader: bool) -> Change | None:
        """What is to stay on a Revision that is marked; None where there is nothing to take back."""
        place = (key.namespace, key.name)
        revision, spec = self._fleet.get(Name.REVISION, place), self._fleet.spec(key)
        if revision is None:
            return None
        if spec is None or not is_leader:
            return Change(key, revision.metadata.uid, None)
        steering = annotations(self._fleet.get(self._acting.steering.on, place))
        return Change(key, spec.uid, spec.floor, spec.settings) if marks.outdated(steering) else None

    def config_map(self) -> tuple[int, dict[str, str] | None]:
        """(version, data) of the ConfigMap config-tidecast; None where there is none."""
        with self._lock:
            return self._configuration

    def problems(self) -> list[str]:
        """All that is wrong at the moment, one line each."""
        with self._lock:
            self._fleet.specs()
            lines = [f"{name}: {watch.problem}" for name, watch in self._watches.items() if watch.problem]
            lines += [
                f"{name}: {watch.problem}" for name, watch in self._config_watches.items() if watch.problem
            ]
            lines += self._defaults_faults
            for key, problems in sorted(self._fleet.problems().items()):
                lines += [f"{key}: {problem}" for problem in problems]
        return [*lines, *self.verify()]

    @property
    def acting(self) -> Acting:
        """Where orders are carried out; for those who want to know how far that is."""
        return self._acting

    def _service(self, key: RevisionKey) -> ServiceKey:
        spec = self._fleet.spec(key)
        return spec.service if spec else ServiceKey(key.namespace, key.name)

    def _configure(self) -> None:
        actuation = self._settings.actuation
        self._fleet.configure(
            self._settings.policy,
            self._defaults,
            actuation.namespaces,
            on_pa=self._acting.steering.on is Name.POD_AUTOSCALER,
        )

    def _watch(self, name: Name) -> Watch:
        kind = KINDS[name]
        if name is Name.POD:
            receiver = Receiver(self._pods_listed, self._pod_changed, self._pod_gone)
            return Watch(
                self._connection, kind.every, kind.type, receiver, selector={"labelSelector": REVISION_LABEL}
            )
        receiver = Receiver(
            listed=lambda things: self._locked(self._fleet.replace, name, things),
            changed=lambda thing: self._locked(self._fleet.see, name, thing),
            gone=lambda thing: self._locked(self._fleet.forget, name, thing),
        )
        return Watch(self._connection, kind.every, kind.type, receiver)

    def _config_watch(self, namespace: str, name: str, use: Callable[[ConfigMap | None], None]) -> Watch:
        receiver = Receiver(
            listed=lambda things: use(things[0] if things else None), changed=use, gone=lambda _: use(None)
        )
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        selector = {"fieldSelector": f"metadata.name={name}"}
        return Watch(self._connection, path, ConfigMap, receiver, selector=selector)

    def _locked(self, do: Callable[..., object], *arguments: object) -> None:
        with self._lock:
            do(*arguments)

    def _autoscaler_config(self, found: ConfigMap | None) -> None:
        with self._lock:
            self._defaults, self._defaults_faults = read_config((found.data or {}) if found else {})
            if found and not self._acting.steering.known:
                self._acting.steering.learn(labels(found).get(VERSION_LABEL, ""))
            self._configure()

    def _own_config(self, found: ConfigMap | None) -> None:
        with self._lock:
            self._configuration = (self._configuration[0] + 1, found.data or {} if found else None)

    def _pods_listed(self, pods: list[Pod]) -> None:
        with self._lock:
            self._starts.keep({pod.metadata.uid for pod in pods})
            for pod in pods:
                self._pod_changed(pod)

    def _pod_changed(self, pod: Pod) -> None:
        with self._lock:
            said = labels(pod)
            key = RevisionKey(pod.metadata.namespace, said.get(REVISION_LABEL, ""))
            spec = self._fleet.spec(key)
            name = said.get(SERVICE_LABEL) or said.get(CONFIGURATION_LABEL, "")
            self._starts.see(pod, key, spec.service if spec else ServiceKey(key.namespace, name))

    def _pod_gone(self, pod: Pod) -> None:
        with self._lock:
            self._starts.forget(pod.metadata.uid)
