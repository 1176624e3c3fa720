"""Progress of long work, on stderr: bars where a person looks, nothing where a program reads."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bars() -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Gives a function: what is being done -> a function that is told the share done, 0..1."""
    if not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def bar(what: str) -> Callable[[float], None]:
            task = progress.add_task(what, total=1.0)
            return lambda share: progress.update(task, completed=share)

        yield bar


def say(text: str) -> None:
    """One line to stderr."""
    sys.stderr.write(f"tidecast: {text}\n")
