"""The demo in a terminal: one frame, drawn from what is shown.  It reads and changes nothing."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scaler.demo.scene import Half, Scene
from scaler.demo.story import PERCENT
from scaler.demo.worlds import KPA, POLICIES, TIDECAST

BARS, PLAIN_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
SIDE_BY_SIDE_COLUMNS = 110
"""From so wide a terminal on, the Revisions stand beside each other."""
COLOURS = {TIDECAST: "cyan", KPA: "yellow"}
LABEL_COLUMNS = 11


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What a frame is drawn from."""

    scenes: Sequence[Scene]
    """Never empty."""
    begin_s: int
    end_s: int
    now_s: float
    """Unix seconds, simulated, all three."""
    speed: float
    url: str | None
    """Of the page; None: there is none."""
    columns: int
    unicode: bool = True


def draw(frame: Frame) -> RenderableType:
    """The frame."""
    beside = frame.columns >= SIDE_BY_SIDE_COLUMNS
    columns = frame.columns // 2 if beside else frame.columns
    panels = [_panel(frame, row, columns) for row in range(len(frame.scenes[-1].halves))]
    # What a terminal echoes of Ctrl-C must not break a full line.
    last = Text("Ctrl-C ends it, with the table so far", "dim")
    if not beside:
        return Group(*_head(frame), *panels, last)
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return Group(*_head(frame), grid, last)


def clock_text(at_s: float) -> str:
    """A simulated moment, for people."""
    return f"{datetime.fromtimestamp(at_s, UTC):%a %d %b %Y %H:%M}Z"


def line(scene: Scene) -> str:
    """A scene in one line, where nobody looks at a terminal."""
    rate = sum(half.rate for half in scene.halves)
    policies = (
        f"{POLICIES[p]} {sum(half.stands[p].ready for half in scene.halves)} pods, "
        f"{sum(half.stands[p].delayed for half in scene.halves):.0f} delayed so far"
        for p in COLOURS
    )
    return f"{clock_text(scene.at_s)}  {rate:.0f} requests/s; " + "; ".join(policies)


def course(frame: Frame, values: Callable[[Scene], float], columns: int) -> list[float]:
    """The course so far, the mean of each of `columns` spans of the show; those yet to come are not there."""
    of_span: list[list[float]] = [[] for _ in range(columns)]
    for one in frame.scenes:
        share = (one.at_s - frame.begin_s) / (frame.end_s - frame.begin_s)
        of_span[min(columns - 1, int(share * columns))].append(values(one))
    means: list[float] = []
    while of_span and not of_span[-1]:
        of_span.pop()
    for span in of_span:
        # In a short show some spans have no scene of their own.
        means.append(fmean(span) if span else (means[-1] if means else 0.0))
    return means


def sparkline(means: Sequence[float], most: float, *, unicode: bool = True) -> str:
    """One character each, from nothing to `most`."""
    bars = BARS if unicode else PLAIN_BARS
    return "".join(bars[math.ceil(min(1.0, mean / max(most, 1e-9)) * (len(bars) - 1))] for mean in means)


def _head(frame: Frame) -> list[RenderableType]:
    share = (frame.now_s - frame.begin_s) / (frame.end_s - frame.begin_s)
    pace = f"{frame.speed:g}x" if frame.speed else "as fast as it goes"
    now = clock_text(frame.now_s)
    first = Text.assemble(
        ("Tidecast demo", "bold"), f"  {now} {share:4.0%}  {pace}  ", (frame.url or "", "underline")
    )
    halves = frame.scenes[-1].halves
    second = Text("delayed so far")
    for p, colour in COLOURS.items():
        second.append(f"  {POLICIES[p]} {sum(half.stands[p].delayed for half in halves):.0f}", colour)
    second.append("   pod-hours")
    for p, colour in COLOURS.items():
        second.append(f"  {sum(half.stands[p].pod_hours for half in halves):.1f}", colour)
    return [_kept_to_a_line(first), _kept_to_a_line(second)]


def _panel(frame: Frame, row: int, columns: int) -> Panel:
    half = frame.scenes[-1].halves[row]
    wide = max(10, columns - 4 - LABEL_COLUMNS)
    came = course(frame, lambda s: s.halves[row].rate, wide)
    lines = [_traffic(half), _line("", sparkline(came, max(came), unicode=frame.unicode), "")]
    heads = f"{'ready':>6}{'starting':>10}{'queue':>8}{'delayed so far':>17}"
    lines.append(_line("", heads, "dim"))
    for p, colour in COLOURS.items():
        of = half.stands[p]
        numbers = f"{of.ready:6d}{of.starting:10d}{of.queue:8.0f}{of.delayed:17.0f}"
        lines.append(_line(POLICIES[p], numbers, colour))

    def ready(p: int) -> list[float]:
        return course(frame, lambda s: s.halves[row].stands[p].ready, wide)

    pods = {p: ready(p) for p in COLOURS}
    most = max(max(means) for means in pods.values())
    for p, colour in COLOURS.items():
        lines.append(_line("pods", sparkline(pods[p], most, unicode=frame.unicode), colour))
    lines.append(_line("floor", f"{half.floor}: {half.why}", COLOURS[TIDECAST]))
    return Panel(
        Group(*map(_kept_to_a_line, lines)), title=f"{half.key.name}  {PERCENT:.0f} %", title_align="left"
    )


def _traffic(half: Half) -> Text:
    expected = "no forecast yet"
    if half.median is not None and half.high is not None:
        expected = f"peak of the next {half.lead_s:.0f} s: {half.median:.0f}, at 0.95: {half.high:.0f}"
    return _line("requests/s", f"{half.rate:<6.1f} {expected}", "")


def _line(label: str, text: str, colour: str) -> Text:
    return Text.assemble((f"{label:{LABEL_COLUMNS}}", "dim"), (text, colour))


def _kept_to_a_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "crop"
    return text
