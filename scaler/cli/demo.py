"""`tidecast demo`: run the loop on replayed traffic, without a cluster and without Prometheus."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaler.cli.interrupt import INTERRUPTED, interrupt_ends_process
from scaler.cli.options import Format, FormatOption, JsonOption, chosen

if TYPE_CHECKING:
    from scaler.demo.demo_run import DemoRun
    from scaler.demo.page import Page

PORT = 8571
"""Default port of the page; no service is registered for it."""
COMPILES_S = 5.0
"""Seconds after which a message explains the wait: compiled rules load faster."""
LINES = 12
"""Lines of progress where the output is not a terminal."""

SpeedOption = Annotated[
    float,
    typer.Option("--speed", min=0, max=1e6, help="Simulated seconds per second; 0 = as fast as possible."),
]
HoursOption = Annotated[
    float, typer.Option("--hours", min=0.1, max=17.5, help="Hours of the day that are replayed.")
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, help="Port of the page on localhost; 0, or a port in use: any free one."
    ),
]
NoPageOption = Annotated[bool, typer.Option("--no-page", help="Serve no page.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Random seed; the same seed gives the same table.")
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
    """Replay real traffic beside a simulated Knative: six hours in half a minute, without any set-up.

    The loop of `tidecast run` scales two Revisions with half of a service's traffic each.

    The same requests also go to Knative's autoscaler alone, and to an oracle.

    A table of the three follows; Ctrl-C ends the demo at any time, with the table so far.

    The first run on a machine compiles Knative's rules for up to half a minute.
    """
    form = chosen(output, as_json)
    with interrupt_ends_process():
        run = _prepared(hours, seed)
    page = None if no_page else _page(run, speed, port)
    stop = threading.Event()
    try:
        from scaler.demo.play import play

        with _interrupt_sets(stop), _watching(run, speed, page.url if page else None) as refresh:
            play(run, speed=speed, stop=stop, refresh=refresh)
        _write(run, form)
    finally:
        if page:
            page.end()
    if not run.over:
        raise typer.Exit(INTERRUPTED)


def _prepared(hours: float, seed: int) -> "DemoRun":
    """Return the run with its history read; report what takes long."""
    from scaler.cli.progress import bars, say
    from scaler.demo.demo_run import DemoRun
    from scaler.demo.simulations import compile_rules
    from scaler.demo.workload import workload

    compiling = threading.Timer(
        COMPILES_S, say, ["compiling Knative's rules: this machine's first run only, up to half a minute"]
    )
    compiling.daemon = True
    replayed = workload(seed)
    compiling.start()
    try:
        compile_rules(replayed.pod_model)
    finally:
        compiling.cancel()
    say("reading two weeks of traffic and learning from them, as `tidecast run` does from Prometheus")
    run = DemoRun(replayed, hours=hours)
    with bars() as progress:
        run.start(progress)
    return run


def _page(run: "DemoRun", speed: float, port: int) -> "Page | None":
    from scaler.cli.progress import say
    from scaler.demo.page import Page

    page = Page(run, speed=speed, port=port)
    if not page.start():
        say("no page: cannot listen on localhost")
        return None
    say(f"the page: {page.url}")
    return page


def _write(run: "DemoRun", form: Format) -> None:
    from scaler.cli.output import write_rows
    from scaler.cli.progress import say
    from scaler.demo.table import for_people, for_programs, totals
    from scaler.demo.view import clock_text

    if not run.over:
        say("stopped: the table covers the time until then")
    results = totals(run.simulations, run.workload.scenario.memory_mb)
    say(f"{clock_text(run.workload.begin_s)} to {clock_text(run.simulations.simulated_until_s)}, simulated")
    row = for_people if form is Format.TABLE else for_programs
    write_rows([row(*result) for result in results], form)


@contextmanager
def _interrupt_sets(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C end the demo between two steps, with complete metrics; a second one ends the process."""

    def end(_: int, __: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    previous = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _watching(run: "DemoRun", speed: float, url: str | None) -> Iterator[Callable[[], None]]:
    """Yield a function that refreshes the view: a frame in a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(run)
        return
    from rich.console import Console
    from rich.live import Live

    from scaler.demo.view import Frame, draw

    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False) as live:

        def refresh() -> None:
            if run.scenes:
                frame = Frame(
                    scenes=tuple(run.scenes),
                    begin_s=run.workload.begin_s,
                    end_s=run.end_s,
                    now_s=run.now_s,
                    speed=speed,
                    url=url,
                    columns=console.width,
                    unicode=console.encoding.lower().startswith("utf"),
                )
                live.update(draw(frame), refresh=True)

        yield refresh


def _lines(run: "DemoRun") -> Callable[[], None]:
    from scaler.cli.progress import say
    from scaler.demo.view import line

    written = 0

    def refresh() -> None:
        nonlocal written
        if run.scenes and run.share * LINES >= written + 1:
            written = int(run.share * LINES)
            say(line(run.scenes[-1]))

    return refresh
