"""What `plan --export` and `explain --export` share: files and words from the command line, to a plan."""

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
    at: str | None,
    series: str,
    delay_cost: float | None,
    config: Path | None,
) -> Offline:
    """The plan that the options ask for.  Raises what has `exit_code` 2."""
    settings = load(config) if config else Settings()
    policy = settings.policy
    if delay_cost is not None:
        policy = replace(policy, delay_cost=delay_cost)
    world = load_scenario(scenario)
    at_s = moment(at) if at is not None else None
    export = read_export(files)
    for repair in export.repairs:
        say(repair)
    timing = PlanTiming(period_s=settings.timing.planning_period_s, hold_s=settings.timing.hold_s)
    with bars() as progress:
        return plan_export(
            export,
            world,
            policy,
            timing,
            at_s=at_s,
            calendar=world.calendar if world.calendar != Calendar() else settings.ahead.calendar,
            only=series,
            progress=progress,
        )


def moment(text: str) -> int:
    """Unix seconds of a time as people write it; UTC where it names no zone."""
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
