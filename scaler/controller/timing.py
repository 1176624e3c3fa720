"""How long the steps of a cycle are, and what it keeps."""

from dataclasses import dataclass

from scaler.plan.timing import PlanTiming


@dataclass(frozen=True, kw_only=True)
class LoopIntervals:
    """How long things are, seconds."""

    step_s: int
    """One step of the short grid."""
    coarse_s: int
    """One step of the long grid."""
    recent_s: int
    """Kept on the short grid."""
    history_s: int
    """Kept on the long grid."""
    refit_s: int
    """Between two refits."""
    staleness_s: float = 0.0
    """How long what was read last may have to do before newer figures are read."""
    plan: PlanTiming
