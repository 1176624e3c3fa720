"""Policies over all series of a file.

Series do not depend on each other, so they are worked on side by side, in threads that the caller brings:
the replays are compiled code, which runs without Python's lock.  Or on a cluster: what goes out with the work
is the file, and with each series what is known of it so far.  Where series are few, what is tried on one
of them is spread instead.  Only our own policy learns from all series before it plans any of them, so it
takes two rounds: what each series teaches, then a plan for each.

Work that was stopped ends early: what comes out is of the series that were done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from scaler.backtest.request import Key, Question
from scaler.backtest.result import Backtest, Course, Outcome
from scaler.backtest.series import Traffic
from scaler.backtest.trajectory import picture
from scaler.backtest.upstream import callers_among, with_calls
from scaler.parallel.interface import Each, Spread, one_by_one, until_stopped
from scaler.policies import kpa_best
from scaler.policies.names import KPA, OURS
from scaler.policies.policy import Rows, Subject
from scaler.simulation.score import Figures, cost, figures
from scaler.simulation.simulator import replay


@dataclass(eq=False)
class Lived:
    """What one series came to.

    came_to   by policy and delay-cost.
    plans     those that are needed once more.
    trial     what our policy keeps of the series; None where it is not asked.
    """

    came_to: dict[Key, Figures] = field(default_factory=dict)
    plans: dict[Key, Rows] = field(default_factory=dict)
    trial: Any = None


@dataclass(frozen=True, eq=False)
class Found:
    """What a backtest found.

    backtest   the figures.
    plans      (k, plan) of the k-th series of the traffic, in its order, where they were asked for.
    unplanned  True: our policy was asked and is left out, because the work was stopped before it could plan.
    """

    backtest: Backtest
    plans: tuple[tuple[int, Rows], ...]
    unplanned: bool = False


def run(
    traffic: Traffic,
    question: Question,
    *,
    where: str = "",
    scenario: str = "",
    spread: Spread = one_by_one,
    each: Each = map,
    told: Callable[[float], None] = lambda _: None,
) -> Found:
    """Every policy on every series; the KPA alone is always among the outcomes.

    where, scenario   what the files and the world are called, for people
    spread            over series; each: over what is tried on one of them
    told              is told the share that is done, 0..1
    """
    if KPA not in question.policies:
        raise ValueError("the KPA alone is part of every backtest")
    told = _rounds(len(traffic), 2 if OURS in question.policies else 1, told)
    lived: dict[int, Lived] = {}
    turns = callers_among(traffic, spread) if OURS in question.policies else {}
    first = spread(lambda k: _others(with_calls(traffic, k, turns), question, each), range(len(traffic)))
    for k, one in until_stopped(first):
        lived[k] = one
        _keep_the_largest(lived, question)
        told(1)
    unplanned = False
    if OURS in question.policies:
        done = _ours(traffic, question, lived, spread, told) if len(lived) == len(traffic) else {}
        unplanned = not done
        lived = done or lived
    courses = _courses(traffic, question, lived, spread)
    if unplanned:
        kept = {name: policy for name, policy in question.policies.items() if name != OURS}
        question = replace(question, policies=kept)
    backtest = _backtest(traffic, question, lived, courses, where=where, scenario=scenario)
    written = None if unplanned else question.written
    plans = [(k, lived[k].plans[written]) for k in sorted(lived) if written is not None]
    return Found(backtest, tuple(plans), unplanned)


def _others(subject: Subject, question: Question, each: Each) -> Lived:
    """One series under all policies but ours, which only tries what it needs to know."""
    lived = Lived()
    if not kpa_best.NAMED.isdisjoint(question.policies):
        kpa_best.tried(subject, each)
    for name, policy in question.policies.items():
        if name == OURS:
            continue
        for worth in question.costs(policy):
            # Who does not look at the delay-cost is told any.
            rows = policy.plan(subject, question.delay_costs[0] if worth is None else worth)
            _live(lived, (name, worth), subject, rows, question)
    if OURS in question.policies:
        from scaler.policies.tidecast import trial  # noqa: PLC0415  # all forecasts come with it

        # A subject of its own: a trial may keep it, and what else was tried on this one goes with this one.
        lived.trial = trial(replace(subject), each)
    return lived


def _ours(
    traffic: Traffic,
    question: Question,
    lived: dict[int, Lived],
    spread: Spread,
    told: Callable[[float], None],
) -> dict[int, Lived]:
    """Our policy on every series, after all were tried; those that were done."""
    from scaler.policies.tidecast import plan, pooled  # noqa: PLC0415

    pool = pooled([lived[k].trial for k in sorted(lived)])

    def planned(item: tuple[int, Lived]) -> Lived:
        k, one = item
        subject = traffic.subject(k)
        for worth in question.delay_costs:
            _live(one, (OURS, worth), subject, plan(one.trial, pool, worth), question)
        return one

    done = {}
    for (k, _), one in spread(planned, sorted(lived.items(), key=lambda each: each[0])):
        done[k] = one
        _keep_the_largest(done, question)
        told(1)
    return done


def _live(lived: Lived, key: Key, subject: Subject, rows: Rows, question: Question) -> None:
    """One plan on one series."""
    came_to = replay(subject.world, subject.arrivals, rows, score_s=subject.score_s)
    lived.came_to[key] = figures(came_to, subject.scenario.memory_mb)
    if key in {question.drawn, question.written}:
        lived.plans[key] = rows


def _keep_the_largest(lived: dict[int, Lived], question: Question) -> None:
    """Lets go the plans that no course will show."""
    if question.drawn is None or question.drawn == question.written:
        return
    for k in _largest(lived, question)[question.courses :]:
        del lived[k].plans[question.drawn]


def _largest(lived: dict[int, Lived], question: Question) -> list[int]:
    """Series that can be drawn; that of the largest cost under the KPA alone is the first."""
    drawable = [k for k, one in lived.items() if question.drawn in one.plans]
    return sorted(drawable, key=lambda k: (-cost(lived[k].came_to[KPA, None], question.shown_cost), k))


def _courses(
    traffic: Traffic, question: Question, lived: dict[int, Lived], spread: Spread
) -> tuple[Course, ...]:
    """Of the series that cost the KPA most."""
    drawn = question.drawn
    if drawn is None:
        return ()

    def drawing(item: tuple[int, Lived]) -> Course | None:
        k, one = item
        band = None
        if drawn[0] == OURS:
            from scaler.policies.tidecast import band as forecast  # noqa: PLC0415

            band = forecast(one.trial)
        return picture(traffic.subject(k), one.plans[drawn], band, traffic.export.step_s)

    largest = _largest(lived, question)[: question.courses]
    pictures = {k: made for (k, _), made in spread(drawing, [(k, lived[k]) for k in largest])}
    return tuple(course for k in largest if (course := pictures.get(k)) is not None)


def _backtest(
    traffic: Traffic,
    question: Question,
    lived: dict[int, Lived],
    courses: tuple[Course, ...],
    *,
    where: str,
    scenario: str,
) -> Backtest:
    order = sorted(lived)
    return Backtest(
        where=where,
        scenario=scenario,
        world=traffic.scenario,
        scale_to=traffic.scale_to,
        series=tuple(traffic.series_name(k) for k in order),
        start_s=traffic.export.start_s,
        seconds=traffic.seconds,
        score_s=traffic.score_s,
        step_s=traffic.export.step_s,
        outcomes=tuple(
            Outcome(*key, figures=tuple(lived[k].came_to[key] for k in order)) for key in question.keys
        ),
        courses=courses,
        shown_cost=question.shown_cost,
        seed=traffic.seed,
    )


def _rounds(series: int, rounds: int, told: Callable[[float], None]) -> Callable[[float], None]:
    """Counts series done into a share of all."""
    done = 0.0

    def more(by: float) -> None:
        nonlocal done
        done += by
        told(done / (series * rounds))

    return more
