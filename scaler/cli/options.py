"""Options that several commands share, each told once."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How data are written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[Format, typer.Option("-o", "--output", help="How to write the data.")]
"""`-o table|json|yaml`; default `Format.TABLE`."""

JsonOption = Annotated[bool, typer.Option("--json", help="Short for -o json.")]
"""`--json`; default False.  See `chosen`."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration: a manifest of the ConfigMap config-tidecast, or a file of its keys.",
    ),
]
"""`--config FILE`; default None."""

KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="How to reach Kubernetes; default $KUBECONFIG, ~/.kube/config, or the pod's own account.",
    ),
]
"""`--kubeconfig FILE`; default None."""


class ValuesAre(StrEnum):
    """What the values of a Prometheus answer are."""

    RATE = "rate"
    COUNT = "count"


def a_number(value: float | None) -> float | None:
    """What is no number passes every bound, so it is refused here."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="EXPORT",
        help="Exported metrics: .csv, .csv.gz, .parquet, or .json as Prometheus answers a range query.",
        show_default=False,
    ),
]
"""Files whose traffic is replayed."""

ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="How pods start and serve: heavy, web, sparse, or a YAML or JSON file.  A calendar in it goes"
        " before the configuration's.",
    ),
]
"""`--scenario NAME|FILE`; default "web"."""

ScaleOption = Annotated[
    float | None,
    typer.Option(
        "--scale-to",
        metavar="RATE",
        min=1e-6,
        max=100_000,
        callback=a_number,
        help="Scale each series to so many requests/s in the mean.",
    ),
]
"""`--scale-to RATE`; default None."""

SeriesOption = Annotated[str, typer.Option("--series", metavar="GLOB", help="Only the series that fit.")]
"""`--series GLOB`; default "*"."""

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Of the randomness that turns longer steps into seconds.")
]
"""`--seed N`; default 7."""

JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, max=1024, help="Series worked on at a time; default one a processor."
    ),
]
"""`--jobs N`; default None."""

DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Work on the series on a Dask cluster whose scheduler is there, such as "
        "tcp://dask-scheduler:8786.  Its workers have Tidecast installed, with the extra `dask`.",
    ),
]
"""`--dask ADDRESS`; default None."""

ValuesOption = Annotated[
    ValuesAre,
    typer.Option("--values", help="What the values of a Prometheus answer are: a second, or a step."),
]
"""`--values rate|count`; default `ValuesAre.RATE`."""


def chosen(output: Format, as_json: bool) -> Format:
    """The format that `-o` and `--json` together ask for.  BadParameter (exit code 2) where they disagree."""
    if as_json and output is Format.YAML:
        raise typer.BadParameter("--json and -o yaml exclude each other")
    return Format.JSON if as_json else output
