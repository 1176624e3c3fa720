"""`tidecast kpa`: what Knative's autoscaler would have done, second by second, in a scenario."""

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

    Prints one JSON object, `{"expected": {"resolved": ..., "ticks": [...]}}`: the parameters that hold, and
    what each tick saw and did.  What the file itself has as `expected` is passed over.  Exit code 2 where
    Knative would refuse the configuration or the annotations, with the reason.
    """
    from scaler.cli.options import Format
    from scaler.cli.output import write_value
    from scaler.kpa.scenario import expected
    from scaler.kpa.scenario_file import load_scenario_input

    given = load_scenario_input(scenario)
    for name in given.passed_over:
        typer.echo(f"tidecast: input.{name} is not known and was passed over", err=True)
    write_value({"expected": expected(given)}, Format.JSON)
