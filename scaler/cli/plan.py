"""`tidecast plan`: one cycle, and a table of what it would do and why."""

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
        help="With --export: as if now were TIME (Unix seconds or 2026-01-31T12:00:00Z); "
        "default the file's end.",
    ),
]
SeriesOption = Annotated[
    str, typer.Option("--series", metavar="GLOB", help="Only the services or series that fit.")
]
DelayCostOption = Annotated[
    float | None,
    typer.Option("--delay-cost", min=1e-6, help="Pod-seconds that one delayed request is worth; default 30."),
]
COLUMNS = ("series", "floor", "wanted", "why", "bound", "median_rps", "high_rps", "service_time_s", "lead_s")


def plan(
    export: ExportOption = None,
    scenario: ScenarioOption = "web",
    at: AtOption = None,
    series: SeriesOption = "*",
    delay_cost: DelayCostOption = None,
    config: ConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Plan once, and show what would be done and why.  Nothing is written anywhere.

    From Prometheus and a cluster, or from a file: tidecast plan --export FILE --scenario web
    """
    from scaler.cli.output import write_rows

    output = chosen(output, as_json)
    if export:
        rows = _from_files(export, scenario, at, series, delay_cost, config)
    else:
        if at is not None:
            raise typer.BadParameter("--at needs --export")
        rows = _from_cluster(series, delay_cost, config, kubeconfig)
    write_rows(rows, output, columns=COLUMNS)


def _from_files(
    files: list[Path],
    scenario: str,
    at: str | None,
    series: str,
    delay_cost: float | None,
    config: Path | None,
) -> list[dict[str, Any]]:
    from scaler.cli.offline import offline

    made = offline(files, scenario=scenario, at=at, series=series, delay_cost=delay_cost, config=config)
    return plan_rows(made.plan, made.series)


def _from_cluster(
    series: str, delay_cost: float | None, config: Path | None, kubeconfig: Path | None
) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from scaler.cli.live import one_look, settings_of

    with one_look(settings_of(config, delay_cost=delay_cost), kubeconfig) as (_, _, made):
        rows = plan_rows(made, tuple(str(key) for key in made.keys))
    return [row for row in rows if fnmatchcase(row["series"], series)]


def plan_rows(plan: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """A FleetPlan as rows for people and programs."""
    rows = []
    for i, name in enumerate(names):
        one = plan.at(i)
        rows.append(
            {
                "series": name,
                "floor": one.floor,
                "wanted": one.desired,
                "why": str(one.reason),
                "bound": str(one.bound),
                "median_rps": one.median,
                "high_rps": one.high,
                "peak_demand": one.peak_demand,
                "service_time_s": one.service_time_s,
                "lead_s": one.lead_s,
                "at": plan.at_s,
            }
        )
    return rows
