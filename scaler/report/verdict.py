"""What a backtest found, in sentences that never say more than the figures do."""

from dataclasses import dataclass

from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total
from scaler.report.compare import KPA, TIDECAST, Comparison, title
from scaler.report.words import NBSP, change, hours, percent, setting
from scaler.simulation.score import cost


@dataclass(frozen=True)
class Verdict:
    """What was found.

    sentence   the whole of it in one.
    now, before   the two shares in it, as it writes them; empty where it has none.
    notes      further sentences: the cost, the KPA better set, how many services.
    """

    sentence: str
    now: str
    before: str
    notes: tuple[str, ...]


def verdict(backtest: Backtest, comparison: Comparison) -> Verdict:
    """The verdict at the shown delay-cost."""
    alone, other = comparison.alone, comparison.other
    if other is None:
        sentence = "No request came, and nothing but the KPA alone was run."
        if alone.metrics.requests > 0:
            sentence = (
                f"The KPA alone would have delayed {percent(alone.delayed)} of requests, with "
                f"{hours(alone.metrics.pod_s)} pod-hours; nothing else was run."
            )
        return Verdict(sentence, "", "", ())
    notes = [_priced(comparison, backtest.shown_cost), *_settings(comparison, backtest.shown_cost)]
    if alone.metrics.requests > 0 and len(backtest.series) > 1:
        notes.append(_by_service(backtest, other))
    sentence, now, before = _sentence(alone, other)
    return Verdict(sentence, now, before, tuple(notes))


def _sentence(alone: Total, other: Total) -> tuple[str, str, str]:
    """The sentence and the two shares in it.  What reads the same is the same."""
    name = title(other.policy)
    opening = "" if other.policy == TIDECAST else f"{title(TIDECAST)} was not run; "
    pods = change(other.metrics.pod_s / 3600, alone.metrics.pod_s / 3600, "pod-hours")
    now, before = percent(other.delayed), percent(alone.delayed)
    if alone.metrics.requests <= 0:
        return f"No request came, so none was delayed; {opening}{name} would have held {pods}.", "", ""
    if alone.metrics.delayed == other.metrics.delayed == 0:
        neither = f"{opening}neither {name} nor the KPA alone would have delayed a request"
        return f"{neither[0].upper()}{neither[1:]}; {name} would have held {pods}.", "", ""
    began = f"{opening}{name} would have delayed"
    if now == before:
        return f"{began} as many requests as the KPA alone, {now}, with {pods}.", now, ""
    more = " more:" if other.delayed > alone.delayed else ""
    return f"{began}{more} {now} of requests instead of {before} (the KPA alone), with {pods}.", now, before


def _priced(comparison: Comparison, delay_cost: float) -> str:
    """What it costs by the operator's own measure."""
    assert comparison.other is not None
    now = cost(comparison.other.metrics, delay_cost)
    before = cost(comparison.alone.metrics, delay_cost)
    opening = f"With a delayed request worth {setting(delay_cost)} pod-seconds,"
    by = round(100 * abs(now / before - 1)) if before > 0 else 0
    if by == 0 and (before > 0 or now <= 0):
        return f"{opening} that costs as much as the KPA alone."
    if now < before:
        return f"{opening} that costs {by}{NBSP}% less than the KPA alone."
    more = f"{by}{NBSP}% more" if before > 0 else "more"
    return f"{opening} that costs {more} than the KPA alone, which is the better choice here."


def _settings(comparison: Comparison, delay_cost: float) -> list[str]:
    """What the KPA reaches when it is better set, a sentence each."""
    assert comparison.other is not None
    alone, other = comparison.alone, comparison.other
    how = {
        "kpa-tuned": "Better settings alone, chosen from the past",
        "kpa-fixed": "The best, with hindsight",
    }
    said = []
    for each in comparison.settings:
        pods = change(each.metrics.pod_s / 3600, alone.metrics.pod_s / 3600, "pod-hours")
        sentence = (
            f"{how[each.policy]} ({each.policy}), would have delayed {percent(each.delayed)}, with {pods}"
        )
        cheaper = cost(each.metrics, delay_cost) < cost(other.metrics, delay_cost)
        said.append(f"{sentence}: cheaper than {title(other.policy)}." if cheaper else f"{sentence}.")
    return said


def _by_service(backtest: Backtest, other: Total) -> str:
    """How many services are better off, and how many worse."""
    alone = backtest.outcome(KPA, backtest.shown_cost)
    outcome = backtest.outcome(other.policy, backtest.shown_cost)
    assert alone is not None
    assert outcome is not None
    pairs = [(now.delayed, was.delayed) for now, was in zip(outcome.metrics, alone.metrics, strict=True)]
    fewer = sum(now < was for now, was in pairs)
    more = sum(now > was for now, was in pairs)
    return (
        f"Of {len(pairs):,} services, {_some(fewer)} had fewer delayed requests than under the KPA alone, "
        f"{_some(more)} had more."
    )


def _some(number_of: int) -> str:
    return f"{number_of:,}" if number_of else "none"
