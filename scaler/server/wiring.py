"""The loop with its real ends: a Prometheus and a Kubernetes cluster."""

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

from config.overrides import resolve
from config.settings import Settings
from forecaster.sources.preset_sources import PresetSources
from scaler.controller.loop import Loop, Progresses, silent
from scaler.controller.planner import Planner
from scaler.controller.status import StatusStore
from scaler.knative.cluster import Cluster
from scaler.knative.connection import Connection
from scaler.knative.errors import Unreachable
from scaler.plan.fleet import FleetSpec
from scaler.plan.result import FleetPlan

OWN_NAMESPACE = "tidecast"
ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
SYNC_LIMIT_S = 60.0
REVISIONS = "/apis/serving.knative.dev/v1/revisions"


def own_namespace(said: str | None) -> str:
    """Where the Lease and the ConfigMap are: as said, as the pod's own, or `tidecast`."""
    if said or os.environ.get("POD_NAMESPACE"):
        return said or os.environ["POD_NAMESPACE"]
    with contextlib.suppress(OSError):
        return ACCOUNT_NAMESPACE.read_text().strip()
    return OWN_NAMESPACE


def identity() -> str:
    """A name for this process that no other one has, also after a restart under the same host name."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


def synced(cluster: Cluster) -> None:
    """Wait until all of the cluster was read.  Raises Unreachable, with what is wrong, where that fails."""
    if not cluster.wait_synced(SYNC_LIMIT_S):
        problems = cluster.problems() or ["no answer"]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Unreachable(f"not all could be read within {SYNC_LIMIT_S:.0f} s: {problems[0]}{more}")


@contextlib.contextmanager
def looked_once(
    settings: Settings, kubeconfig: Path | None, progress: Progresses = silent
) -> Iterator[tuple[Planner, FleetSpec, FleetPlan]]:
    """Read everything, plan once and write nothing.  Raises ReadError, ApiError."""
    connection = Connection.open(kubeconfig)
    # Watches try again for ever; who asks for one look is told at once that nobody answers, or may not.
    connection.get(REVISIONS, limit="1")
    cluster = Cluster(connection, settings, resolve)
    source = PresetSources(settings.sources)
    cluster.start()
    try:
        synced(cluster)
        status_store = StatusStore()
        loop = Loop(source, cluster, settings, status_store, looks_only=True)
        loop.begin(progress)
        loop.plan()
        cycle, spec, plan = loop.cycle, loop.spec, status_store.status.plan
        assert cycle is not None
        assert spec is not None
        assert plan is not None
        yield cycle, spec, plan
    finally:
        source.close()
        cluster.stop()
