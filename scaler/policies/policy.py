"""What a policy is: a rule that turns a series' traffic into a plan, to be replayed beside the KPA."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.scenario import Scenario
from forecaster.forecasting.upstream import UpstreamEvents
from scaler.simulation.pod_model import PodModel

PlanRows = NDArray[np.void]
"""(p,) ROW of scaler.simulation.state, made by scaler.simulation.plan_rows.plan_rows; seconds from the first arrival."""


@dataclass(frozen=True, eq=False)
class Series:
    """One series as a policy is given it.

    series      its name.
    start_s     Unix seconds of the first second.
    arrivals    (n,) float32 requests in each second.
    scenario    of this series; its metrics delay says how old what a policy may know is.
    world       how its pods start and serve, and the KPA's settings (scaler.simulation.pod_model.pod_model_of).
    score_s     seconds before it are lived through and not scored.
    seed        of the randomness of a policy that has some.
    calls       who called it; None: nobody ever.
    """

    series: str
    start_s: int
    arrivals: NDArray[np.float32]
    scenario: Scenario
    world: PodModel
    score_s: int = 0
    seed: int = 7
    calls: UpstreamEvents | None = None


Planning = Callable[[Series, float], PlanRows]
"""(subject, delay-cost) -> its plan.  The row at t uses arrivals before t - metrics delay only, unless the
policy is told to be one of hindsight."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One member of the family."""

    about: str
    """A line for people."""
    source: str
    """Where the rule is from."""
    plan: Planning
    uses_delay_cost: bool = False
    """True: the plan depends on what a delayed request is worth."""
    hindsight: bool = False
    """True: it knows what is yet to come, and only bounds what a rule could do."""
    slow: bool = False
    """True: it runs when asked for by name only."""


@dataclass(frozen=True, eq=False)
class Steps:
    """A series on a grid of whole steps, for rules that were written for one.

    counts   (m,) requests in each whole step, from the first second on.
    step_s   seconds of a step.
    known_at (m,) seconds from the first arrival at which the count of a step is known: its end and the
             metrics delay.
    """

    counts: NDArray[np.float64]
    step_s: int
    known_at: NDArray[np.int64]


def on_steps(series: Series, step_s: int) -> Steps:
    """The subject's traffic in whole steps of `step_s`; what is left at the end is not looked at."""
    m = len(series.arrivals) // step_s
    counts = series.arrivals[: m * step_s].reshape(m, step_s).sum(axis=1, dtype=np.float64)
    known_at = (np.arange(m, dtype=np.int64) + 1) * step_s + series.scenario.metrics_delay_seconds
    return Steps(counts, step_s, known_at)
