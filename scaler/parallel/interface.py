"""How the same is done for many: one after the other, or side by side in threads that the caller brings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""As `map`."""


class Stopped(Exception):
    """The work was stopped while something was half done."""


class Executor(Protocol):
    """Does the same for many."""

    def __call__(self, work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[Item, Made]]:
        """Each item with what `work` made of it, as they are done; ends early where it was stopped."""
        ...


def serial(work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[Item, Made]]:
    """No threads."""
    return ((item, work(item)) for item in items)


def in_order(executor: Executor) -> Each:
    """A `map` that is spread.  Raises Stopped where not all was done."""

    def each(work: Callable[[Any], Any], things: Iterable[Any]) -> Iterable[Any]:
        given = list(things)
        made = dict(executor(lambda i: work(given[i]), range(len(given))))
        if len(made) < len(given):
            raise Stopped
        return [made[i] for i in range(len(given))]

    return each


def until_stopped(done: Iterator[tuple[Item, Made]]) -> Iterator[tuple[Item, Made]]:
    """The same, ending where it is stopped within an item."""
    try:
        yield from done
    except Stopped:
        return
