"""Recommend settings of the KPA for a service: a grid of settings, replayed on its own traffic.

The first half of the traffic selects the settings, and the second half tests them.  The owner applies them as
annotations of the Service; no installation is needed.

* RecommendError   the user: the file has too little traffic
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import Scenario
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.policies.settings_grid import grid
from scaler.simulation.plan_rows import settings_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import ReplayMetrics, cost, replay_metrics
from scaler.simulation.simulator import Replay, replay_all
from scaler.simulation.state import CHANGES

RETENTIONS_S = (300, 600)
"""Seconds of pod retention that are tried in addition to the best settings of the grid."""
MAX_STARTS_RATIO = 1.5
"""Limit on starts, times those of today: a start costs more than its seconds (image, warm-up, node)."""
NO_HARM_DELAY_COST = 10.0
"""Pod-seconds per delayed request, from which settings that delay more requests are not recommended."""
MIN_GAIN = 0.01
"""Share of the cost that settings must save to be recommended."""
MIN_TRAFFIC_S = 600
"""Seconds of traffic that a recommendation needs."""


class RecommendError(ValueError):
    """The file has too little traffic for a recommendation."""

    exit_code = 2


@dataclass(frozen=True)
class Recommendation:
    """The settings for one service, and the metrics on traffic that did not select them."""

    series: str
    settings: KpaSettings
    """UNSET where no settings bring a gain."""
    before: ReplayMetrics
    after: ReplayMetrics


def recommend(
    series: str, arrivals: NDArray[np.float32], scenario: Scenario, delay_cost: float
) -> Recommendation:
    """Return the settings that cost least on the first half of the traffic, if the second half confirms them.

    arrivals     (n,) requests in each second, from a start without pods
    scenario     of this series
    delay_cost   pod-seconds per delayed request, > 0

    >>> import numpy as np
    >>> from config.scenario import SCENARIOS
    >>> nightly = np.zeros(4 * 86_400, np.float32)
    >>> nightly[3600::86_400] = 1
    >>> recommend("report", nightly, SCENARIOS["sparse"], delay_cost=30.0).settings.window_s
    15

    Raises:
        RecommendError: there are less than MIN_TRAFFIC_S seconds of traffic.
    """
    if len(arrivals) < MIN_TRAFFIC_S:
        raise RecommendError(f"{series}: {len(arrivals)} s of traffic; at least {MIN_TRAFFIC_S} s are needed")
    options = list(grid(scenario))
    first, second = _replayed(arrivals, scenario, options)
    best = _cheapest(first, delay_cost)
    warm_options = [UNSET, *_keeping_last_pod(options[best], scenario)]
    first_warm, second_warm = _replayed(arrivals, scenario, warm_options)
    best_warm = _cheapest(first_warm, delay_cost)
    settings, after = options[best], second[best]
    if best_warm > 0 and _gains(first[best], first_warm[best_warm], delay_cost):
        settings, after = warm_options[best_warm], second_warm[best_warm]
    if not _is_better(second[0], after, delay_cost):
        settings, after = UNSET, second[0]
    return Recommendation(series, settings, second[0], after)


def _keeping_last_pod(best: KpaSettings, scenario: Scenario) -> Iterator[KpaSettings]:
    """Yield the best settings and today's, with the last pod kept longer or always."""
    for settings in dict.fromkeys((best, UNSET)):
        if Lever.FLOOR in scenario.levers:
            yield replace(settings, retention_s=None, min_scale=1)
        if Lever.RETENTION in scenario.levers:
            for retention_s in RETENTIONS_S:
                if retention_s > (settings.retention_s or 0):
                    yield replace(settings, retention_s=retention_s)


def _replayed(
    arrivals: NDArray[np.float32], scenario: Scenario, options: list[KpaSettings]
) -> tuple[list[ReplayMetrics], list[ReplayMetrics]]:
    """Return the metrics of each option on the first half of the seconds, and on the second half."""
    pod_model = pod_model_of(scenario)
    metrics = replay_all(
        [pod_model] * len(options),
        arrivals[np.newaxis],
        np.zeros(len(options), np.int64),
        [settings_rows(pod_model, settings) for settings in options],
        block_s=-(-len(arrivals) // 2),
    )
    # The owner applies settings once: no change counts.
    metrics[:, :, CHANGES] = 0
    first, second = (
        [replay_metrics(Replay(*of_option.tolist()), scenario.memory_mb) for of_option in metrics[:, half]]
        for half in (0, 1)
    )
    return first, second


def _cheapest(by_option: list[ReplayMetrics], delay_cost: float) -> int:
    """Return the index of the cheapest option that may be recommended; the first one is today's."""
    today = by_option[0]
    costs = [
        cost(after, delay_cost) if i == 0 or _does_no_harm(today, after, delay_cost) else np.inf
        for i, after in enumerate(by_option)
    ]
    return int(np.argmin(costs))


def _is_better(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    return _gains(before, after, delay_cost) and _does_no_harm(before, after, delay_cost)


def _gains(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    gain = cost(before, delay_cost) - cost(after, delay_cost)
    return gain > MIN_GAIN * cost(before, delay_cost)


def _does_no_harm(before: ReplayMetrics, after: ReplayMetrics, delay_cost: float) -> bool:
    """Return whether starts stay within their limit, and delays do not grow where they matter."""
    fewer_delays = after.delayed <= before.delayed or delay_cost < NO_HARM_DELAY_COST
    return fewer_delays and after.starts <= MAX_STARTS_RATIO * before.starts
