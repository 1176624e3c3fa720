"""The results of frontier.py on one trace: points, frontiers, and the conditions that should hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scaler.policies.names import KPA, ORACLE, TIDECAST
from scaler.shadow.selection import NO_HARM_DELAY_COST

DAY_S = 86400
DELAY_COSTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SHOWN_COST = 30.0
FIXED = "kpa-fixed"
PLAIN = (ORACLE, "min-scale-1", "keepalive-10", "kpa-u50", "kpa-u35")
SETTING = "one setting"
SCALED_TO = {"heavy": 40.0, "web": 400.0}
UNSCALED_RATES = {"heavy": (20.0, 120.0)}
"""Requests/s; a series whose mean lies in this range is not scaled."""
LIMITS = (1.0, 1.1)
"""Limits of pod-hours, relative to the KPA alone."""
SUFFIX = ".csv.gz"


@dataclass(frozen=True)
class Trace:
    """A trace in some scenarios.

    days        days that are used; None = all
    warm_days   of these, days that are simulated and not scored
    """

    scenarios: tuple[str, ...]
    days: int | None
    warm_days: int


TRACES = {
    "twitter_stream_60s": Trace(("heavy", "web"), 22, 5),
    "nasa_http_60s": Trace(("heavy", "web"), 29, 7),
    "huawei_coldstarts_60s": Trace(("heavy", "web"), 21, 7),
    "nab_elb_300s": Trace(("heavy", "web"), 14, 3),
    "azure2019_8h_60s": Trace(("sparse",), None, 0),
    "azure_vm_arrivals_300s": Trace(("sparse",), 30, 7),
    "nab_tweets_300s": Trace(("sparse",), 28, 7),
}
TARGETS = {
    "heavy": {"closed_1.00": 90.0, "closed_1.10": 96.0, "same_delay": 0.65},
    "sparse": {"closed_1.00": 70.0, "closed_1.10": 88.0},
    "web": {"same_delay": 0.80},
}
"""Targets of the medians over the traces of a scenario: percent closed within a limit of pod-hours, and
pod-hours at the same delay.
"""
RESULTS = {
    "closed_1.00": "highest closed, <= 1.00 x",
    "closed_1.10": "highest closed, <= 1.10 x",
    "same_delay": "pod-hours, same delay",
}


@dataclass(frozen=True)
class Point:
    """The result of one policy on a trace.

    label              delay cost, or settings as utilization/window/panic threshold
    delayed, cold      percent of the requests
    closed             percent, see above
    x_pods, x_starts   relative to the KPA alone
    p75                75th percentile over the series of the percent delayed
    """

    label: str
    delayed: float
    cold: float
    closed: float
    pod_hours: float
    x_pods: float
    starts: float
    x_starts: float
    p75: float


@dataclass(frozen=True)
class Best:
    """The best value, and the point with the settings that reach it; None = the KPA with its defaults."""

    value: float
    point: Point | None


@dataclass(frozen=True)
class FailedCondition:
    """A condition that does not hold: the value of Tidecast exceeds the limit."""

    trace: str
    scenario: str
    condition: str
    delay_cost: float
    value: float
    limit: float


@dataclass(frozen=True)
class Row:
    """The results on one trace in one scenario.

    points             by policy; tidecast and kpa-fixed have one for each of DELAY_COSTS
    settings           the points of the grid within the limit on starts, the defaults of the KPA first
    max_starts_ratio   limit on starts, relative to the KPA alone
    x_fixed            for each of DELAY_COSTS, cost of tidecast over that of kpa-fixed
    """

    trace: str
    scenario: str
    series: int
    requests: float
    scaled_to: float | None
    points: Mapping[str, tuple[Point, ...]]
    settings: tuple[Point, ...]
    max_starts_ratio: float
    x_fixed: tuple[float, ...]

    @property
    def kpa(self) -> Point:
        """The KPA alone."""
        return self.points[KPA][0]

    @property
    def tidecast(self) -> tuple[Point, ...]:
        """Tidecast at each of DELAY_COSTS."""
        return self.points[TIDECAST]

    def frontier(self, policy: str) -> dict[str, float]:
        """Return the results of tidecast or kpa-fixed, by the names in RESULTS."""
        points = self.points[policy]
        return {
            **{f"closed_{limit:.2f}": highest_closed(points, limit) for limit in LIMITS},
            "same_delay": same_delay(points),
        }

    def with_hindsight(self) -> dict[str, Best]:
        """Return the results of the best settings for the whole trace, by the names in RESULTS."""
        best = {}
        for limit in LIMITS:
            within = [point for point in self.settings if point.x_pods <= limit]
            point = max(within, key=lambda point: point.closed)
            best[f"closed_{limit:.2f}"] = Best(point.closed, point)
        no_worse = [point for point in self.settings if point.closed >= 0]
        point = min(no_worse, key=lambda point: point.x_pods)
        best["same_delay"] = Best(point.x_pods, point)
        default = self.settings[0]
        return {name: Best(b.value, None if b.point == default else b.point) for name, b in best.items()}

    def failed_conditions(self) -> Iterator[FailedCondition]:
        """Yield the conditions for every trace that do not hold on this one."""
        kpa = self.kpa
        for delay_cost, point, x_fixed in zip(DELAY_COSTS, self.tidecast, self.x_fixed, strict=True):
            checks = [
                ("cost / cost of kpa-fixed", x_fixed, 1.0, x_fixed < 1),
                (
                    "starts, x KPA",
                    point.x_starts,
                    self.max_starts_ratio,
                    point.x_starts <= self.max_starts_ratio,
                ),
            ]
            if delay_cost >= NO_HARM_DELAY_COST:
                better = point.p75 < kpa.p75 or point.p75 == kpa.p75 == 0
                checks += [
                    ("delayed %", point.delayed, kpa.delayed, point.delayed <= kpa.delayed),
                    ("delayed %, p75 of series", point.p75, kpa.p75, better),
                ]
            if delay_cost == NO_HARM_DELAY_COST:
                checks.append(("pod-hours, x KPA", point.x_pods, 1.0, point.x_pods <= 1))
            for condition, value, limit, holds in checks:
                if not holds:
                    yield FailedCondition(self.trace, self.scenario, condition, delay_cost, value, limit)


def highest_closed(points: Sequence[Point], limit: float) -> float:
    """Return the highest percent closed within a limit of pod-hours."""
    return max(0.0, reach([(point.x_pods, point.closed) for point in points], limit))


def same_delay(points: Sequence[Point]) -> float:
    """Return the lowest pod-hours, relative to the KPA alone, at which no more requests are delayed."""
    return min(1.0, -reach([(-point.closed, -point.x_pods) for point in points], 0.0))


def reach(points: Sequence[tuple[float, float]], limit: float) -> float:
    """Return the highest y with x <= limit on the line through the points (x, y), or -inf."""
    highest = max((y for x, y in points if x <= limit), default=-np.inf)
    for (x, y), (next_x, next_y) in pairwise(points):
        if min(x, next_x) <= limit < max(x, next_x):
            highest = max(highest, y + (next_y - y) * (limit - x) / (next_x - x))
    return float(highest)
