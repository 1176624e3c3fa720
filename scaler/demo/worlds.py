"""Worlds side by side: the same arrivals under each policy, lived through second by second.

What is real in them: the KPA's rules, in the compiled form that the golden files hold equal to Knative's own
code, and when each request comes.  What is not: pods are numbers that start in exactly the start-up, a node
is always free, nothing fails, and waits shorter than a second do not exist (scaler.simulation.simulator).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.kpa.config import WINDOW_MAX_S
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.simulation.plan_rows import NO_PLAN, steered
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import begin
from scaler.simulation.state import METRICS, TRAJECTORY

KPA, TIDECAST, ORACLE = 0, 1, 2
POLICIES = ("KPA alone", "Tidecast", "oracle")
"""In the order of all figures."""


@dataclass(frozen=True, eq=False)
class Pods:
    """How it stands in each world: (p, r), policies by Revisions."""

    ready: NDArray[np.int64]
    starting: NDArray[np.int64]
    queue: NDArray[np.float64]
    """Requests that wait."""
    floor: NDArray[np.int64]
    """min-scale in force."""


class Worlds:
    """Each policy's copy of the Revisions."""

    def __init__(
        self, world: PodModel, arrivals: NDArray[np.float32], *, start_s: int, score_from_s: int
    ) -> None:
        """All begin without a pod.

        arrivals      (r, n) requests in each second, from `start_s` (Unix seconds) on
        score_from_s  Unix seconds; what is before is lived through and not counted
        """
        self._world, self._start_s = world, start_s
        self._arrivals = arrivals
        self._score_s = score_from_s - start_s
        self._revisions = len(arrivals)
        items = len(POLICIES) * self._revisions
        self._surroundings, self._items = begin([world] * items, longest_window_s=WINDOW_MAX_S)
        self._rows = [NO_PLAN] * items
        self._figures = np.zeros((items, 1, len(METRICS)))
        self._lived_s = 0

    @property
    def lived_until_s(self) -> int:
        """Unix seconds where what was lived ends."""
        return self._start_s + self._lived_s

    @property
    def figures(self) -> NDArray[np.float64]:
        """(p, r, f) METRICS so far."""
        return self._figures.reshape(len(POLICIES), self._revisions, -1).copy()

    @property
    def pods(self) -> Pods:
        """How it stands at the end of the last second."""

        def told(values: NDArray[np.generic]) -> NDArray[np.generic]:
            return values.reshape(len(POLICIES), self._revisions).copy()

        of, spec = self._items.revision, self._items.spec
        return Pods(told(of["ready"]), told(of["starting"]), told(of["queue"]), told(spec["min_scale"]))  # type: ignore[arg-type]

    def plan(self, policy: int, revision: int, rows: NDArray[np.void]) -> None:
        """A whole plan: (p,) ROW, seconds counted from the first."""
        self._rows[policy * self._revisions + revision] = rows

    def ask(self, policy: int, revision: int, at_s: int, floor: int, setting: KpaSettings = UNSET) -> None:
        """A floor and a setting, in force from a Unix second on; that must not have been lived yet."""
        if at_s < self.lived_until_s:
            raise ValueError(f"{at_s} is past: lived until {self.lived_until_s}")
        item = policy * self._revisions + revision
        row = steered(self._world, setting, [at_s - self._start_s], [floor])
        self._rows[item] = np.concatenate([self._rows[item], row])

    def live(self, until_s: int) -> None:
        """Live through the seconds up to `until_s` (Unix)."""
        from scaler.simulation.kernel import advance_all  # noqa: PLC0415  # numba takes a second to load

        first, last, items = self._lived_s, until_s - self._start_s, self._items
        if last <= first:
            return
        untold = np.zeros((len(self._rows), 0, len(TRAJECTORY)), np.float32)
        advance_all(
            self._surroundings, items.owned, items.spec, items.revision, items.windows, items.buckets,
            items.delay, items.batches, np.ascontiguousarray(self._arrivals[:, first:last]),
            np.arange(len(self._rows)) % self._revisions, first, np.concatenate(self._rows),
            np.cumsum([0, *map(len, self._rows)]), self._score_s, self._arrivals.shape[1],
            self._figures, untold,
        )  # fmt: skip
        self._lived_s = last


def compile_rules(world: PodModel) -> None:
    """Have the compiled rules at hand: on a machine's first time that takes up to half a minute."""
    Worlds(world, np.zeros((1, 4), np.float32), start_s=0, score_from_s=0).live(4)
