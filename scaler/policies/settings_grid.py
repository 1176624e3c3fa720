"""The grid of KPA settings that kpa-fixed, kpa-tuned and `tidecast recommend` search."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TypeVar

from config.policy import Lever
from config.scenario import Scenario
from scaler.kpa.settings import UNSET, KpaSettings

UTILIZATIONS = (35.0, 50.0, 70.0, 85.0)
"""Percent; the values of this grid are chosen by hand."""
WINDOWS_S = (15, 30, 60)
"""Seconds of the stable window."""
PANIC_THRESHOLDS = (110.0, 200.0)
"""Percent."""
_Number = TypeVar("_Number", int, float)


def grid(scenario: Scenario, *, with_retention: bool = True) -> Iterator[KpaSettings]:
    """Yield the settings that the levers of a scenario permit, the current one first.

    A value that the scenario already has is not set again.

    with_retention   True: a shorter window is combined with a retention period as long as the current window,
                     because it would remove the last pod between two requests, and is left out if that lever
                     is not permitted.  False: a window is never combined with a retention period.
    """
    yield UNSET
    levers, window_s = scenario.levers, scenario.stable_window_seconds
    # Without containerConcurrency a pod has no limit, of which a target utilization would be a part.
    may_set_target = Lever.TARGET in levers and scenario.container_concurrency > 0
    utilizations = _alternatives(UTILIZATIONS, scenario.target_utilization_percentage, may_set_target)
    windows = _alternatives(WINDOWS_S, window_s, Lever.WINDOW in levers)
    panics = _alternatives(PANIC_THRESHOLDS, scenario.panic_threshold_percentage, Lever.PANIC in levers)
    for utilization, window, panic in product(utilizations, windows, panics):
        shorter = window is not None and window < window_s
        retained = shorter and with_retention
        if retained and Lever.RETENTION not in levers:
            continue
        settings = KpaSettings(utilization, window, panic, window_s if retained else None)
        if settings != UNSET:
            yield settings


def _alternatives(values: Iterable[_Number], current: float, permitted: bool) -> Iterator[_Number | None]:
    """Yield None for the current value, and the other values if the lever is permitted."""
    yield None
    for value in values:
        if permitted and value != current:
            yield value
