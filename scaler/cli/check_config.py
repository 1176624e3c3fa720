"""`tidecast check-config`: check a configuration as a running Tidecast would."""

from pathlib import Path
from typing import Annotated

import typer


def check_config(
    file: Annotated[Path, typer.Argument(help="A manifest of the ConfigMap, or a mapping of its keys.")],
) -> None:
    """Check a configuration; needs no cluster.

    It lists every problem at once, one per line, as `key: value: what is allowed`.  The exit code is 0
    without a problem, else 2.
    """
    from config.configmap import load
    from config.problems import ConfigError

    try:
        load(file)
    except ConfigError as error:
        for line in error.problems:
            typer.echo(line)
        count = len(error.problems)
        typer.echo(f"tidecast: {count} {'problem' if count == 1 else 'problems'} in {file}", err=True)
        raise typer.Exit(error.exit_code) from None
    typer.echo(f"tidecast: no problem in {file}", err=True)
