"""Define the interface of executors, which apply a function to many items, and the serial executor."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")

MapItems = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Has the signature of `map`: applies a function to every item, perhaps to several concurrently."""


class Stopped(Exception):
    """The work was stopped while an item was incomplete."""


class Executor(Protocol):
    """Applies a function to many items."""

    def __call__(
        self, work: Callable[[Item], Output], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Output]]:
        """Yield each item with the output of `work`, as they are completed; end early where it was stopped.

        Raises:
            Exception: whatever `work` raises.
        """
        ...


def serial(work: Callable[[Item], Output], items: Sequence[Item]) -> Iterator[tuple[Item, Output]]:
    """Apply the function to one item after the other, on this thread."""
    return ((item, work(item)) for item in items)


def in_order(executor: Executor) -> MapItems:
    """Return a `map` that uses the executor; the map raises Stopped where not every item was completed."""

    def map_items(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        inputs = list(items)
        outputs = dict(executor(lambda i: work(inputs[i]), range(len(inputs))))
        if len(outputs) < len(inputs):
            raise Stopped
        return [outputs[i] for i in range(len(inputs))]

    return map_items


def until_stopped(completed: Iterator[tuple[Item, Output]]) -> Iterator[tuple[Item, Output]]:
    """Yield what is completed; end where the work is stopped within an item."""
    try:
        yield from completed
    except Stopped:
        return
