"""How few requests wait for how few pods: policies on public traces, replayed as `tidecast backtest` does.

    python tests/bench/frontier.py --traces DIR [--trace NAME ...] [--json]

DIR has the traces named in TRACES.  A trace is one fleet: its figures are sums over its series.  Busy ones
are scaled to the mean of their scenario, in *heavy* only where a series is not near it already.

* closed: of the requests that the KPA alone delays and the oracle does not, the share that is not delayed.
* A frontier is linear between neighbouring delay-costs.  Beside it stands the point "leave everything as it
  is" (1.00 x the pod-hours, 0 % closed), which no line leads to.
* kpa-fixed has for every series, at every delay-cost, the setting that was best with hindsight; its frontier
  is made as ours.  "one setting" is one for the whole trace, chosen with hindsight for the figure beside it;
  nothing lies between two of them.  Both keep to the limit on starts: those of the KPA alone, 1.5 times as
  many in *web*.

What candidates came to on the sparse traces is what services without a past borrow (scaler/shadow/prior.csv).
So that no trace is told of itself, the plan of each of them borrows from the mean of the others in place of
that table; tests/bench/prior.py measures them, on all their days.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (2, 1)]

import numpy as np
from bench.prior import TRACES as LEARNED_FROM
from bench.prior import came_to
from numpy.typing import NDArray

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import read_export
from forecaster.sources.exports.export import Export
from scaler.backtest.request import BacktestRequest
from scaler.backtest.result import Backtest, Outcome
from scaler.backtest.run import run
from scaler.backtest.series import traffic_of
from scaler.backtest.totals import share, total
from scaler.kpa.settings import KpaSettings
from scaler.parallel.interface import in_order
from scaler.parallel.threads import threads
from scaler.policies.names import KPA, ORACLE, TIDECAST
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.policies.settings_grid import grid
from scaler.policies.table import POLICIES
from scaler.shadow import selection
from scaler.shadow.selection import NO_HARM_DELAY_COST, max_starts_ratio
from scaler.simulation.plan_rows import settings_rows
from scaler.simulation.pod_model import pod_model_of
from scaler.simulation.score import cost

DAY_S = 86400
DELAY_COSTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SHOWN_COST = 30.0
FIXED = "kpa-fixed"
PLAIN = (ORACLE, "min-scale-1", "keepalive-10", "kpa-u50", "kpa-u35")
SETTING = "one setting"
SCALED_TO = {"heavy": 40.0, "web": 400.0}
NEAR_ENOUGH = {"heavy": (20.0, 120.0)}
"""Requests/s; a series whose mean is within is left as it is."""
LIMITS = (1.0, 1.1)
"""Pod-hours, times those of the KPA alone."""
SUFFIX = ".csv.gz"


@dataclass(frozen=True)
class Trace:
    """days: so many of it; None: all.  warm_days: of these, lived through and not scored."""

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
ASKED_FOR = {
    "heavy": {"closed_1.00": 90.0, "closed_1.10": 96.0, "same_delay": 0.65},
    "sparse": {"closed_1.00": 70.0, "closed_1.10": 88.0},
    "web": {"same_delay": 0.80},
}
"""Medians over the traces of a scenario: percent closed in so many pod-hours, and those at the same delay."""
WORDS = {
    "closed_1.00": "most closed, <= 1.00 x",
    "closed_1.10": "most closed, <= 1.10 x",
    "same_delay": "pod-hours, same delay",
}


@dataclass(frozen=True)
class Point:
    """What a policy came to on a trace.

    named        its delay-cost, or its setting: utilization/window/panic threshold.
    x_pods, x_starts   times those of the KPA alone.
    p75          of the percents delayed of the single series, the 75th percentile.
    """

    named: str
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
    """A figure, and the setting that has it; None: the KPA as it is."""

    figure: float
    at: Point | None


@dataclass(frozen=True)
class Failed:
    """A condition that does not hold: ours is not below (or at) the limit."""

    trace: str
    scenario: str
    condition: str
    delay_cost: float
    ours: float
    limit: float


@dataclass(frozen=True)
class Row:
    """One trace in one scenario.

    points      by policy; ours and kpa-fixed have one for each of DELAY_COSTS.
    settings    the grid, those within the limit on starts, the KPA as it is among them.
    max_starts_ratio of ours, times the KPA's.
    x_fixed     at each of DELAY_COSTS pod-seconds and cost x delayed, ours over kpa-fixed's.
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
    def alone(self) -> Point:
        return self.points[KPA][0]

    @property
    def ours(self) -> tuple[Point, ...]:
        return self.points[TIDECAST]

    def frontier(self, policy: str) -> dict[str, float]:
        """Of ours or kpa-fixed, by the names of WORDS."""
        points = self.points[policy]
        return {
            **{f"closed_{limit:.2f}": most_closed(points, limit) for limit in LIMITS},
            "same_delay": same_delay(points),
        }

    def with_hindsight(self) -> dict[str, Best]:
        """One setting for all the trace, by the names of WORDS."""
        found = {}
        for limit in LIMITS:
            within = [point for point in self.settings if point.x_pods <= limit]
            best = max(within, key=lambda point: point.closed)
            found[f"closed_{limit:.2f}"] = Best(best.closed, best)
        no_worse = [point for point in self.settings if point.closed >= 0]
        least = min(no_worse, key=lambda point: point.x_pods)
        found["same_delay"] = Best(least.x_pods, least)
        return {word: Best(b.figure, None if b.at == self.settings[0] else b.at) for word, b in found.items()}

    def failed(self) -> Iterator[Failed]:
        """What should hold on every trace and does not."""
        alone = self.alone
        for delay_cost, point, x_fixed in zip(DELAY_COSTS, self.ours, self.x_fixed, strict=True):
            checks = [
                ("pod-seconds + cost x delayed, over kpa-fixed's", x_fixed, 1.0, x_fixed < 1),
                (
                    "starts, x KPA",
                    point.x_starts,
                    self.max_starts_ratio,
                    point.x_starts <= self.max_starts_ratio,
                ),
            ]
            if delay_cost >= NO_HARM_DELAY_COST:
                better = point.p75 < alone.p75 or point.p75 == alone.p75 == 0
                checks += [
                    ("delayed %", point.delayed, alone.delayed, point.delayed <= alone.delayed),
                    ("delayed %, p75 of series", point.p75, alone.p75, better),
                ]
            if delay_cost == NO_HARM_DELAY_COST:
                checks.append(("pod-hours, x KPA", point.x_pods, 1.0, point.x_pods <= 1))
            for condition, its, limit, holds in checks:
                if not holds:
                    yield Failed(self.trace, self.scenario, condition, delay_cost, its, limit)


