"""`tidecast run`: the service."""

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
        help="Where our Lease and the ConfigMap config-tidecast are; default the pod's own, else tidecast.",
        show_default=False,
    ),
]
ListenOption = Annotated[
    str,
    typer.Option("--listen", metavar="HOST:PORT", help="Where /healthz, /readyz and /metrics are answered."),
]


def run(
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    namespace: NamespaceOption = None,
    listen: ListenOption = "0.0.0.0:8080",
) -> None:
    """Run the service beside Knative, until SIGTERM.

    The ConfigMap config-tidecast is watched, and an edit takes effect within seconds; with --config a file
    rules instead.  In mode observe, the default, nothing is written to any Revision.
    """
    host, port = _address(listen)
    _log_to_stderr()
    serve(config, kubeconfig, namespace, host, port)


def serve(config: Path | None, kubeconfig: Path | None, namespace: str | None, host: str, port: int) -> None:
    """Everything put together, until a signal comes."""
    from config.overrides import resolve
    from scaler.cli.live import settings_of
    from scaler.knative.cluster import Cluster
    from scaler.knative.connection import Connection
    from scaler.knative.events import Events
    from scaler.knative.lease import Leadership
    from scaler.server.http import application
    from scaler.server.service import Service, Web
    from scaler.server.wiring import identity, own_namespace, synced

    settings = settings_of(config)
    connection, home = Connection.open(kubeconfig), own_namespace(namespace)
    leadership = Leadership(connection, home, identity(), duration_s=settings.acting.lease_duration_s)
    cluster = Cluster(
        connection, settings, resolve, namespace=None if config else home, leadership=leadership
    )
    # Until there is something to take back, a signal ends it at once.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster.start()
    try:
        synced(cluster)
        ended, signals = _until_signal()
        service = Service(
            settings, cluster, Events(connection), namespace=home, watches_config=config is None
        )
        web = Web(application(service.status_store), host, port)
        web.start()
        if not web.wait():
            raise typer.BadParameter(f"nothing can be answered at {host}:{port}; is the port taken?")
        leadership.start()
        service.start()
        ended.wait()
        service.stop()
        leadership.stop()
        web.stop()
        if signal.SIGINT in signals:
            raise typer.Exit(INTERRUPTED)
    finally:
        cluster.stop()


def _until_signal() -> tuple[threading.Event, list[int]]:
    """Set when a signal came; and which came."""
    ended, came = threading.Event(), list[int]()

    def end(number: int, _: object) -> None:
        came.append(number)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return ended, came


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} is not HOST:PORT, such as 0.0.0.0:8080")
    return host.strip("[]"), int(port)


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # It warns of each job that falls due while another runs, which is how it should be here; what breaks
    # in a job is told by the service itself.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
