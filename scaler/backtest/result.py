"""Define the result of a backtest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.scenario import Scenario
from scaler.simulation.score import ReplayMetrics


@dataclass(frozen=True)
class Outcome:
    """The metrics of one policy at one delay cost."""

    policy: str
    delay_cost: float | None
    """None = the policy does not use it."""
    metrics: tuple[ReplayMetrics, ...]
    """One per series, in the order of the backtest, over the scored span."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One series over the scored span in k columns, for a plot: the KPA alone, and a plan at one delay cost.

    series                     name.
    start_s, step_s            Unix seconds of the first column, and seconds of a column.
    arrivals, max_arrivals     (k,) requests/s: mean of the column, and its busiest second.
    low, middle, high          (k,) requests/s: forecast quantiles 0.1, 0.5 and 0.95; NaN = no forecast.
    floor                      (k,) pods, the highest of the column.
    pods_kpa, pods             (k,) pods held, starting and ready, mean: under the KPA alone, and under the
                               plan.
    delayed_kpa, delayed       (k,) delayed requests.
    """

    series: str
    start_s: int
    step_s: int
    arrivals: NDArray[np.float32]
    max_arrivals: NDArray[np.float32]
    low: NDArray[np.float32]
    middle: NDArray[np.float32]
    high: NDArray[np.float32]
    floor: NDArray[np.float32]
    pods_kpa: NDArray[np.float32]
    pods: NDArray[np.float32]
    delayed_kpa: NDArray[np.float32]
    delayed: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result of one backtest.

    where           the files, for people.
    scenario_name   name or file of the scenario; scenario: its values.
    scale_to        requests/s to which the traffic was scaled; None = not scaled.
    series          names, in the order of all metrics.
    start_s         Unix seconds of the first second; seconds: length; score_s: seconds of warm-up.
    step_s          seconds of a step of the file.
    outcomes        in the order of the request; `kpa` is always among them.
    trajectories    of the series that a report opens.
    shown_cost      delay cost of the trajectories, and of tables that show only one.
    seed            random seed.
    """

    where: str
    scenario_name: str
    scenario: Scenario
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
        """Return the outcome of a policy at a delay cost, which some policies do not use; None = not run."""
        for outcome in self.outcomes:
            if outcome.policy == policy and outcome.delay_cost in (None, delay_cost):
                return outcome
        return None
