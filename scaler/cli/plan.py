"""`tidecast plan`: plan once, and print the floors with their reasons."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scaler.cli.options import ConfigOption, Format, FormatOption, JsonOption, KubeconfigOption, chosen

ExportOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--export",
        metavar="FILE",
        help="Plan from exported metrics (.csv, .csv.gz, .parquet, Prometheus range-query JSON) instead of "
        "from Prometheus and a cluster.  May be given several times.",
    ),
]
ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="With --export: how pods start and serve; heavy, web, sparse, or a YAML or JSON file.",
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="With --export: plan as if the current time were TIME (Unix seconds or 2026-01-31T12:00:00Z); "
        "default the file's end.",
    ),
]
SeriesOption = Annotated[
    str, typer.Option("--series", metavar="GLOB", help="Only the services or series that match.")
]
DelayCostOption = Annotated[
    float | None,
    typer.Option("--delay-cost", min=1e-6, help="Cost of one delayed request in pod-seconds; default 30."),
]
COLUMNS = ("series", "floor", "desired", "why", "bound", "median_rps", "high_rps", "service_time_s", "lead_s")


def plan(
    *,
    export: ExportOption = None,
    scenario: ScenarioOption = "web",
    at_time: AtOption = None,
    series: SeriesOption = "*",
    delay_cost: DelayCostOption = None,
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Plan once, and show each floor and its reason.  Nothing is written.

    From Prometheus and a cluster, or from a file: tidecast plan --export FILE --scenario web
    """
    from scaler.cli.output import write_rows

    output = chosen(output, as_json)
    if export:
        rows = _from_files(export, scenario, at_time, series, delay_cost, config)
    else:
        if at_time is not None:
            raise typer.BadParameter("--at needs --export")
        rows = _from_cluster(series, delay_cost, config, kubeconfig)
    write_rows(rows, output, columns=COLUMNS)


def _from_files(
    files: list[Path],
    scenario: str,
    at_time: str | None,
    series: str,
    delay_cost: float | None,
    config: Path | None,
) -> list[dict[str, Any]]:
    from scaler.cli.offline import offline

    planned = offline(
        files, scenario=scenario, at_time=at_time, series=series, delay_cost=delay_cost, config=config
    )
    return plan_rows(planned.plan, planned.series)


def _from_cluster(
    series: str, delay_cost: float | None, config: Path | None, kubeconfig: Path | None
) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from scaler.cli.cluster import planned_from_cluster, settings_of

    with planned_from_cluster(settings_of(config, delay_cost=delay_cost), kubeconfig) as (_, _, fleet_plan):
        rows = plan_rows(fleet_plan, tuple(str(key) for key in fleet_plan.keys))
    return [row for row in rows if fnmatchcase(row["series"], series)]


def plan_rows(fleet_plan: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return a `FleetPlan` as one mapping per Revision, for people and programs."""
    rows = []
    for i, name in enumerate(names):
        revision_plan = fleet_plan.plan_at(i)
        rows.append(
            {
                "series": name,
                "floor": revision_plan.floor,
                "desired": revision_plan.desired,
                "why": str(revision_plan.reason),
                "bound": str(revision_plan.bound),
                "median_rps": revision_plan.peak_median,
                "high_rps": revision_plan.peak_p95,
                "peak_demand": revision_plan.peak_demand,
                "service_time_s": revision_plan.service_time_s,
                "lead_s": revision_plan.lead_s,
                "at": fleet_plan.now_s,
            }
        )
    return rows
