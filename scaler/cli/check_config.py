"""`tidecast check-config`: is this configuration one that a running Tidecast would take?"""

from pathlib import Path
from typing import Annotated

import typer


def check_config(
    file: Annotated[Path, typer.Argument(help="A manifest of the ConfigMap, or a mapping of its keys.")],
) -> None:
    """Check a configuration; needs no cluster.

    Tells every fault at once, one a line, as `key: value: what is allowed`.  Exit code 0 where there is none,
    else 2.
    """
    from config.configmap import load
    from config.problems import ConfigError

    try:
        load(file)
    except ConfigError as e:
        for line in e.problems:
            typer.echo(line)
        count = len(e.problems)
        typer.echo(f"tidecast: {count} {'fault' if count == 1 else 'faults'} in {file}", err=True)
        raise typer.Exit(e.exit_code) from None
    typer.echo(f"tidecast: no fault in {file}", err=True)
