"""`tidecast kpa`: compute what Knative's autoscaler does in a scenario, second by second."""

from pathlib import Path
from typing import Annotated

import typer


def kpa(
    scenario: Annotated[
        Path,
        typer.Argument(
            metavar="SCENARIO.json",
            help="Configuration, pods and load by the second, in the form of the files in tests/golden.",
        ),
    ],
) -> None:
    """Run the rules of Knative's autoscaler (KPA) on a scenario; needs no cluster.

    It prints one JSON object, `{"expected": {"resolved": ..., "ticks": [...]}}`: the resolved parameters, and
    the observations and decisions of each tick.  `expected` in the file is ignored.  The exit code is 2 where
    Knative would reject the configuration or the annotations; the reason is shown.
    """
    from scaler.cli.options import Format
    from scaler.cli.output import write_value
    from scaler.kpa.scenario import run_scenario
    from scaler.kpa.scenario_file import load_scenario_input

    given = load_scenario_input(scenario)
    for name in given.ignored_keys:
        typer.echo(f"tidecast: input.{name} is not known and is ignored", err=True)
    write_value({"expected": run_scenario(given)}, Format.JSON)
