"""The show: the loop of `tidecast run`, its jobs done one after the other in simulated time.

A job takes no simulated time.  Before one is done, the worlds have lived up to its second; nothing that
comes later is in any array that the loop's two ends can tell.
"""

import heapq

import numpy as np

from config.policy import Mode, RevisionPolicy
from config.settings import Settings
from scaler.controller.loop import LOOK_PART, Loop, Progresses, silent
from scaler.controller.status import StatusStore
from scaler.demo.knative import SimulatedKnative
from scaler.demo.scene import Scene, scene
from scaler.demo.story import REVISIONS, Story
from scaler.demo.traffic import ReplayedMetrics
from scaler.demo.worlds import ORACLE, Worlds
from scaler.policies.oracle import ORACLE as ORACLE_POLICY
from scaler.policies.policy import Series
from scaler.server.service import AFTER_OBSERVE_S, SHADOW_FIRST_S, SWEEP_S, Job

SETTLE_S = 1800
"""Seconds that all worlds live under the KPA alone before the show, so that none begins without a pod."""
SETTINGS = Settings(policy=RevisionPolicy(mode=Mode.ACT))
"""Those of `tidecast run`, but for the mode."""
OBSERVE_S = 0.1
"""The first look falls due so long after the begin, as in `tidecast run`."""


class Show:
    """One run of the demo."""

    def __init__(self, story: Story, *, hours: float, settings: Settings = SETTINGS) -> None:
        self.story = story
        self.now_s = float(story.begin_s)
        """Unix seconds, simulated."""
        self.end_s = story.begin_s + round(hours * 3600)
        self.status_store = StatusStore()
        self.scenes: list[Scene] = []
        """One a plan."""
        from_s = story.begin_s - SETTLE_S
        self.worlds = Worlds(
            story.world, story.from_second(from_s), start_s=from_s, score_from_s=story.begin_s
        )
        self._foresee(from_s)
        self.knative = SimulatedKnative(story, self.worlds, settings, self.clock)
        self.loop = Loop(
            ReplayedMetrics(story, self.clock), self.knative, settings, self.status_store, clock=self.clock
        )
        self._jobs = self._schedule(settings)
        self._due = [(job.first_s, number, 0) for number, job in enumerate(self._jobs)]
        heapq.heapify(self._due)

    def clock(self) -> float:
        """Unix seconds, simulated."""
        return self.now_s

    @property
    def share(self) -> float:
        """Of the show, what is over, 0..1."""
        return (self.now_s - self.story.begin_s) / (self.end_s - self.story.begin_s)

    @property
    def over(self) -> bool:
        """True where the end is reached."""
        return self.now_s >= self.end_s

    def begin(self, progress: Progresses = silent) -> None:
        """Let the worlds settle, and the loop read its history."""
        self.worlds.live(self.story.begin_s)
        self.loop.begin(progress)

    def next_s(self) -> float:
        """Unix seconds, simulated, of the next step."""
        return min(self.story.begin_s + self._due[0][0], float(self.end_s))

    def step(self) -> None:
        """Live on to the next job that falls due, and do it; at the end there is none."""
        self.now_s = self.next_s()
        self.worlds.live(int(self.now_s))
        if self.over:
            return
        _, number, times = heapq.heappop(self._due)
        job = self._jobs[number]
        job.do()
        heapq.heappush(self._due, (job.first_s + (times + 1) * job.every_s, number, times + 1))

    def _schedule(self, settings: Settings) -> list[Job]:
        """As `tidecast run` has it, but for an edited configuration, which nobody looks for here."""
        timing = settings.timing
        return [
            Job("sweep", self.loop.sweep, SWEEP_S, 0.0),
            Job("observe", self.loop.observe, max(1.0, LOOK_PART * timing.step_s), OBSERVE_S),
            Job("plan", self._plan, timing.planning_period_s, AFTER_OBSERVE_S),
            Job("shadow", self.loop.run_shadow, timing.planning_period_s, SHADOW_FIRST_S, "shadow"),
            Job("refit", self.loop.refit, timing.refit_period_s, timing.refit_period_s),
        ]

    def _plan(self) -> None:
        self.loop.plan()
        at_s = int(self.now_s)
        before_s = self.scenes[-1].at_s if self.scenes else self.story.begin_s
        first, last = (at - self.story.start_s for at in (before_s, at_s))
        came = self.story.arrivals[:, first:last]
        rates = dict(zip(REVISIONS, came.mean(axis=1, dtype=np.float64).tolist(), strict=True))
        self.scenes.append(scene(at_s, rates, self.worlds, self.status_store.status))

    def _foresee(self, from_s: int) -> None:
        """The oracle has its plan from the first second on."""
        for row, arrivals in enumerate(self.story.from_second(from_s)):
            subject = Series(
                str(REVISIONS[row]), from_s, arrivals, self.story.scenario, self.story.world, SETTLE_S
            )
            self.worlds.plan(ORACLE, row, ORACLE_POLICY.plan(subject, SETTINGS.policy.delay_cost))
