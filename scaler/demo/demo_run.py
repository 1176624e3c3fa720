"""Run the loop of `tidecast run` in simulated time, its jobs one after the other.

A job takes no simulated time.  Before a job runs, the simulations have reached its second; the two ends of
the loop have no later data.
"""

import heapq

import numpy as np

from config.policy import Mode, RevisionPolicy
from config.settings import Settings
from scaler.controller.loop import Loop
from scaler.controller.progress import ProgressOf, no_progress
from scaler.controller.status import StatusStore
from scaler.controller.timing import POLL_SHARE
from scaler.demo.knative import SimulatedKnative
from scaler.demo.scene import Scene, scene
from scaler.demo.simulations import ORACLE, PolicySimulations
from scaler.demo.traffic import ReplayedMetrics
from scaler.demo.workload import REVISIONS, Workload
from scaler.policies.oracle import ORACLE as ORACLE_POLICY
from scaler.policies.policy import Series
from scaler.server.service import PLAN_AFTER_OBSERVE_S, SHADOW_FIRST_S, SWEEP_S, Job

SETTLE_S = 1800
"""Seconds that are simulated under the KPA alone before the demo, so that no policy begins without pods."""
SETTINGS = Settings(policy=RevisionPolicy(mode=Mode.ACT))
"""The settings of `tidecast run`, except for the mode."""
OBSERVE_S = 0.1
"""Seconds from the start to the first observation, as in `tidecast run`."""


class DemoRun:
    """One run of the demo."""

    def __init__(self, workload: Workload, *, hours: float, settings: Settings = SETTINGS) -> None:
        self.workload = workload
        self.now_s = float(workload.begin_s)
        """Unix seconds, simulated."""
        self.end_s = workload.begin_s + round(hours * 3600)
        self.status_store = StatusStore()
        self.scenes: list[Scene] = []
        """One per plan."""
        from_s = workload.begin_s - SETTLE_S
        self.simulations = PolicySimulations(
            workload.pod_model, workload.from_second(from_s), start_s=from_s, score_from_s=workload.begin_s
        )
        self._plan_oracle(from_s)
        self.knative = SimulatedKnative(workload, self.simulations, settings, self.clock)
        self.loop = Loop(
            ReplayedMetrics(workload, self.clock), self.knative, settings, self.status_store, clock=self.clock
        )
        self._jobs = self._schedule(settings)
        self._due = [(job.first_s, number, 0) for number, job in enumerate(self._jobs)]
        heapq.heapify(self._due)

    def clock(self) -> float:
        """Return the simulated time, Unix seconds."""
        return self.now_s

    @property
    def share(self) -> float:
        """Share of the demo that is over, 0..1."""
        return (self.now_s - self.workload.begin_s) / (self.end_s - self.workload.begin_s)

    @property
    def over(self) -> bool:
        """The end is reached."""
        return self.now_s >= self.end_s

    def start(self, progress: ProgressOf = no_progress) -> None:
        """Simulate the time before the demo, and let the loop read its history."""
        self.simulations.simulate(self.workload.begin_s)
        self.loop.start(progress)

    def next_s(self) -> float:
        """Return the simulated time of the next step, Unix seconds."""
        return min(self.workload.begin_s + self._due[0][0], float(self.end_s))

    def step(self) -> None:
        """Simulate until the next job is due, and run it; at the end there is none."""
        self.now_s = self.next_s()
        self.simulations.simulate(int(self.now_s))
        if self.over:
            return
        _, number, times = heapq.heappop(self._due)
        job = self._jobs[number]
        job.run()
        heapq.heappush(self._due, (job.first_s + (times + 1) * job.every_s, number, times + 1))

    def _schedule(self, settings: Settings) -> list[Job]:
        """Return the jobs of `tidecast run`, without that for an edited configuration."""
        timing = settings.timing
        return [
            Job("sweep", self.loop.sweep, SWEEP_S, 0.0),
            Job("observe", self.loop.observe, max(1.0, POLL_SHARE * timing.step_s), OBSERVE_S),
            Job("plan", self._plan, timing.planning_period_s, PLAN_AFTER_OBSERVE_S),
            Job("shadow", self.loop.run_shadow, timing.planning_period_s, SHADOW_FIRST_S, "shadow"),
            Job("refit", self.loop.refit, timing.refit_period_s, timing.refit_period_s),
        ]

    def _plan(self) -> None:
        self.loop.plan()
        at_s = int(self.now_s)
        previous_s = self.scenes[-1].at_s if self.scenes else self.workload.begin_s
        first, last = (edge_s - self.workload.start_s for edge_s in (previous_s, at_s))
        arrivals = self.workload.arrivals[:, first:last]
        rates = dict(zip(REVISIONS, arrivals.mean(axis=1, dtype=np.float64).tolist(), strict=True))
        self.scenes.append(scene(at_s, rates, self.simulations, self.status_store.status))

    def _plan_oracle(self, from_s: int) -> None:
        """Set the plan of the oracle, which knows all arrivals, from the first second on."""
        for row, arrivals in enumerate(self.workload.from_second(from_s)):
            series = Series(
                str(REVISIONS[row]),
                from_s,
                arrivals,
                self.workload.scenario,
                self.workload.pod_model,
                SETTLE_S,
            )
            self.simulations.plan(ORACLE, row, ORACLE_POLICY.plan(series, SETTINGS.policy.delay_cost))
