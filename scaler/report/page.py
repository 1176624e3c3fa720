"""A backtest as one HTML file, made of the frame, style and scripts in assets/; it loads nothing else."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template
from types import MappingProxyType

from scaler.backtest.result import Backtest
from scaler.policies.policy import Policy
from scaler.report import parts
from scaler.report.compare import compared, foreseeing, title
from scaler.report.data import page_data
from scaler.report.verdict import verdict
from scaler.report.words import lasting, setting

STYLES = ("page.css", "tables.css", "charts.css", "foot.css")
SCRIPTS = ("words.js", "drawing.js", "frontier.js", "services.js", "panels.js", "course.js", "page.js")
"""Each in the order in which they are joined into one."""
_NONE: Mapping[str, Policy] = MappingProxyType({})


def report_html(backtest: Backtest, policies: Mapping[str, Policy] = _NONE) -> str:
    """The page.

    policies   name -> what is to be said of it; names that are missing are told by name alone.
    """
    comparison = compared(backtest, foreseeing(policies))
    said = verdict(backtest, comparison)
    style, script = "\n".join(map(_asset, STYLES)), _script()
    other = comparison.other
    scored = lasting(max(0, backtest.seconds - backtest.score_s))
    return Template(_asset("report.html")).substitute(
        policy=_content_policy(style, script),
        title=escape(f"{backtest.where} \u2013 Tidecast backtest"),
        style=style,
        script=script,
        data=page_data(backtest, comparison),
        where=escape(backtest.where),
        about=escape(f"{len(backtest.series):,} services, {scored}, scenario {backtest.scenario_name}"),
        headline=parts.headline(said),
        notes=parts.notes(said),
        tiles=parts.tiles(comparison),
        shown=escape(setting(backtest.shown_cost)),
        other=escape(title(other.policy) if other else "nothing else"),
        summary=parts.summary(backtest, comparison, policies),
        outcomes=len(backtest.outcomes),
        made=parts.made(backtest, version("tidecast")),
        world=parts.scenario_entries(backtest.scenario),
        glossary=parts.glossary(backtest, policies),
    )


def _content_policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which the page runs its own script, and loads and sends nothing."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _script() -> str:
    """One function around all of it, so that nothing of it is global."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "\n})();\n"


def _asset(name: str) -> str:
    return (files("scaler.report") / "assets" / name).read_text(encoding="utf-8")
