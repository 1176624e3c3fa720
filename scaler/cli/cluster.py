"""Plan once from Prometheus and a cluster, for `plan` and `explain` without `--export`."""

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
from scaler.server.wiring import planned_once


def settings_of(
    config: Path | None, *, prometheus: str | None = None, delay_cost: float | None = None
) -> Settings:
    """Return the configuration of a file with the options of the command line.

    Raises:
        ConfigError: the configuration is wrong.
    """
    settings = load(config) if config else Settings()
    if prometheus:
        settings = replace(settings, sources=replace(settings.sources, prometheus_url=prometheus))
    if delay_cost is not None:
        settings = replace(settings, policy=replace(settings.policy, delay_cost=delay_cost))
    return settings


@contextmanager
def planned_from_cluster(
    settings: Settings, kubeconfig: Path | None
) -> Iterator[tuple[Planner, FleetSpec, FleetPlan]]:
    """Yield one plan, with progress on stderr.

    Raises:
        ReadError: Prometheus cannot be read.
        ApiError: the cluster cannot be read.
    """
    with bars() as progress, planned_once(settings, kubeconfig, progress) as planned:
        yield planned