def most_closed(points: Sequence[Point], limit: float) -> float:
    """Percent closed by at most so many pod-hours."""
    return max(0.0, reach([(point.x_pods, point.closed) for point in points], limit))


def same_delay(points: Sequence[Point]) -> float:
    """The least pod-hours, times those of the KPA alone, at no more delayed requests than under it."""
    return min(1.0, -reach([(-point.closed, -point.x_pods) for point in points], 0.0))


def reach(points: Sequence[tuple[float, float]], limit: float) -> float:
    """The highest y with x <= limit on the line through (x, y); -inf where it is nowhere."""
    highest = max((y for x, y in points if x <= limit), default=-np.inf)
    for (x, y), (next_x, next_y) in pairwise(points):
        if min(x, next_x) <= limit < max(x, next_x):
            highest = max(highest, y + (next_y - y) * (limit - x) / (next_x - x))
    return float(highest)


def fixed_at(setting: KpaSettings) -> Policy:
    """The KPA at this setting for good."""

    def plan(subject: Series, _: float) -> PlanRows:
        return settings_rows(subject.pod_model, setting)

    return Policy(description=SETTING, source="the grid of kpa-fixed", plan=plan)


def settings_of(scenario: Scenario) -> dict[str, Policy]:
    """Name -> policy of all that kpa-fixed chooses from, the KPA as it is first."""
    named = {}
    for setting in grid(scenario, with_retention=False):
        utilization = setting.utilization_percentage or scenario.target_utilization_percentage
        window_s = setting.window_s or scenario.stable_window_seconds
        panic = setting.panic_threshold_percentage or scenario.panic_threshold_percentage
        named[f"{utilization:g}/{window_s}/{panic:g}"] = fixed_at(setting)
    return named


def exported(path: Path, days: int | None) -> Export:
    """The first days of a trace."""
    export = read_export(path)
    columns = export.counts.shape[1] if days is None else days * DAY_S // export.step_s
    return replace(export, counts=export.counts[:, :columns])


def scale_to(export: Export, scenario: str) -> float | None:
    """Requests/s that each series is scaled to; None: as it is."""
    wanted = SCALED_TO.get(scenario)
    if wanted is None:
        return None
    least, most = NEAR_ENOUGH.get(scenario, (wanted, wanted))
    near = [least <= mean <= most for mean in np.nanmean(export.counts, axis=1) / export.step_s]
    return None if all(near) else wanted


@cache
def learned(path: Path) -> NDArray[np.float64]:
    """What the candidates came to on one trace of sparse traffic."""
    return came_to(path)


@contextmanager
def told_of_others(traces: Path, trace: str) -> Iterator[None]:
    """What a service without a past borrows is not from this trace."""
    if trace + SUFFIX not in LEARNED_FROM:
        yield
        return
    others = [learned(traces / other) for other in LEARNED_FROM if other != trace + SUFFIX]
    mean, shipped = np.mean(others, axis=0), vars(selection)["prior"]
    vars(selection)["prior"] = lambda: mean
    try:
        yield
    finally:
        vars(selection)["prior"] = shipped


