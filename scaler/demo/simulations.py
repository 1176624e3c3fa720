"""Simulate the same arrivals under each policy, second by second.

Real are the KPA's rules, in the compiled form that golden files keep equal to Knative's code, and the time of
each request.  Not real are the pods: they are numbers that start in exactly the start-up time, a node is
always free, nothing fails, and waits shorter than a second do not exist (scaler.simulation.simulator).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaler.kpa.config import WINDOW_MAX_S
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.simulation.plan_rows import NO_PLAN, floor_rows
from scaler.simulation.pod_model import PodModel
from scaler.simulation.simulator import initial_batch
from scaler.simulation.state import METRICS, TRAJECTORY, Arrivals, Plans, Scoring

KPA, TIDECAST, ORACLE = 0, 1, 2
"""Indices of the policies in all arrays."""
POLICIES = ("KPA alone", "Tidecast", "oracle")
"""Names of the policies, in the order of all arrays."""


@dataclass(frozen=True, eq=False)
class Pods:
    """The pods (p, r) of p policies and r Revisions."""

    ready: NDArray[np.int64]
    starting: NDArray[np.int64]
    queue: NDArray[np.float64]
    """Requests that wait."""
    floor: NDArray[np.int64]
    """The min-scale in effect."""


class PolicySimulations:
    """The Revisions under each policy."""

    def __init__(
        self, pod_model: PodModel, arrivals: NDArray[np.float32], *, start_s: int, score_from_s: int
    ) -> None:
        """Begin without pods.

        arrivals       (r, n) requests in each second, from `start_s` (Unix seconds) on
        score_from_s   Unix seconds; earlier seconds are simulated and not counted
        """
        self._pod_model, self._start_s = pod_model, start_s
        self._arrivals = arrivals
        self._score_s = score_from_s - start_s
        self._revisions = len(arrivals)
        items = len(POLICIES) * self._revisions
        self._pod_params, self._batch = initial_batch([pod_model] * items, longest_window_s=WINDOW_MAX_S)
        self._rows = [NO_PLAN] * items
        self._metrics = np.zeros((items, 1, len(METRICS)))
        self._simulated_s = 0

    @property
    def simulated_until_s(self) -> int:
        """End of the simulated time, Unix seconds."""
        return self._start_s + self._simulated_s

    @property
    def metrics(self) -> NDArray[np.float64]:
        """The metrics (p, r, m) so far, as METRICS."""
        return self._metrics.reshape(len(POLICIES), self._revisions, -1).copy()

    @property
    def pods(self) -> Pods:
        """The pods at the end of the last simulated second."""

        def by_policy(values: NDArray[Any]) -> NDArray[Any]:
            return values.reshape(len(POLICIES), self._revisions).copy()

        revision, spec = self._batch.revision, self._batch.spec
        return Pods(
            by_policy(revision["ready"]),
            by_policy(revision["starting"]),
            by_policy(revision["queue"]),
            by_policy(spec["min_scale"]),
        )

    def plan(self, policy: int, revision: int, rows: NDArray[np.void]) -> None:
        """Set a whole plan: (p,) ROW, seconds from the first one."""
        self._rows[policy * self._revisions + revision] = rows

    def set_floor(
        self, policy: int, revision: int, at_s: int, floor: int, settings: KpaSettings = UNSET
    ) -> None:
        """Set a floor and settings from a Unix second on.

        Raises:
            ValueError: that second is simulated already.
        """
        if at_s < self.simulated_until_s:
            raise ValueError(f"{at_s} is in the past: simulated until {self.simulated_until_s}")
        item = policy * self._revisions + revision
        row = floor_rows(self._pod_model, settings, [at_s - self._start_s], [floor])
        self._rows[item] = np.concatenate([self._rows[item], row])

    def simulate(self, until_s: int) -> None:
        """Simulate the seconds until `until_s`, Unix seconds."""
        from scaler.simulation.kernel import advance_all  # noqa: PLC0415  # numba takes a second to load

        first, last = self._simulated_s, until_s - self._start_s
        if last <= first:
            return
        no_trajectory = np.zeros((len(self._rows), 0, len(TRAJECTORY)), np.float32)
        of_item = np.arange(len(self._rows)) % self._revisions
        advance_all(
            self._pod_params,
            self._batch,
            Arrivals(np.ascontiguousarray(self._arrivals[:, first:last]), of_item, first),
            Plans(np.concatenate(self._rows), np.cumsum([0, *map(len, self._rows)])),
            Scoring(self._score_s, self._arrivals.shape[1]),
            self._metrics,
            no_trajectory,
        )
        self._simulated_s = last


def compile_rules(pod_model: PodModel) -> None:
    """Compile the rules, which takes up to half a minute on a machine's first run."""
    PolicySimulations(pod_model, np.zeros((1, 4), np.float32), start_s=0, score_from_s=0).simulate(4)
