"""What `plan` and `explain` share without `--export`: one look at a Prometheus and a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from config.configmap import load
from config.settings import Settings
from scaler.cli.progress import bars
from scaler.controller.planner import Planner
from scaler.plan.fleet import FleetSpec
from scaler.plan.result import FleetPlan
from scaler.server.wiring import looked_once


def settings_of(
    config: Path | None, *, prometheus: str | None = None, delay_cost: float | None = None
) -> Settings:
    """The configuration of a file, with what the command line says laid over it.  Raises ConfigError."""
    settings = load(config) if config else Settings()
    if prometheus:
        settings = replace(settings, sources=replace(settings.sources, prometheus_url=prometheus))
    if delay_cost is not None:
        settings = replace(settings, policy=replace(settings.policy, delay_cost=delay_cost))
    return settings


@contextmanager
def one_look(settings: Settings, kubeconfig: Path | None) -> Iterator[tuple[Planner, FleetSpec, FleetPlan]]:
    """One plan, with progress on stderr.  Raises ReadError, ApiError."""
    with bars() as progress, looked_once(settings, kubeconfig, progress) as seen:
        yield seen
