"""Options that several commands share, each told once."""

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


def chosen(output: Format, as_json: bool) -> Format:
    """The format that `-o` and `--json` together ask for.  BadParameter (exit code 2) where they disagree."""
    if as_json and output is Format.YAML:
        raise typer.BadParameter("--json and -o yaml exclude each other")
    return Format.JSON if as_json else output
