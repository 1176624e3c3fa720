"""Define the options that several commands share."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """Format of data on stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[Format, typer.Option("-o", "--output", help="Format of the data.")]
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
    """Kind of the values in a range query of Prometheus: requests per second, or per step."""

    RATE = "rate"
    COUNT = "count"


def not_nan(value: float | None) -> float | None:
    """Reject NaN, which passes every range check.

    Raises:
        BadParameter: the value is NaN (exit code 2).
    """
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="EXPORT",
        help="Exported metrics: .csv, .csv.gz, .parquet, or .json with a range query of Prometheus.",
        show_default=False,
    ),
]
"""Files whose traffic is replayed."""

ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="How pods start and serve: heavy, web, sparse, or a YAML or JSON file.  Its calendar takes"
        " precedence over that of the configuration.",
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
        callback=not_nan,
        help="Mean requests/s to which each series is scaled.",
    ),
]
"""`--scale-to RATE`; default None."""

SeriesOption = Annotated[str, typer.Option("--series", metavar="GLOB", help="Only the series that match.")]
"""`--series GLOB`; default "*"."""

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Random seed for spreading a step's requests over its seconds.")
]
"""`--seed N`; default 7."""

JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        max=1024,
        help="Series that are processed in parallel; default one per processor.",
    ),
]
"""`--jobs N`; default None."""

DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Process the series on the Dask cluster with the scheduler at ADDRESS, such as "
        "tcp://dask-scheduler:8786.  Its workers need Tidecast with the extra `dask`.",
    ),
]
"""`--dask ADDRESS`; default None."""

ValuesOption = Annotated[
    ValuesAre,
    typer.Option(
        "--values", help="Unit of the values of a Prometheus range query: requests per second, or per step."
    ),
]
"""`--values rate|count`; default `ValuesAre.RATE`."""


def chosen(output: Format, as_json: bool) -> Format:
    """Return the format that `-o` and `--json` select.

    Raises:
        BadParameter: they contradict each other (exit code 2).
    """
    if as_json and output is Format.YAML:
        raise typer.BadParameter("--json and -o yaml exclude each other")
    return Format.JSON if as_json else output
