"""What the demo is about: one service, two Revisions that share its traffic half and half, and a weekday.

The traffic is that of a real web server, as counts per minute (data/README.md), scaled to 40 requests/s in
the mean by superposing copies of it whose requests are moved by up to a minute.  A pod takes 45 s to start
and serves 4 requests at once, a second each: the scenario `heavy`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import read_export
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.simulation.pod_model import PodModel, pod_model_of
from scaler.simulation.traffic import arrivals_by_second, source

TRACE = Path(__file__).parent / "data" / "nasa_july_60s.csv.gz"
SERVICE = ServiceKey("default", "hello")
REVISIONS = (RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002"))
PERCENT = 50.0
"""Of the service's traffic, to each Revision."""
MEAN_RATE = 40.0
"""Requests/s of the service, over the whole trace."""
BEGIN_S = 806_148_000
"""Unix seconds at which the show begins: Wednesday, 19 July 1995, 10:00 UTC, six in the morning in Florida.
Two weeks of traffic lie before it."""
MAX_HOURS = 17.5
"""So long a show the trace has traffic for."""


@dataclass(frozen=True, eq=False)
class Story:
    """The service and its traffic.

    arrivals  (r, n) float32 requests in each second, rows as REVISIONS.
    start_s   Unix seconds of the first.
    begin_s   Unix seconds at which the show begins.
    """

    arrivals: NDArray[np.float32]
    start_s: int
    begin_s: int
    scenario: Scenario
    world: PodModel

    def from_second(self, at_s: int) -> NDArray[np.float32]:
        """(r, m) arrivals from a Unix second on."""
        return self.arrivals[:, at_s - self.start_s :]


def story(seed: int) -> Story:
    """The story; `seed` is of what the trace leaves open: the second of a request, and its Revision."""
    export = read_export(TRACE)
    rng = source(seed, str(SERVICE))
    whole = arrivals_by_second(export.counts[0], export.step_s, rng, scale_to=MEAN_RATE)
    first = rng.binomial(whole.astype(np.int64), PERCENT / 100).astype(np.float32)
    scenario = SCENARIOS["heavy"]
    return Story(
        arrivals=np.stack([first, whole - first]),
        start_s=export.start_s,
        begin_s=BEGIN_S,
        scenario=scenario,
        world=pod_model_of(scenario),
    )
