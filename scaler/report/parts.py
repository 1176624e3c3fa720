"""Write the parts of the page that need no script, as HTML."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import Any

from config.calendar import calendar_as_dict
from config.scenario import Scenario
from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total, share, total
from scaler.policies.names import KPA
from scaler.policies.policy import Policy
from scaler.report.compare import Comparison, title
from scaler.report.verdict import Verdict
from scaler.report.words import count, date_time, duration, hours, number, percent, setting

_DASH = "\u2013"
_COLUMNS = (
    ("Policy", ""),
    ("Delay cost", "pod-seconds that the policy accepts to prevent one delayed request"),
    ("Delayed", "requests that waited because no ready pod had room"),
    ("Cold", "requests that found no ready pod at all"),
    ("Wait, s", "mean wait of a delayed request, seconds"),
    ("Pod-hours", "pods held, starting and ready"),
    ("\u00d7 KPA", "pod-hours divided by those of the KPA alone"),
    ("Starts", "pods created"),
    ("Busy", "share of the pod-hours that served requests"),
    ("RUM, s", "cold starts and wasted memory in one number, seconds of cold start; lower is better"),
)
"""Heading and explanation of the columns of the table of policies."""

_TILES: tuple[tuple[str, str, Callable[[Total], float], Callable[[float], str]], ...] = (
    ("Delayed", "requests that waited because no ready pod had room", lambda row: row.delayed, percent),
    (
        "Cold",
        "requests that found no ready pod at all; they are also delayed",
        lambda row: row.cold,
        percent,
    ),
    ("Pod-hours", "pods held, starting and ready", lambda row: row.metrics.pod_s, hours),
    ("Pod starts", "pods created", lambda row: row.metrics.starts, count),
)
"""Heading, explanation, value and format of the tiles."""


def headline(verdict: Verdict) -> str:
    """Return the sentence of the verdict with its two shares in colour."""
    text = escape(verdict.sentence)
    if verdict.compared_share:
        compared_share = escape(verdict.compared_share)
        text = text.replace(compared_share, f'<span class="compared">{compared_share}</span>', 1)
    if verdict.kpa_share:
        kpa_share = escape(verdict.kpa_share)
        text = text.replace(f"instead of {kpa_share}", f'instead of <span class="kpa">{kpa_share}</span>', 1)
    return text


def notes(verdict: Verdict) -> str:
    """Return the further sentences of the verdict as one paragraph."""
    return escape(" ".join(verdict.notes))


def tiles(comparison: Comparison) -> str:
    """Return four tiles, each with rows for the compared policy, the KPA alone and better settings."""
    kinds = ["compared", "kpa"] if comparison.compared else ["kpa"]
    kinds += ["other"] * len(comparison.settings)
    totals = [*filter(None, (comparison.compared, comparison.kpa, *comparison.settings))]
    names = [title(row.policy) for row in totals]
    parts = []
    for heading, meaning, value_of, text_of in _TILES:
        values = [value_of(row) for row in totals]
        rows = "".join(_bars(kinds, names, values, [text_of(value) for value in values]))
        parts.append(
            f'<div class="tile"><h3>{heading}</h3><dl>{rows}</dl><p class="meaning">{meaning}</p></div>'
        )
    return "\n".join(parts)


def _bars(
    kinds: Sequence[str], names: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> Iterator[str]:
    """Yield a name, its value, and a bar whose length is the value relative to the largest one."""
    largest = max(values) or 1.0
    for kind, name, value, text in zip(kinds, names, values, texts, strict=True):
        yield (
            f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(text)}</dd>'
            '<dd class="bar" aria-hidden="true"><svg viewBox="0 0 100 4" preserveAspectRatio="none">'
            f'<rect width="{100 * value / largest:.1f}" height="4"/></svg></dd></div>'
        )


def summary(backtest: Backtest, comparison: Comparison, policies: Mapping[str, Policy]) -> str:
    """Return a table with a row per policy and delay cost, summed over series.

    The rows of the KPA alone and of the shown delay cost have the class `shown`, which makes them bold.
    """
    head = "".join(
        f'<th scope="col"{_title_attribute(meaning)}>{heading}</th>' for heading, meaning in _COLUMNS
    )
    rows = []
    for outcome in backtest.outcomes:
        policy = outcome.policy
        shown = policy == KPA or outcome.delay_cost == backtest.shown_cost
        description = policies[policy].description if policy in policies else ""
        cells = "".join(f"<td>{escape(text)}</td>" for text in _cells(total(outcome), comparison.kpa))
        name = f'<th scope="row"{_title_attribute(description)}>{escape(title(policy))}</th>'
        row_class = _kind(policy, comparison) + (" shown" if shown else "")
        rows.append(f'<tr class="{row_class}">{name}{cells}</tr>')
    return f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>"


def _cells(row: Total, kpa: Total) -> Iterable[str]:
    metrics = row.metrics
    return (
        _DASH if row.delay_cost is None else setting(row.delay_cost),
        percent(row.delayed),
        percent(row.cold),
        number(share(metrics.wait_s, metrics.delayed)),
        hours(metrics.pod_s),
        f"{metrics.pod_s / kpa.metrics.pod_s:.2f}" if kpa.metrics.pod_s > 0 else _DASH,
        count(metrics.starts),
        percent(share(metrics.busy_pod_s, metrics.pod_s)),
        number(metrics.rum),
    )


def provenance(backtest: Backtest, version: str) -> str:
    """Return names and values of what the backtest was made from: traffic, spans, scenario, seed, version."""
    first_s, last_s = backtest.start_s + backtest.score_s, backtest.start_s + backtest.seconds
    scale, warm_up_s = backtest.scale_to, backtest.score_s
    scaled = "not scaled" if scale is None else f"scaled to a mean of {setting(scale)} requests/s"
    steps = f"{len(backtest.series):,} series, steps of {duration(backtest.step_s)}"
    warm_up = f"the {duration(warm_up_s)} before, simulated, not scored" if warm_up_s else "none"
    entries = (
        ("Traffic", f"{backtest.where}: {steps}, {scaled}"),
        ("Scored", f"{date_time(first_s)} to {date_time(last_s)}, {duration(max(0, last_s - first_s))}"),
        ("Warm-up", warm_up),
        ("Shown delay cost", f"{setting(backtest.shown_cost)} pod-seconds per delayed request"),
        ("Scenario", backtest.scenario_name),
        ("Seed", str(backtest.seed)),
        ("Made by", f"Tidecast {version}"),
    )
    return _entries(entries)


def scenario_entries(scenario: Scenario) -> str:
    """Return the keys and values of a scenario as its file has them, and the values by series."""
    entries = [
        (field.name.replace("_", "-"), _value(getattr(scenario, field.name)))
        for field in fields(Scenario)
        if field.name not in {"calendar", "time_zone", "series"}
    ]
    if calendar := calendar_as_dict(scenario.calendar):
        entries.append(("calendar", json.dumps(calendar)))
    for glob, overrides in scenario.series.items():
        values = ", ".join(f"{name.replace('_', '-')} {_value(value)}" for name, value in overrides.items())
        entries.append((f"series {glob}", values))
    return _entries(entries)


def glossary(backtest: Backtest, policies: Mapping[str, Policy]) -> str:
    """Return the descriptions and sources of the policies of this backtest that `policies` contains."""
    names = dict.fromkeys(outcome.policy for outcome in backtest.outcomes)
    described = [(name, policies[name]) for name in names if name in policies]
    return _entries((title(name), f"{policy.description} ({policy.source})") for name, policy in described)


def _entries(entries: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in entries)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, frozenset):
        return ", ".join(sorted(str(element) for element in value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kind(policy: str, comparison: Comparison) -> str:
    """Return the class of a row: `compared`, `kpa` or `other`."""
    if comparison.compared and policy == comparison.compared.policy:
        return "compared"
    return "kpa" if policy == KPA else "other"


def _title_attribute(text: str) -> str:
    return f' title="{escape(text)}"' if text else ""
