"""Which settings of the KPA would have served a service best: a grid of them, replayed on its own traffic.

The first half of the traffic chooses, the second judges.  One annotation on the Service is all it takes to
follow; nothing has to be installed.

* RecommendError   the user: there is nothing to replay in the file
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from config.policy import Lever
from config.scenario import Scenario
from scaler.replay.layout import FIGURES
from scaler.replay.score import Figures, cost, figures
from scaler.replay.world import NO_PLAN, Replay, World, plan_rows, replay_all, world_of

UTILIZATIONS = (35.0, 50.0, 70.0, 85.0)
"""Percent."""
WINDOWS_S = (15, 30, 60)
PANIC_THRESHOLDS = (110.0, 200.0)
"""Percent."""
RETENTIONS_S = (300, 600)
"""Tried for the best of the grid."""
MOST_STARTS = 1.5
"""Settings that start more than so many times the pods are not recommended: a start costs more than its
seconds (image, warm-up, node)."""
DELAYS_MATTER = 10.0
"""From this delay-cost on, no setting is recommended that delays more requests than there were."""
LEAST_GAIN = 0.01
"""Of the cost.  What gains less is not worth a change."""
LEAST_S = 600
"""Seconds of traffic that it takes."""
_Number = TypeVar("_Number", int, float)


class RecommendError(ValueError):
    """Nothing can be recommended from what the user gave."""

    exit_code = 2


@dataclass(frozen=True)
class Setting:
    """What a Service says of its scaling; None = it says nothing, and has what it has."""

    utilization_percentage: float | None = None
    window_s: int | None = None
    panic_threshold_percentage: float | None = None
    retention_s: int | None = None
    min_scale: int | None = None

    def annotations(self) -> dict[str, str]:
        """As Knative reads them on a Revision's template."""
        said = {
            "target-utilization-percentage": _text(self.utilization_percentage),
            "window": _text(self.window_s, "s"),
            "panic-threshold-percentage": _text(self.panic_threshold_percentage),
            "scale-to-zero-pod-retention-period": _text(self.retention_s, "s"),
            "min-scale": _text(self.min_scale),
        }
        return {f"autoscaling.knative.dev/{name}": text for name, text in said.items() if text}


AS_IT_IS = Setting()


@dataclass(frozen=True)
class Recommendation:
    """What one service is advised, and what it would have come to on traffic that the choice did not see."""

    series: str
    setting: Setting
    """`AS_IT_IS` where nothing is gained."""
    before: Figures
    after: Figures


def recommend(
    series: str, arrivals: NDArray[np.float32], scenario: Scenario, delay_cost: float
) -> Recommendation:
    """The setting that costs least on the first half of the traffic, if the second half bears it out.

    arrivals     (n,) requests in each second, from a start without pods
    scenario     of this series
    delay_cost   pod-seconds that one delayed request is worth, > 0

    Raises RecommendError where there is less than LEAST_S of traffic.
    """
    if len(arrivals) < LEAST_S:
        raise RecommendError(f"{series}: {len(arrivals)} s of traffic; at least {LEAST_S} s are needed")
    grid = list(_grid(scenario))
    first, rest = _replayed(arrivals, scenario, grid)
    best = _cheapest(first, delay_cost)
    held = [AS_IT_IS, *_held(grid[best], scenario)]
    first_held, rest_held = _replayed(arrivals, scenario, held)
    best_held = _cheapest(first_held, delay_cost)
    setting, after = grid[best], rest[best]
    if best_held > 0 and _gains(first[best], first_held[best_held], delay_cost):
        setting, after = held[best_held], rest_held[best_held]
    if not _pays(rest[0], after, delay_cost):
        setting, after = AS_IT_IS, rest[0]
    return Recommendation(series, setting, rest[0], after)


def fitting(series: Sequence[str], only: str) -> list[int]:
    """Places of the series whose names fit the glob `only`.  Raises RecommendError where none does."""
    chosen = [i for i, name in enumerate(series) if fnmatchcase(name, only)]
    if not chosen:
        raise RecommendError(f"series: {only!r} fits none of the {len(series)} series of the file")
    return chosen


