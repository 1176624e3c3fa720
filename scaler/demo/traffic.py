"""Provide the replayed traffic as demand, with the delay of a Prometheus."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.demand import Demand
from forecaster.sources.prometheus.errors import NoData
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.demo.workload import REVISIONS, SERVICE, Workload


class ReplayedMetrics:
    """A `DemandSource` over a workload.

    A step is observed when all of it is older than the scenario's metrics delay.  Newer steps, and steps
    before the trace, are not observed.  Every request occupies a pod for exactly the service time.
    """

    def __init__(self, workload: Workload, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._delay_s = float(workload.scenario.metrics_delay_seconds)
        self._service_s = workload.pod_model.service_time_s
        self._start_s = workload.start_s
        # (r, n + 1): requests before each second, so that any step is a difference.
        self._requests_before = np.cumsum(
            np.pad(workload.arrivals, ((0, 0), (1, 0))), axis=1, dtype=np.float64
        )

    def read(
        self,
        start_s: int,
        end_s: int,
        step_s: int,
        *,
        services: Mapping[RevisionKey, ServiceKey] | None = None,  # noqa: ARG002  # one service
        presets: Mapping[RevisionKey, str] | None = None,  # noqa: ARG002  # no presets
    ) -> Demand:
        """Return the demand on [start_s, end_s).

        Raises:
            NoData: no step of it is observed.
        """
        arrivals = self._arrivals(np.arange(start_s, end_s + 1, step_s))
        if np.isnan(arrivals).all():
            raise NoData(f"no step is observed on [{start_s}, {end_s})")
        busy = arrivals * np.float32(self._service_s)
        return Demand(REVISIONS, (SERVICE,) * len(REVISIONS), arrivals, busy, start_s, step_s, self._delay_s)

    def delay_s(self, step_s: int, at_s: int) -> float:  # noqa: ARG002  # constant
        """Return the age in seconds that a step needs to be observed."""
        return self._delay_s

    def _arrivals(self, edges_s: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return requests/s (r, m) between Unix seconds (m + 1,); NaN where a step is not observed."""
        known_s = min(self._start_s + self._requests_before.shape[1] - 1, self._clock() - self._delay_s)
        index = np.clip(edges_s - self._start_s, 0, self._requests_before.shape[1] - 1)
        rates = np.diff(self._requests_before[:, index], axis=1) / np.diff(edges_s)
        observed = (edges_s[:-1] >= self._start_s) & (edges_s[1:] <= known_s)
        return np.where(observed, rates, np.nan).astype(np.float32)
