"""The parts of the page that are there without its scripts, as HTML."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import Any

from config.calendar import calendar_as_dict
from config.scenario import Scenario
from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total, share, total
from scaler.policies.policy import Policy
from scaler.report.compare import KPA, Comparison, title
from scaler.report.verdict import Verdict
from scaler.report.words import count, hours, lasting, number, percent, setting, when

_DASH = "\u2013"
_COLUMNS = (
    ("Policy", ""),
    ("Delay-cost", "pod-seconds that one delayed request is worth to the policy"),
    ("Delayed", "requests that waited because no ready pod had room"),
    ("Cold", "requests that found no pod at all"),
    ("Wait, s", "mean wait of a delayed request, seconds"),
    ("Pod-hours", "pods held, starting and ready"),
    ("\u00d7 KPA", "pod-hours over those of the KPA alone"),
    ("Starts", "pods created"),
    ("Busy", "share of the pod-hours that served"),
    ("RUM, s", "cold starts and wasted memory in one figure, seconds of cold start; lower is better"),
)


def headline(said: Verdict) -> str:
    """The sentence, its two shares marked for the eye."""
    text = escape(said.sentence)
    if said.now:
        now = escape(said.now)
        text = text.replace(now, f'<span class="ours">{now}</span>', 1)
    if said.before:
        before = escape(said.before)
        text = text.replace(f"instead of {before}", f'instead of <span class="alone">{before}</span>', 1)
    return text


def notes(said: Verdict) -> str:
    """The further sentences, one paragraph."""
    return escape(" ".join(said.notes))


def tiles(comparison: Comparison) -> str:
    """Four figures: what is compared, the KPA alone below it, then the KPA better set."""
    kinds = ["ours", "alone"] if comparison.other else ["alone"]
    kinds += ["other"] * len(comparison.settings)
    totals = [each for each in (comparison.other, comparison.alone, *comparison.settings) if each]
    figures: tuple[tuple[str, str, Callable[[Total], float], Callable[[float], str]], ...] = (
        ("Delayed", "requests that waited because no ready pod had room", lambda each: each.delayed, percent),
        ("Cold", "requests that found no pod at all; part of the delayed", lambda each: each.cold, percent),
        ("Pod-hours", "pods held, starting and ready", lambda each: each.metrics.pod_s, hours),
        ("Pod starts", "pods created", lambda each: each.metrics.starts, count),
    )
    said = []
    for name, meaning, value_of, write in figures:
        values = [value_of(each) for each in totals]
        names = [title(each.policy) for each in totals]
        rows = "".join(_bars(kinds, names, values, [write(value) for value in values]))
        said.append(f'<div class="tile"><h3>{name}</h3><dl>{rows}</dl><p class="meaning">{meaning}</p></div>')
    return "\n".join(said)


def _bars(
    kinds: Sequence[str], names: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> Iterator[str]:
    """A name, its figure and a bar of that length each."""
    most = max(values) or 1.0
    for kind, name, value, text in zip(kinds, names, values, texts, strict=True):
        yield (
            f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(text)}</dd>'
            '<dd class="bar" aria-hidden="true"><svg viewBox="0 0 100 4" preserveAspectRatio="none">'
            f'<rect width="{100 * value / most:.1f}" height="4"/></svg></dd></div>'
        )


def summary(backtest: Backtest, comparison: Comparison, policies: Mapping[str, Policy]) -> str:
    """A row for every policy at every delay-cost, summed over series; the shown delay-cost stands out."""
    head = "".join(
        f'<th scope="col"{_class(at > 0, "figure")}{_hint(hint)}>{name}</th>'
        for at, (name, hint) in enumerate(_COLUMNS)
    )
    rows = []
    for outcome in backtest.outcomes:
        each = total(outcome)
        shown = each.delay_cost == backtest.shown_cost or each.policy == KPA
        about = policies[each.policy].description if each.policy in policies else ""
        cells = "".join(f"<td>{escape(text)}</td>" for text in _cells(each, comparison.alone))
        name = f'<th scope="row"{_hint(about)}>{escape(title(each.policy))}</th>'
        kind = _kind(each.policy, comparison) + (" shown" if shown else "")
        rows.append(f'<tr class="{kind}">{name}{cells}</tr>')
    return f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>"


def _cells(each: Total, alone: Total) -> Iterable[str]:
    figures = each.metrics
    return (
        _DASH if each.delay_cost is None else setting(each.delay_cost),
        percent(each.delayed),
        percent(each.cold),
        number(share(figures.wait_s, figures.delayed)),
        hours(figures.pod_s),
        f"{figures.pod_s / alone.metrics.pod_s:.2f}" if alone.metrics.pod_s > 0 else _DASH,
        count(figures.starts),
        percent(share(figures.busy_pod_s, figures.pod_s)),
        number(figures.rum),
    )


def made(backtest: Backtest, version: str) -> str:
    """How the page came about: name and value, in the order of reading."""
    first_s, last_s = backtest.start_s + backtest.score_s, backtest.start_s + backtest.seconds
    scale, warm_s = backtest.scale_to, backtest.score_s
    scaled = "as it is" if scale is None else f"scaled to a mean of {setting(scale)} requests/s"
    steps = f"{len(backtest.series):,} series, steps of {lasting(backtest.step_s)}"
    warm_up = f"{lasting(warm_s)} before it, lived through and not scored" if warm_s else "none"
    entries = (
        ("Traffic", f"{backtest.where}: {steps}, {scaled}"),
        ("Scored", f"{when(first_s)} to {when(last_s)}, {lasting(max(0, last_s - first_s))}"),
        ("Warm-up", warm_up),
        ("Delay-cost shown", f"{setting(backtest.shown_cost)} pod-seconds for one delayed request"),
        ("Scenario", backtest.scenario_name),
        ("Seed", str(backtest.seed)),
        ("Made by", f"Tidecast {version}"),
    )
    return _entries(entries)


def scenario_entries(scenario: Scenario) -> str:
    """The scenario's keys and values as its file would have them, and what differs by series."""
    entries = [
        (field.name.replace("_", "-"), _value(getattr(scenario, field.name)))
        for field in fields(Scenario)
        if field.name not in {"calendar", "time_zone", "series"}
    ]
    if calendar := calendar_as_dict(scenario.calendar):
        entries.append(("calendar", json.dumps(calendar)))
    for glob, said in scenario.series.items():
        differs = ", ".join(f"{name.replace('_', '-')} {_value(value)}" for name, value in said.items())
        entries.append((f"series {glob}", differs))
    return _entries(entries)


def glossary(backtest: Backtest, policies: Mapping[str, Policy]) -> str:
    """What the policies of this backtest do and where they are from, as far as a table of policies says."""
    names = dict.fromkeys(each.policy for each in backtest.outcomes)
    known = [(name, policies[name]) for name in names if name in policies]
    return _entries((title(name), f"{each.description} ({each.source})") for name, each in known)


def _entries(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in entries)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, frozenset):
        return ", ".join(sorted(str(each) for each in value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(policy: str, comparison: Comparison) -> str:
    """`ours` is what stands beside the KPA alone, whatever its name."""
    if comparison.other and policy == comparison.other.policy:
        return "ours"
    return "alone" if policy == KPA else "other"


def _class(condition: bool, name: str) -> str:
    return f' class="{name}"' if condition else ""


def _hint(text: str) -> str:
    return f' title="{escape(text)}"' if text else ""
