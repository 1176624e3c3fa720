"""Collect the commands of `tidecast`, in the order in which `--help` lists them."""

from typing import Annotated

import typer

from scaler.cli.backtest import backtest
from scaler.cli.check_config import check_config
from scaler.cli.demo import demo
from scaler.cli.explain import explain
from scaler.cli.export import export
from scaler.cli.kpa import kpa
from scaler.cli.plan import plan
from scaler.cli.recommend import recommend
from scaler.cli.release import release
from scaler.cli.run import run

app = typer.Typer(
    name="tidecast",
    no_args_is_help=True,
    add_completion=False,
    # A traceback is for the developers; `failures` writes it.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(run)
app.command()(demo)
app.command()(plan)
app.command()(explain)
app.command()(recommend)
app.command()(backtest)
app.command()(export)
app.command()(check_config)
app.command()(kpa)
app.command()(release)


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"tidecast {version('tidecast')}")
        raise typer.Exit


@app.callback()
def _tidecast(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Predictive autoscaling for Knative: pods are ready before the traffic arrives, and gone when none is
    expected.
    """
