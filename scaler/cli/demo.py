"""`tidecast demo`: Tidecast at work, with no cluster and no Prometheus."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaler.cli.interrupt import INTERRUPTED, ends_at_once
from scaler.cli.options import Format, FormatOption, JsonOption, chosen

if TYPE_CHECKING:
    from scaler.demo.page import Page
    from scaler.demo.show import Show

PORT = 8571
COMPILES_S = 5.0
"""Rules that were compiled before are at hand sooner."""
LINES = 12
"""Lines of progress where nobody looks at a terminal."""

SpeedOption = Annotated[
    float,
    typer.Option(
        "--speed", min=0, max=1e6, help="Simulated seconds in one of yours; 0 = as fast as it goes."
    ),
]
HoursOption = Annotated[
    float, typer.Option("--hours", min=0.1, max=17.5, help="Hours of the day that are shown.")
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, help="Of the page on localhost; 0, or where it is taken: any free one."
    ),
]
NoPageOption = Annotated[bool, typer.Option("--no-page", help="Answer nothing over HTTP.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Of what the trace leaves open; the same gives the same table.")
]


def demo(
    speed: SpeedOption = 720.0,
    hours: HoursOption = 6.0,
    port: PortOption = PORT,
    no_page: NoPageOption = False,
    seed: SeedOption = 7,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Watch it at work: real traffic, a simulated Knative, six hours in half a minute; needs nothing.

    The loop of `tidecast run` scales two Revisions that share a service's traffic half and half.

    Beside it the same requests come to Knative's autoscaler alone, and to an oracle.

    It ends with a table of the three; Ctrl-C ends it at any time, with the table so far.

    A machine's first run compiles Knative's rules before, for up to half a minute.
    """
    form = chosen(output, as_json)
    with ends_at_once():
        show = _prepared(hours, seed)
    page = None if no_page else _page(show, speed, port)
    stop = threading.Event()
    try:
        from scaler.demo.play import play

        with _interrupt_sets(stop), _watching(show, speed, page.url if page else None) as look:
            play(show, speed=speed, stop=stop, look=look)
        _write(show, form)
    finally:
        if page:
            page.end()
    if not show.over:
        raise typer.Exit(INTERRUPTED)


def _prepared(hours: float, seed: int) -> "Show":
    """The show, with its history read; tells what takes long."""
    from scaler.cli.progress import bars, say
    from scaler.demo.show import Show
    from scaler.demo.story import story
    from scaler.demo.worlds import compile_rules

    compiling = threading.Timer(
        COMPILES_S, say, ["compiling Knative's rules: this machine's first run only, up to half a minute"]
    )
    compiling.daemon = True
    told = story(seed)
    compiling.start()
    try:
        compile_rules(told.world)
    finally:
        compiling.cancel()
    say("two weeks of traffic are read and learned from, as `tidecast run` reads them from Prometheus")
    show = Show(told, hours=hours)
    with bars() as progress:
        show.begin(progress)
    return show


def _page(show: "Show", speed: float, port: int) -> "Page | None":
    from scaler.cli.progress import say
    from scaler.demo.page import Page

    page = Page(show, speed=speed, port=port)
    if not page.start():
        say("no page: nothing can be answered on localhost")
        return None
    say(f"the page: {page.url}")
    return page


def _write(show: "Show", form: Format) -> None:
    from scaler.cli.output import write_rows
    from scaler.cli.progress import say
    from scaler.demo.table import for_people, for_programs, totals
    from scaler.demo.view import clock_text

    if not show.over:
        say("stopped: the table is of what was until then")
    lived = totals(show.worlds, show.story.scenario.memory_mb)
    say(f"{clock_text(show.story.begin_s)} to {clock_text(show.worlds.lived_until_s)}, simulated")
    row = for_people if form is Format.TABLE else for_programs
    write_rows([row(*each) for each in lived], form)


@contextmanager
def _interrupt_sets(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C ends the play between two steps, so that figures are whole; a second one ends the process."""

    def end(_: int, __: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _watching(show: "Show", speed: float, url: str | None) -> Iterator[Callable[[], None]]:
    """Gives who is called when something may be new: a live frame in a terminal, else a line at times."""
    if not sys.stderr.isatty():
        yield _lines(show)
        return
    from rich.console import Console
    from rich.live import Live

    from scaler.demo.view import Frame, draw

    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False) as live:

        def look() -> None:
            if show.scenes:
                frame = Frame(
                    scenes=tuple(show.scenes),
                    begin_s=show.story.begin_s,
                    end_s=show.end_s,
                    now_s=show.now_s,
                    speed=speed,
                    url=url,
                    columns=console.width,
                    unicode=console.encoding.lower().startswith("utf"),
                )
                live.update(draw(frame), refresh=True)

        yield look


def _lines(show: "Show") -> Callable[[], None]:
    from scaler.cli.progress import say
    from scaler.demo.view import line

    told = 0

    def look() -> None:
        nonlocal told
        if show.scenes and show.share * LINES >= told + 1:
            told = int(show.share * LINES)
            say(line(show.scenes[-1]))

    return look
