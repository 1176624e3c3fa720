"""Connect the loop to its real ends, a Prometheus and a Kubernetes cluster, and name this process."""

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

from config.overrides import resolve
from config.settings import Settings
from forecaster.sources.preset_sources import PresetSources
from scaler.controller.loop import Loop
from scaler.controller.planner import Planner
from scaler.controller.progress import ProgressOf, no_progress
from scaler.controller.status import StatusStore
from scaler.knative.cluster import KnativeCluster
from scaler.knative.connection import Connection
from scaler.knative.errors import Unreachable
from scaler.plan.fleet import FleetSpec
from scaler.plan.result import FleetPlan

OWN_NAMESPACE = "tidecast"
ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
SYNC_LIMIT_S = 60.0
"""Seconds in which all objects of the cluster must be read."""
REVISIONS = "/apis/serving.knative.dev/v1/revisions"


def own_namespace(configured: str | None) -> str:
    """Return the namespace of Lease and ConfigMap: the configured one, that of the pod, or `tidecast`."""
    if configured or os.environ.get("POD_NAMESPACE"):
        return configured or os.environ["POD_NAMESPACE"]
    with contextlib.suppress(OSError):
        return ACCOUNT_NAMESPACE.read_text().strip()
    return OWN_NAMESPACE


def identity() -> str:
    """Return a name that no other process has, not even after a restart under the same host name."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


def wait_until_synced(cluster: KnativeCluster) -> None:
    """Wait until all objects of the cluster are read.

    Raises:
        Unreachable: not all could be read in SYNC_LIMIT_S; the message names the first problem.
    """
    if not cluster.wait_synced(SYNC_LIMIT_S):
        problems = cluster.problems() or ["no answer"]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Unreachable(
            f"the cluster could not be read completely within {SYNC_LIMIT_S:.0f} s: {problems[0]}{more}"
        )


@contextlib.contextmanager
def planned_once(
    settings: Settings, kubeconfig: Path | None, progress: ProgressOf = no_progress
) -> Iterator[tuple[Planner, FleetSpec, FleetPlan]]:
    """Read everything, plan once, and write nothing.

    Raises:
        ReadError: Prometheus cannot be read.
        ApiError: the cluster cannot be read.
    """
    connection = Connection.open(kubeconfig)
    # Watches retry for ever; a single plan fails at once where the API server is unreachable or denies
    # access.
    connection.get(REVISIONS, limit="1")
    cluster = KnativeCluster(connection, settings, resolve)
    source = PresetSources(settings.sources)
    cluster.start()
    try:
        wait_until_synced(cluster)
        status_store = StatusStore()
        loop = Loop(source, cluster, settings, status_store, dry_run=True)
        loop.start(progress)
        loop.plan()
        planner, spec, plan = loop.planner, loop.spec, status_store.status.plan
        assert planner is not None
        assert spec is not None
        assert plan is not None
        yield planner, spec, plan
    finally:
        source.close()
        cluster.stop()
