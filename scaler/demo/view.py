"""Draw the demo in a terminal, one frame at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scaler.demo.scene import RevisionView, Scene
from scaler.demo.simulations import KPA, POLICIES, TIDECAST
from scaler.demo.workload import PERCENT

BARS, PLAIN_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
SIDE_BY_SIDE_COLUMNS = 110
"""Width of the terminal from which the Revisions are shown side by side."""
COLOURS = {TIDECAST: "cyan", KPA: "yellow"}
LABEL_COLUMNS = 11
"""Width of the labels to the left of a chart."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The data of a frame."""

    scenes: Sequence[Scene]
    """Never empty."""
    begin_s: int
    end_s: int
    now_s: float
    """Begin, end and current time, simulated, Unix seconds."""
    speed: float
    url: str | None
    """Address of the page; None = no page."""
    columns: int
    unicode: bool = True


def draw(frame: Frame) -> RenderableType:
    """Return the frame as rich renders it."""
    wide = frame.columns >= SIDE_BY_SIDE_COLUMNS
    columns = frame.columns // 2 if wide else frame.columns
    panels = [_panel(frame, row, columns) for row in range(len(frame.scenes[-1].revisions))]
    # The terminal echoes Ctrl-C on the last line, which must not be full.
    last = Text("Ctrl-C ends it and prints the table so far", "dim")
    if not wide:
        return Group(*_head(frame), *panels, last)
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return Group(*_head(frame), grid, last)


def clock_text(at_s: float) -> str:
    """Return a simulated time as text."""
    return f"{datetime.fromtimestamp(at_s, UTC):%a %d %b %Y %H:%M}Z"


def line(scene: Scene) -> str:
    """Return a scene as one line, for output that is not a terminal."""
    rate = sum(revision.rate for revision in scene.revisions)
    policies = (
        f"{POLICIES[p]} {sum(revision.policies[p].ready for revision in scene.revisions)} pods, "
        f"{sum(revision.policies[p].delayed for revision in scene.revisions):.0f} delayed so far"
        for p in COLOURS
    )
    return f"{clock_text(scene.at_s)}  {rate:.0f} requests/s; " + "; ".join(policies)


def column_means(frame: Frame, values: Callable[[Scene], float], columns: int) -> list[float]:
    """Return the mean of a value in each of `columns` spans of the demo that have begun."""
    by_span: list[list[float]] = [[] for _ in range(columns)]
    for scene in frame.scenes:
        share = (scene.at_s - frame.begin_s) / (frame.end_s - frame.begin_s)
        by_span[min(columns - 1, int(share * columns))].append(values(scene))
    means: list[float] = []
    while by_span and not by_span[-1]:
        by_span.pop()
    for span in by_span:
        # In a short demo some spans have no scene.
        means.append(fmean(span) if span else (means[-1] if means else 0.0))
    return means


def sparkline(means: Sequence[float], maximum: float, *, unicode: bool = True) -> str:
    """Return one character per mean, from 0 to `maximum`."""
    bars = BARS if unicode else PLAIN_BARS
    return "".join(bars[math.ceil(min(1.0, mean / max(maximum, 1e-9)) * (len(bars) - 1))] for mean in means)


def _head(frame: Frame) -> list[RenderableType]:
    share = (frame.now_s - frame.begin_s) / (frame.end_s - frame.begin_s)
    pace = f"{frame.speed:g}x" if frame.speed else "as fast as possible"
    clock = clock_text(frame.now_s)
    first = Text.assemble(
        ("Tidecast demo", "bold"), f"  {clock} {share:4.0%}  {pace}  ", (frame.url or "", "underline")
    )
    revisions = frame.scenes[-1].revisions
    second = Text("delayed so far")
    for p, colour in COLOURS.items():
        second.append(
            f"  {POLICIES[p]} {sum(revision.policies[p].delayed for revision in revisions):.0f}", colour
        )
    second.append("   pod-hours")
    for p, colour in COLOURS.items():
        second.append(f"  {sum(revision.policies[p].pod_hours for revision in revisions):.1f}", colour)
    return [_on_one_line(first), _on_one_line(second)]


def _panel(frame: Frame, row: int, columns: int) -> Panel:
    revision = frame.scenes[-1].revisions[row]
    wide = max(10, columns - 4 - LABEL_COLUMNS)
    rates = column_means(frame, lambda s: s.revisions[row].rate, wide)
    lines = [_traffic(revision), _line("", sparkline(rates, max(rates), unicode=frame.unicode), "")]
    heads = f"{'ready':>6}{'starting':>10}{'queue':>8}{'delayed so far':>17}"
    lines.append(_line("", heads, "dim"))
    for p, colour in COLOURS.items():
        policy = revision.policies[p]
        numbers = f"{policy.ready:6d}{policy.starting:10d}{policy.queue:8.0f}{policy.delayed:17.0f}"
        lines.append(_line(POLICIES[p], numbers, colour))

    def ready(p: int) -> list[float]:
        return column_means(frame, lambda s: s.revisions[row].policies[p].ready, wide)

    pods = {p: ready(p) for p in COLOURS}
    maximum = max(max(means) for means in pods.values())
    for p, colour in COLOURS.items():
        lines.append(_line("pods", sparkline(pods[p], maximum, unicode=frame.unicode), colour))
    lines.append(_line("floor", f"{revision.floor}: {revision.reason}", COLOURS[TIDECAST]))
    return Panel(
        Group(*map(_on_one_line, lines)), title=f"{revision.key.name}  {PERCENT:.0f} %", title_align="left"
    )


def _traffic(revision: RevisionView) -> Text:
    forecast = "no forecast yet"
    if revision.median is not None and revision.high is not None:
        forecast = (
            f"peak of the next {revision.lead_s:.0f} s: {revision.median:.0f}, at 0.95: {revision.high:.0f}"
        )
    return _line("requests/s", f"{revision.rate:<6.1f} {forecast}", "")


def _line(label: str, text: str, colour: str) -> Text:
    return Text.assemble((f"{label:{LABEL_COLUMNS}}", "dim"), (text, colour))


def _on_one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "crop"
    return text
