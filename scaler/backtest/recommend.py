"""Which settings of the KPA would have served a service best: a grid of them, replayed on its own traffic.

The first half of the traffic chooses, the second judges.  One annotation on the Service is all it takes to
follow; nothing has to be installed.

* RecommendError   the user: there is nothing to replay in the file
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import Scenario
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.policies.settings_grid import grid
from scaler.simulation.plan_rows import setting_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import ReplayMetrics, cost, figures
from scaler.simulation.simulator import Replay, replay_all
from scaler.simulation.state import METRICS

RETENTIONS_S = (300, 600)
"""Tried for the best of the grid."""
MAX_STARTS_RATIO = 1.5
"""Settings that start more than so many times the pods are not recommended: a start costs more than its
seconds (image, warm-up, node)."""
DELAYS_MATTER = 10.0
"""From this delay-cost on, no setting is recommended that delays more requests than there were."""
MIN_GAIN = 0.01
"""Of the cost.  What gains less is not worth a change."""
MIN_TRAFFIC_S = 600
"""Seconds of traffic that it takes."""


class RecommendError(ValueError):
    """Nothing can be recommended from what the user gave."""

    exit_code = 2


@dataclass(frozen=True)
class Recommendation:
    """What one service is advised, and what it would have come to on traffic that the choice did not see."""

    series: str
    setting: KpaSettings
    """`UNSET` where nothing is gained."""
    before: ReplayMetrics
    after: ReplayMetrics


def recommend(
    series: str, arrivals: NDArray[np.float32], scenario: Scenario, delay_cost: float
) -> Recommendation:
    """The setting that costs least on the first half of the traffic, if the second half bears it out.

    arrivals     (n,) requests in each second, from a start without pods
    scenario     of this series
    delay_cost   pod-seconds that one delayed request is worth, > 0

    Raises RecommendError where there is less than MIN_TRAFFIC_S of traffic.
    """
    if len(arrivals) < MIN_TRAFFIC_S:
        raise RecommendError(f"{series}: {len(arrivals)} s of traffic; at least {MIN_TRAFFIC_S} s are needed")
    tried = list(grid(scenario))
    first, rest = _replayed(arrivals, scenario, tried)
    best = _cheapest(first, delay_cost)
    held = [UNSET, *_held(tried[best], scenario)]
    first_held, rest_held = _replayed(arrivals, scenario, held)
    best_held = _cheapest(first_held, delay_cost)
    setting, after = tried[best], rest[best]
    if best_held > 0 and _gains(first[best], first_held[best_held], delay_cost):
        setting, after = held[best_held], rest_held[best_held]
    if not _pays(rest[0], after, delay_cost):
        setting, after = UNSET, rest[0]
    return Recommendation(series, setting, rest[0], after)


def _held(best: KpaSettings, scenario: Scenario) -> Iterator[KpaSettings]:
    """The best of the grid and the present setting, holding the last pod for longer, or for good."""
    for setting in dict.fromkeys((best, UNSET)):
        if Lever.FLOOR in scenario.levers:
            yield replace(setting, retention_s=None, min_scale=1)
        if Lever.RETENTION in scenario.levers:
            for retention_s in RETENTIONS_S:
                if retention_s > (setting.retention_s or 0):
                    yield replace(setting, retention_s=retention_s)


def _replayed(
    arrivals: NDArray[np.float32], scenario: Scenario, settings: list[KpaSettings]
) -> tuple[list[ReplayMetrics], list[ReplayMetrics]]:
    """Each setting's figures on the first half of the seconds, and on the rest."""
    world = pod_model_of(scenario)
    lived = replay_all(
        [world] * len(settings),
        arrivals[np.newaxis],
        np.zeros(len(settings), np.int64),
        [setting_rows(world, setting) for setting in settings],
        block_s=-(-len(arrivals) // 2),
    )
    # To set them is no change that a plan makes.
    lived[:, :, METRICS.index("changes")] = 0
    first, rest = (
        [figures(Replay(*of_one.tolist()), scenario.memory_mb) for of_one in lived[:, half]]
        for half in (0, 1)
    )
    return first, rest


def _cheapest(of_settings: list[ReplayMetrics], delay_cost: float) -> int:
    """Which setting costs least among those that may be recommended; the first is the present one."""
    present = of_settings[0]
    costs = [
        cost(after, delay_cost) if i == 0 or _bearable(present, after, delay_cost) else np.inf
        for i, after in enumerate(of_settings)
    ]
    return int(np.argmin(costs))


def _pays(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    return _gains(before, after, delay_cost) and _bearable(before, after, delay_cost)


def _gains(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    gain = cost(before, delay_cost) - cost(after, delay_cost)
    return gain > MIN_GAIN * cost(before, delay_cost)


def _bearable(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    """True where neither starts nor, as far as they matter, delays grow out of bounds."""
    fewer_delays = after.delayed <= before.delayed or delay_cost < DELAYS_MATTER
    return fewer_delays and after.starts <= MAX_STARTS_RATIO * before.starts