def measure(traces: Path, trace: str, scenario: str) -> Row:
    """The figures of one public trace in one scenario."""
    with told_of_others(traces, trace):
        return measured(traces / (trace + SUFFIX), trace, TRACES[trace], scenario)


def measured(path: Path, trace: str, its: Trace, scenario: str) -> Row:
    """The figures of a file in one scenario."""
    world = SCENARIOS[scenario]
    export = exported(path, its.days)
    scaled_to = scale_to(export, scenario)
    traffic = traffic_of(
        export, world, scale_to=scaled_to, score_from_s=export.start_s + its.warm_days * DAY_S
    )
    settings = settings_of(world)
    named = {name: POLICIES[name] for name in (KPA, FIXED, TIDECAST, *PLAIN)}
    question = BacktestRequest({**named, **settings}, DELAY_COSTS)
    with threads(None) as spread:
        few = len(traffic) < spread.jobs
        found = run(
            traffic,
            question,
            executor=spread.serial if few else spread,
            map_items=in_order(spread) if few else map,
        )
    if spread.stopped:
        raise SystemExit(130)
    backtest = found.backtest
    points = {name: points_of(backtest, name) for name in question.policies}
    allowed = max_starts_ratio(pod_model_of(world))
    tried = [replace(points[name][0], named=name) for name in settings]
    return Row(
        trace=trace,
        scenario=scenario,
        series=len(traffic),
        requests=total(outcomes(backtest, KPA)[0]).metrics.requests,
        scaled_to=scaled_to,
        points={name: points[name] for name in named},
        settings=tuple(point for point in tried if point.x_starts <= allowed),
        max_starts_ratio=allowed,
        x_fixed=tuple(
            cost(total(ours).metrics, each) / cost(total(fixed).metrics, each)
            for each, ours, fixed in zip(
                DELAY_COSTS, outcomes(backtest, TIDECAST), outcomes(backtest, FIXED), strict=True
            )
        ),
    )


def outcomes(backtest: Backtest, policy: str) -> list[Outcome]:
    """Of one policy, at all delay-costs that it looks at."""
    return [each for each in backtest.outcomes if each.policy == policy]


def points_of(backtest: Backtest, policy: str) -> tuple[Point, ...]:
    """What it came to at all delay-costs that it looks at."""
    alone, oracle = (total(outcomes(backtest, name)[0]).metrics for name in (KPA, ORACLE))
    points = []
    for outcome in outcomes(backtest, policy):
        summed = total(outcome)
        came = summed.metrics
        from_series = [100 * one.delayed / one.requests for one in outcome.metrics if one.requests > 0]
        points.append(
            Point(
                named="" if outcome.delay_cost is None else f"{outcome.delay_cost:g}",
                delayed=100 * summed.delayed,
                cold=100 * summed.cold,
                closed=100 * share(alone.delayed - came.delayed, alone.delayed - oracle.delayed),
                pod_hours=came.pod_s / 3600,
                x_pods=came.pod_s / alone.pod_s,
                starts=came.starts,
                x_starts=share(came.starts, alone.starts),
                p75=float(np.percentile(from_series, 75)),
            )
        )
    return tuple(points)


