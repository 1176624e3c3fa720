"""The demo's source of demand: the replayed traffic, told as a Prometheus tells it."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.demo.story import REVISIONS, SERVICE, Story


class ReplayedMetrics:
    """A `DemandSource` over a story.

    A figure is told when all of it is as old as the scenario's metrics delay; what is younger, and what lies
    before the trace, was not observed.  Every request occupies a pod for exactly the service time.
    """

    def __init__(self, story: Story, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._delay_s = float(story.scenario.metrics_delay_seconds)
        self._service_s = story.world.service_s
        self._start_s = story.start_s
        # (r, n + 1): requests before each second, so that any step is a difference.
        self._before = np.cumsum(np.pad(story.arrivals, ((0, 0), (1, 0))), axis=1, dtype=np.float64)

    def read(
        self,
        start_s: int,
        end_s: int,
        step_s: int,
        *,
        services: Mapping[RevisionKey, ServiceKey] | None = None,  # noqa: ARG002  # there is one
        presets: Mapping[RevisionKey, str] | None = None,  # noqa: ARG002  # nor are there names of series
    ) -> Demand:
        """Demand on [start_s, end_s).  Raises NoData where nothing of it is known."""
        arrivals = self._arrivals(np.arange(start_s, end_s + 1, step_s))
        if np.isnan(arrivals).all():
            raise NoData(f"nothing was observed on [{start_s}, {end_s})")
        busy = arrivals * np.float32(self._service_s)
        return Demand(REVISIONS, (SERVICE,) * len(REVISIONS), arrivals, busy, start_s, step_s, self._delay_s)

    def delay_s(self, step_s: int, at_s: int) -> float:  # noqa: ARG002  # the same for all
        """Age that a figure should have to be read, seconds."""
        return self._delay_s

    def _arrivals(self, edges_s: NDArray[np.int64]) -> NDArray[np.float32]:
        """(r, m) requests/s between (m + 1,) Unix seconds; NaN where not all of a step is known."""
        known_s = min(self._start_s + self._before.shape[1] - 1, self._clock() - self._delay_s)
        at = np.clip(edges_s - self._start_s, 0, self._before.shape[1] - 1)
        rates = np.diff(self._before[:, at], axis=1) / np.diff(edges_s)
        observed = (edges_s[:-1] >= self._start_s) & (edges_s[1:] <= known_s)
        return np.where(observed, rates, np.nan).astype(np.float32)
