"""Convert files and options of `plan --export` and `explain --export` to a plan."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from config.calendar import Calendar
from config.configmap import load
from config.scenario import load_scenario
from config.settings import Settings
from forecaster.sources.exports import read_export
from scaler.cli.progress import bars, say
from scaler.controller.offline import Offline, plan_export
from scaler.plan.timing import PlanTiming


def offline(
    files: list[Path],
    *,
    scenario: str,
    at_time: str | None,
    series: str,
    delay_cost: float | None,
    config: Path | None,
) -> Offline:
    """Return the plan that the options describe.

    Raises:
        ConfigError, ExportError, OfflineError: the input is wrong (exit code 2).
    """
    settings = load(config) if config else Settings()
    policy = settings.policy
    if delay_cost is not None:
        policy = replace(policy, delay_cost=delay_cost)
    loaded = load_scenario(scenario)
    at_s = moment(at_time) if at_time is not None else None
    export = read_export(files)
    for note in export.notes:
        say(note)
    timing = PlanTiming(period_s=settings.timing.planning_period_s, hold_s=settings.timing.hold_s)
    with bars() as progress:
        return plan_export(
            export,
            loaded,
            policy,
            timing,
            at_s=at_s,
            calendar=loaded.calendar if loaded.calendar != Calendar() else settings.announcements.calendar,
            only=series,
            progress=progress,
        )


def moment(text: str) -> int:
    """Return the Unix seconds of a time; UTC where it has no zone.

    Raises:
        BadParameter: the text is not a time (exit code 2).
    """
    try:
        read = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f"{text!r} is not a time: Unix seconds, or such as 2026-01-31T12:00:00Z"
        ) from None
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