def medians(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Scenario -> figure -> ours, what settings come to with hindsight, and what is asked for."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for scenario, wanted in ASKED_FOR.items():
        its = [row for row in rows if row.scenario == scenario]
        for word in WORDS if its else ():
            figures = {
                TIDECAST: float(np.median([row.frontier(TIDECAST)[word] for row in its])),
                FIXED: float(np.median([row.frontier(FIXED)[word] for row in its])),
                SETTING: float(np.median([row.with_hindsight()[word].figure for row in its])),
            }
            if word in wanted:
                figures["asked for"] = wanted[word]
            told.setdefault(scenario, {})[word] = figures
    return told


def value(row: Row) -> dict[str, Any]:
    """A row for programs."""
    return {
        "trace": row.trace,
        "scenario": row.scenario,
        "series": row.series,
        "requests": row.requests,
        "scaled_to": row.scaled_to,
        "max_starts_ratio": row.max_starts_ratio,
        "points": {policy: [asdict(point) for point in points] for policy, points in row.points.items()},
        "x_fixed": dict(zip((point.named for point in row.ours), row.x_fixed, strict=True)),
        "frontier": {policy: row.frontier(policy) for policy in (TIDECAST, FIXED)},
        SETTING: {word: asdict(best) for word, best in row.with_hindsight().items()},
    }


def text(row: Row) -> str:
    """A row for people."""
    scaled = "as it is" if row.scaled_to is None else f"scaled to {row.scaled_to:g} requests/s"
    lines = [f"{row.trace}, {row.scenario}: {row.series} series, {row.requests:.0f} requests, {scaled}"]
    for policy in (KPA, *PLAIN):
        point = row.points[policy][0]
        lines.append(
            f"  {policy:25} delayed {point.delayed:8.4f} %  cold {point.cold:5.2f} %  "
            f"pod-hours {point.x_pods:.2f} x  starts {point.x_starts:.2f} x"
        )
    lines.append("  delay-cost                " + "".join(f"{each:>19g}" for each in DELAY_COSTS))
    for policy in (TIDECAST, FIXED):
        points = row.points[policy]
        many = {
            "delayed %": [f"{point.delayed:.4f}" for point in points],
            "cold %": [f"{point.cold:.2f}" for point in points],
            "closed % @ x (starts)": [
                f"{point.closed:.0f} @{point.x_pods:.2f} ({point.x_starts:.1f})" for point in points
            ],
            "p75 of series, delayed %": [f"{point.p75:.4f}" for point in points],
        }
        lines.append(f"  {policy}")
        lines += [f"    {name:24}" + "".join(f"{each:>19}" for each in its) for name, its in many.items()]
    lines.append(f"  {'cost, ours / kpa-fixed':26}" + "".join(f"{each:>19.6f}" for each in row.x_fixed))
    lines.append(f"  {'p75 of series, KPA alone':26}{row.alone.p75:>19.4f}")
    lines_of = {policy: row.frontier(policy) for policy in (TIDECAST, FIXED)}
    for word, best in row.with_hindsight().items():
        at = best.at
        where = "as it is" if at is None else f"@{at.x_pods:.2f} ({at.x_starts:.1f}; {at.named})"
        told = ", ".join(f"{policy} {figure(word, its[word])}" for policy, its in lines_of.items())
        lines.append(f"  {WORDS[word]:25} {told}, {SETTING} {figure(word, best.figure)} {where}")
    return "\n".join(lines)


def figure(word: str, its: float) -> str:
    """Under the names of WORDS, in its unit."""
    return f"{its:.2f} x" if word == "same_delay" else f"{its:.1f} %"


def percent(its: float) -> str:
    """Of requests; what is little keeps its digits."""
    return f"{its:.2f} %" if its >= 0.1 else f"{its:.4f} %"


def summary(rows: Sequence[Row]) -> str:
    """Medians beside what is asked for, conditions that fail, and a table in Markdown."""
    lines = ["medians"]
    for scenario, words in medians(rows).items():
        for word, figures in words.items():
            told = ", ".join(f"{who} {figure(word, its)}" for who, its in figures.items())
            lines.append(f"  {scenario:7} {WORDS[word]:23} {told}")
    every = [failed for row in rows for failed in row.failed()]
    lines.append(f"conditions that fail: {len(every)}")
    lines += [
        f"  {each.trace}, {each.scenario}, delay-cost {each.delay_cost:g}: "
        f"{each.condition} {each.ours:.6g}, limit {each.limit:.6g}"
        for each in every
    ]
    return "\n".join([*lines, markdown(rows)])


def markdown(rows: Sequence[Row]) -> str:
    """The usual delay-cost only."""
    place = DELAY_COSTS.index(SHOWN_COST)
    lines = [
        "| trace, scenario | KPA alone: delayed | tidecast: delayed, pod-hours, starts "
        "| best fixed settings, with hindsight | cost beside these |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ours, fixed = row.ours[place], row.points[FIXED][place]
        both = " | ".join(
            f"{percent(point.delayed)}, {point.x_pods:.2f} x, {point.x_starts:.2f} x"
            for point in (ours, fixed)
        )
        x_fixed = row.x_fixed[place]
        beside = f"{x_fixed:.3f} x" if x_fixed < 1 else f"{x_fixed:.3f} x, **not less**"
        lines.append(f"| {row.trace}, {row.scenario} | {percent(row.alone.delayed)} | {both} | {beside} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--trace", action="append", choices=TRACES, metavar="NAME", help=", ".join(TRACES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.trace or TRACES
    wanted = [
        (scenario, trace) for scenario in ASKED_FOR for trace in names if scenario in TRACES[trace].scenarios
    ]
    missing = sorted({trace for _, trace in wanted if not (options.traces / (trace + SUFFIX)).is_file()})
    if missing:
        parser.error(f"{options.traces} has no {', '.join(name + SUFFIX for name in missing)}")
    rows = []
    for scenario, trace in wanted:
        rows.append(measure(options.traces, trace, scenario))
        if not options.json:
            print(text(rows[-1]), flush=True)
    if not options.json:
        print(summary(rows))
        return
    every = [asdict(failed) for row in rows for failed in row.failed()]
    print(json.dumps({"rows": [value(row) for row in rows], "medians": medians(rows), "failed": every}))


if __name__ == "__main__":
    main()