def _grid(scenario: Scenario) -> Iterator[Setting]:
    """Settings that the levers allow, the present one first; what is said already is not said again."""
    yield AS_IT_IS
    levers, window_s = scenario.levers, scenario.stable_window_seconds
    # Without a limit there is no room to run out, and nothing that a utilization would be a part of.
    may_target = Lever.TARGET in levers and scenario.container_concurrency > 0
    utilizations = _others(UTILIZATIONS, scenario.target_utilization_percentage, may_target)
    windows = _others(WINDOWS_S, window_s, Lever.WINDOW in levers)
    panics = _others(PANIC_THRESHOLDS, scenario.panic_threshold_percentage, Lever.PANIC in levers)
    for utilization, window, panic in product(utilizations, windows, panics):
        shorter = window is not None and window < window_s
        # A short window lets the last pod go between two requests: it goes with what holds that pod.
        if shorter and Lever.RETENTION not in levers:
            continue
        setting = Setting(utilization, window, panic, window_s if shorter else None)
        if setting != AS_IT_IS:
            yield setting


def _held(best: Setting, scenario: Scenario) -> Iterator[Setting]:
    """The best of the grid and the present setting, holding the last pod for longer, or for good."""
    for setting in dict.fromkeys((best, AS_IT_IS)):
        if Lever.FLOOR in scenario.levers:
            yield replace(setting, retention_s=None, min_scale=1)
        if Lever.RETENTION in scenario.levers:
            for retention_s in RETENTIONS_S:
                if retention_s > (setting.retention_s or 0):
                    yield replace(setting, retention_s=retention_s)


def _replayed(
    arrivals: NDArray[np.float32], scenario: Scenario, settings: list[Setting]
) -> tuple[list[Figures], list[Figures]]:
    """Each setting's figures on the first half of the seconds, and on the rest."""
    world = world_of(scenario)
    lived = replay_all(
        [world] * len(settings),
        arrivals[np.newaxis],
        np.zeros(len(settings), np.int64),
        [_rows(world, setting) for setting in settings],
        block_s=-(-len(arrivals) // 2),
    )
    # To set them is no change that a plan makes.
    lived[:, :, FIGURES.index("changes")] = 0
    first, rest = (
        [figures(Replay(*of_one.tolist()), scenario.memory_mb) for of_one in lived[:, half]]
        for half in (0, 1)
    )
    return first, rest


def _rows(world: World, setting: Setting) -> NDArray[np.void]:
    if setting == AS_IT_IS:
        return NO_PLAN
    return plan_rows(
        world,
        [0],
        [setting.min_scale or 0],
        target_utilization=_number(setting.utilization_percentage),
        window_s=_number(setting.window_s),
        panic_threshold=_number(setting.panic_threshold_percentage),
        retention_s=_number(setting.retention_s),
    )


def _cheapest(of_settings: list[Figures], delay_cost: float) -> int:
    """Which setting costs least among those that may be recommended; the first is the present one."""
    present = of_settings[0]
    costs = [
        cost(after, delay_cost) if i == 0 or _bearable(present, after, delay_cost) else np.inf
        for i, after in enumerate(of_settings)
    ]
    return int(np.argmin(costs))


def _pays(before: Figures, after: Figures, delay_cost: float) -> bool:
    return _gains(before, after, delay_cost) and _bearable(before, after, delay_cost)


def _gains(before: Figures, after: Figures, delay_cost: float) -> bool:
    gain = cost(before, delay_cost) - cost(after, delay_cost)
    return gain > LEAST_GAIN * cost(before, delay_cost)


def _bearable(before: Figures, after: Figures, delay_cost: float) -> bool:
    """True where neither starts nor, as far as they matter, delays grow out of bounds."""
    fewer_delays = after.delayed <= before.delayed or delay_cost < DELAYS_MATTER
    return fewer_delays and after.starts <= MOST_STARTS * before.starts


def _others(values: Iterable[_Number], present: float, allowed: bool) -> Iterator[_Number | None]:
    """None for the present value, and what else may be said."""
    yield None
    for value in values:
        if allowed and value != present:
            yield value


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _text(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g}{unit}"
