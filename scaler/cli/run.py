"""`tidecast run`: run the service."""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from scaler.cli.interrupt import INTERRUPTED
from scaler.cli.options import ConfigOption, KubeconfigOption

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        metavar="NAME",
        help="Namespace of the Lease and of the ConfigMap; default that of the pod, else tidecast.",
        show_default=False,
    ),
]
ListenAddressOption = Annotated[
    str,
    typer.Option("--listen", metavar="HOST:PORT", help="Address of /healthz, /readyz and /metrics."),
]


def run(
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    namespace: NamespaceOption = None,
    listen_address: ListenAddressOption = "0.0.0.0:8080",
) -> None:
    """Run the service beside Knative, until SIGTERM.

    It watches the ConfigMap config-tidecast, and an edit takes effect within seconds; with --config, that
    file is used instead.  In mode observe, the default, nothing is written to any Revision.
    """
    host, port = _address(listen_address)
    _log_to_stderr()
    serve(config, kubeconfig, namespace, host, port)


def serve(config: Path | None, kubeconfig: Path | None, namespace: str | None, host: str, port: int) -> None:
    """Start all parts of the service, and stop them after a signal.

    Raises:
        BadParameter: the address cannot be used (exit code 2).
        Exit: the service was interrupted.
    """
    import logging

    from config.overrides import resolve
    from scaler.cli.cluster import settings_of
    from scaler.knative.cluster import KnativeCluster
    from scaler.knative.connection import Connection
    from scaler.knative.events import Events
    from scaler.knative.lease import LeaderElection
    from scaler.server.http import application
    from scaler.server.service import TidecastService, Web
    from scaler.server.wiring import identity, own_namespace, wait_until_synced

    settings = settings_of(config)
    connection, home = Connection.open(kubeconfig), own_namespace(namespace)
    election = LeaderElection(connection, home, identity(), duration_s=settings.actuation.lease_duration_s)
    cluster = KnativeCluster(
        connection, settings, resolve, namespace=None if config else home, election=election
    )
    # Until there is a value to revert, a signal ends the process at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("tidecast").info("waiting for the API server %s", connection.server)
    cluster.start()
    try:
        wait_until_synced(cluster)
        ended, signals = _until_signal()
        service = TidecastService(
            settings, cluster, Events(connection), namespace=home, watches_config=config is None
        )
        web = Web(application(service.status_store), host, port)
        web.start()
        if not web.wait():
            raise typer.BadParameter(f"--listen: cannot listen at {host}:{port}; is the port in use?")
        election.start()
        service.start()
        ended.wait()
        service.stop()
        election.stop()
        web.stop()
        if signal.SIGINT in signals:
            raise typer.Exit(INTERRUPTED)
    finally:
        cluster.stop()


def _until_signal() -> tuple[threading.Event, list[int]]:
    """Return an event that is set by a signal, and the list of the signals that arrived."""
    ended, received = threading.Event(), list[int]()

    def end(number: int, _: object) -> None:
        received.append(number)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return ended, received


def _address(listen_address: str) -> tuple[str, int]:
    host, _, port = listen_address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"--listen: {listen_address!r} is not HOST:PORT, such as 0.0.0.0:8080")
    return host.strip("[]"), int(port)


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # apscheduler warns of each job that is due while another runs, which is normal here; the service itself
    # reports the errors of jobs.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
