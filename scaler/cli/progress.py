"""Show the progress of long work on stderr: bars in a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bars() -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Yield a function from the name of an activity to a function that receives the share done, 0..1."""
    if not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def bar(activity: str) -> Callable[[float], None]:
            task = progress.add_task(activity, total=1.0)
            return lambda share: progress.update(task, completed=share)

        yield bar


def say(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"tidecast: {text}\n")
