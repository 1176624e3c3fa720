"""Define the intervals of the control loop."""

from dataclasses import dataclass

from config.settings import Settings
from scaler.plan.timing import PlanTiming

POLL_SHARE = 0.25
"""Share of a step between two checks whether the next step is complete: old samples cost more."""


@dataclass(frozen=True, kw_only=True)
class LoopIntervals:
    """The intervals of the control loop, in seconds."""

    step_s: int
    """One step of the fine grid."""
    coarse_s: int
    """One step of the coarse grid."""
    recent_s: int
    """History that the fine grid keeps."""
    history_s: int
    """History that the coarse grid keeps."""
    refit_s: int
    """From one refit to the next."""
    staleness_s: float = 0.0
    """The longest time for which the newest observation is in use before the next one is read."""
    plan: PlanTiming


def loop_intervals(settings: Settings) -> LoopIntervals:
    """Return the intervals of the loop from the configuration."""
    timing = settings.timing
    return LoopIntervals(
        step_s=timing.step_s,
        coarse_s=timing.history_step_s,
        recent_s=timing.recent_s,
        history_s=timing.history_s,
        refit_s=timing.refit_period_s,
        # A step is read when it is complete, which the next check notices.
        staleness_s=(1 + POLL_SHARE) * timing.step_s,
        plan=PlanTiming(period_s=timing.planning_period_s, hold_s=timing.hold_s),
    )
