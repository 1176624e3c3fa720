"""Write a backtest as one HTML file that loads no other file: frame, styles and scripts are in assets/."""

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
from scaler.report.compare import compare, hindsight_policies
from scaler.report.data import page_data
from scaler.report.verdict import verdict
from scaler.report.words import duration, setting

STYLES = ("page.css", "tables.css", "charts.css", "foot.css")
SCRIPTS = ("words.js", "drawing.js", "frontier.js", "services.js", "panels.js", "trajectory.js", "page.js")
"""Files in the order in which they are joined: STYLES into one style sheet, SCRIPTS into one script."""
_NO_POLICIES: Mapping[str, Policy] = MappingProxyType({})


def report_html(backtest: Backtest, policies: Mapping[str, Policy] = _NO_POLICIES) -> str:
    """Return the page.

    policies   by name: their descriptions and sources; policies that are missing are shown by name only.
    """
    comparison = compare(backtest, hindsight_policies(policies))
    found = verdict(backtest, comparison)
    style, script = "\n".join(map(_asset, STYLES)), _script()
    scored = duration(max(0, backtest.seconds - backtest.score_s))
    return Template(_asset("report.html")).substitute(
        policy=_content_security_policy(style, script),
        title=escape(f"{backtest.where} \u2013 Tidecast backtest"),
        style=style,
        script=script,
        data=page_data(backtest, comparison),
        where=escape(backtest.where),
        about=escape(f"{len(backtest.series):,} services, {scored}, scenario {backtest.scenario_name}"),
        headline=parts.headline(found),
        notes=parts.notes(found),
        tiles=parts.tiles(comparison),
        shown_cost=escape(setting(backtest.shown_cost)),
        summary=parts.summary(backtest, comparison, policies),
        outcomes=len(backtest.outcomes),
        provenance=parts.provenance(backtest, version("tidecast")),
        scenario=parts.scenario_entries(backtest.scenario),
        glossary=parts.glossary(backtest, policies),
    )


def _content_security_policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that permits only the script and style of the page, and no network."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _script() -> str:
    """Return all scripts inside one function, so that none of their names is global."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "\n})();\n"


def _asset(name: str) -> str:
    return (files("scaler.report") / "assets" / name).read_text(encoding="utf-8")
