"""Settings as a grid to search, and as plans of a replay."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import TypeVar

from config.policy import Lever
from config.scenario import Scenario
from scaler.kpa.settings import UNSET, KpaSettings

UTILIZATIONS = (35.0, 50.0, 70.0, 85.0)
"""Percent."""
WINDOWS_S = (15, 30, 60)
PANIC_THRESHOLDS = (110.0, 200.0)
"""Percent."""
_Number = TypeVar("_Number", int, float)


def grid(scenario: Scenario, *, retained: bool = True) -> Iterator[KpaSettings]:
    """Settings that the levers allow, the present one first; what is said already is not said again.

    retained   a short window lets the last pod go between two requests, so it goes with what holds that pod
               as long as before, where that lever is allowed.  False: every window stands alone.
    """
    yield UNSET
    levers, window_s = scenario.levers, scenario.stable_window_seconds
    # Without a limit there is no room to run out, and nothing that a utilization would be a part of.
    may_target = Lever.TARGET in levers and scenario.container_concurrency > 0
    utilizations = _others(UTILIZATIONS, scenario.target_utilization_percentage, may_target)
    windows = _others(WINDOWS_S, window_s, Lever.WINDOW in levers)
    panics = _others(PANIC_THRESHOLDS, scenario.panic_threshold_percentage, Lever.PANIC in levers)
    for utilization, window, panic in product(utilizations, windows, panics):
        shorter = window is not None and window < window_s
        held = shorter and retained
        if held and Lever.RETENTION not in levers:
            continue
        setting = KpaSettings(utilization, window, panic, window_s if held else None)
        if setting != UNSET:
            yield setting


def _others(values: Iterable[_Number], present: float, allowed: bool) -> Iterator[_Number | None]:
    """None for the present value, and what else may be said."""
    yield None
    for value in values:
        if allowed and value != present:
            yield value
