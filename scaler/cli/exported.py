"""Convert files and options of `backtest` and `recommend` to the traffic that is replayed."""

from pathlib import Path
from typing import TYPE_CHECKING

from scaler.cli.options import ValuesAre

if TYPE_CHECKING:
    from scaler.backtest.series import Traffic


def exported_traffic(
    files: list[Path],
    values: ValuesAre,
    *,
    scenario: str,
    scale_to: float | None,
    series: str,
    seed: int,
    score_from_s: int | None = None,
) -> "Traffic":
    """Return the traffic of the files, and report what was corrected in them.

    Raises:
        ConfigError, ExportError, TrafficError: the input is wrong (exit code 2).
    """
    from config.scenario import load_scenario
    from forecaster.sources.exports import read_export
    from scaler.backtest.series import traffic_of
    from scaler.cli.progress import say

    loaded = load_scenario(scenario)
    export = read_export(files, values.value)
    for note in export.notes:
        say(note)
    return traffic_of(export, loaded, only=series, scale_to=scale_to, seed=seed, score_from_s=score_from_s)
