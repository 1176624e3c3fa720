"""Define the workload of the demo: one service on a weekday, split 50/50 between two Revisions.

The traffic is that of a real web server, as counts per minute (data/README.md), scaled to a mean of 40
requests/s by superposing copies whose requests are shifted by up to a minute.  A pod starts in 45 s and
serves 4 requests concurrently, a second each: the scenario `heavy`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import read_export
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.simulation.pod_model import PodModel, pod_model_of
from scaler.simulation.traffic import arrivals_by_second, series_rng

TRACE = Path(__file__).parent / "data" / "nasa_july_60s.csv.gz"
SERVICE = ServiceKey("default", "hello")
REVISIONS = (RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002"))
PERCENT = 50.0
"""Percent of the traffic that each Revision receives."""
MEAN_RATE = 40.0
"""Mean requests/s of the service over the whole trace."""
BEGIN_S = 806_148_000
"""Unix seconds at which the demo begins: Wednesday, 19 July 1995, 10:00 UTC, six in the morning in Florida.
Two weeks of traffic precede it."""
MAX_HOURS = 17.5
"""Hours of traffic that the trace has after the begin."""


@dataclass(frozen=True, eq=False)
class Workload:
    """The service and its traffic.

    arrivals  (r, n) float32 requests in each second, rows as REVISIONS.
    start_s   Unix seconds of the first second.
    begin_s   Unix seconds at which the demo begins.
    """

    arrivals: NDArray[np.float32]
    start_s: int
    begin_s: int
    scenario: Scenario
    pod_model: PodModel

    def from_second(self, at_s: int) -> NDArray[np.float32]:
        """Return the arrivals (r, m) from a Unix second on."""
        return self.arrivals[:, at_s - self.start_s :]


def workload(seed: int) -> Workload:
    """Return the workload.

    seed   random seed for what the trace does not have: the second of a request, and its Revision
    """
    export = read_export(TRACE)
    rng = series_rng(seed, str(SERVICE))
    whole = arrivals_by_second(export.counts[0], export.step_s, rng, scale_to=MEAN_RATE)
    first = rng.binomial(whole.astype(np.int64), PERCENT / 100).astype(np.float32)
    scenario = SCENARIOS["heavy"]
    return Workload(
        arrivals=np.stack([first, whole - first]),
        start_s=export.start_s,
        begin_s=BEGIN_S,
        scenario=scenario,
        pod_model=pod_model_of(scenario),
    )
