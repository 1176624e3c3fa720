"""A policy is a rule that turns the traffic of a series into a plan, which is replayed with the KPA."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.scenario import Scenario
from forecaster.forecasting.upstream import UpstreamEvents
from scaler.simulation.pod_model import PodModel

PlanRows = NDArray[np.void]
"""(p,) ROW of scaler.simulation.state, from scaler.simulation.plan_rows; seconds from the first arrival."""


@dataclass(frozen=True, eq=False)
class Series:
    """One series, as a policy receives it.

    name        name of the series.
    start_s     Unix seconds of the first second.
    arrivals    (n,) float32 requests in each second.
    scenario    scenario of this series; its metrics delay is the age of the newest data a policy may use.
    pod_model   how pods start and serve, and the KPA's parameters (scaler.simulation.pod_model.pod_model_of).
    score_s     first second that is scored; the seconds before it are simulated only.
    seed        seed of a policy with randomness.
    upstream    events of the upstream series, which the events of this one follow; None = no such series.
    """

    name: str
    start_s: int
    arrivals: NDArray[np.float32]
    scenario: Scenario
    pod_model: PodModel
    score_s: int = 0
    seed: int = 7
    upstream: UpstreamEvents | None = None


PlanFunction = Callable[[Series, float], PlanRows]
"""(series, delay cost) -> plan.  A row at t depends only on arrivals before t - metrics delay, except for a
policy with hindsight."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy that a backtest can compare."""

    description: str
    """One line for a reader of the report."""
    source: str
    """Where the rule comes from."""
    plan: PlanFunction
    uses_delay_cost: bool = False
    """True if the plan depends on the delay cost."""
    hindsight: bool = False
    """True if the plan uses future traffic: a bound of what a rule can reach."""
    slow: bool = False
    """True if the policy runs only when it is requested by name."""


@dataclass(frozen=True, eq=False)
class StepCounts:
    """A series in steps, for rules that are defined on a grid.

    counts    (m,) requests in each whole step from the first second on.
    step_s    seconds of a step.
    known_s   (m,) seconds from the first arrival at which a count is known: end of the step + metrics delay.
    """

    counts: NDArray[np.float64]
    step_s: int
    known_s: NDArray[np.int64]


def step_counts(series: Series, step_s: int) -> StepCounts:
    """Return the traffic of a series in whole steps of `step_s`; an incomplete last step is left out."""
    m = len(series.arrivals) // step_s
    counts = series.arrivals[: m * step_s].reshape(m, step_s).sum(axis=1, dtype=np.float64)
    known_s = (np.arange(m, dtype=np.int64) + 1) * step_s + series.scenario.metrics_delay_seconds
    return StepCounts(counts, step_s, known_s)
