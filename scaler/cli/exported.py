"""What `backtest` and `recommend` share: files and words from the command line, to traffic to replay."""

from pathlib import Path
from typing import TYPE_CHECKING

from scaler.cli.options import ValuesAre

if TYPE_CHECKING:
    from scaler.backtest.series import Traffic


def exported(
    files: list[Path],
    values: ValuesAre,
    *,
    scenario: str,
    scale_to: float | None,
    series: str,
    seed: int,
    score_from_s: int | None = None,
) -> "Traffic":
    """The traffic of the files; what was put right in them is said.  Raises what has `exit_code` 2."""
    from config.scenario import load_scenario
    from forecaster.sources.exports import read_export
    from scaler.backtest.series import traffic_of
    from scaler.cli.progress import say

    world = load_scenario(scenario)
    export = read_export(files, values.value)
    for repair in export.repairs:
        say(repair)
    return traffic_of(export, world, only=series, scale_to=scale_to, seed=seed, score_from_s=score_from_s)
