"""What a backtest found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.scenario import Scenario
from scaler.simulation.score import ReplayMetrics


@dataclass(frozen=True)
class Outcome:
    """What one policy came to, at one delay-cost."""

    policy: str
    delay_cost: float | None
    """None: the policy does not look at it."""
    figures: tuple[ReplayMetrics, ...]
    """One a series, in the backtest's order, over the scored span."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One series through the scored span, for a picture: the KPA alone, and our plan at one delay-cost.

    series       its name.
    start_s      Unix seconds of the first column; step_s: seconds of one.
    arrivals     (k,) requests/s, mean of the column; most (k,): of its busiest second.
    low, middle, high   (k,) requests/s: quantiles 0.1, 0.5, 0.95 that were forecast for it; NaN = none.
    floor        (k,) pods, the highest in the column.
    pods_alone, pods          (k,) pods held, starting and ready, mean: under the KPA alone, under the plan.
    delayed_alone, delayed    (k,) requests that waited.
    """

    series: str
    start_s: int
    step_s: int
    arrivals: NDArray[np.float32]
    most: NDArray[np.float32]
    low: NDArray[np.float32]
    middle: NDArray[np.float32]
    high: NDArray[np.float32]
    floor: NDArray[np.float32]
    pods_alone: NDArray[np.float32]
    pods: NDArray[np.float32]
    delayed_alone: NDArray[np.float32]
    delayed: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Backtest:
    """All of one backtest.

    where        the files, for people.
    scenario     its name or file; world: what it says.
    scale_to     requests/s that the traffic was scaled to; None: as it is.
    series       names, in the order of all figures.
    start_s      Unix seconds of the first second; seconds: how long it is; score_s: seconds of warm-up.
    step_s       of the file, seconds.
    outcomes     in the order in which policies and delay-costs were asked for; `kpa` is always there.
    courses      of the series that a report opens.
    shown_cost   the delay-cost of the courses and of tables that show one only.
    seed         of all randomness.
    """

    where: str
    scenario: str
    world: Scenario
    scale_to: float | None
    series: tuple[str, ...]
    start_s: int
    seconds: int
    score_s: int
    step_s: int
    outcomes: tuple[Outcome, ...]
    trajectories: tuple[Trajectory, ...]
    shown_cost: float
    seed: int = 7

    def outcome(self, policy: str, delay_cost: float | None = None) -> Outcome | None:
        """What a policy came to at a delay-cost, or at any where it does not look at it; None: not run."""
        for outcome in self.outcomes:
            if outcome.policy == policy and outcome.delay_cost in (None, delay_cost):
                return outcome
        return None
