"""Doing one thing to many items at once: any Executor, progress, interruption, failures kept apart."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

WORKERS = 32


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Value]):
    """What became of one item: a value, or the error that stopped it."""

    item: Item
    value: Value | None = None
    error: Exception | None = None


def each(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    executor: Executor,
    workers: int = WORKERS,
    to_the_end: bool = False,
) -> Generator[Outcome[Item, Value], None, None]:
    """Apply a function to every item, yielding outcomes as they come, in no fixed order.

    At most twice as many items as ``workers`` are taken from ``items`` ahead of the results, so
    an endless listing is fine. An error becomes an `Outcome`; an interrupt (or leaving the loop)
    cancels what has not begun. What has goes on in the executor, which is left open; with
    ``to_the_end`` it is waited for.
    """
    waiting: dict[Future[Value], Item] = {}
    ended: SimpleQueue[Future[Value]] = SimpleQueue()
    source = iter(items)
    try:
        while True:
            for item in islice(source, 2 * workers - len(waiting)):
                future = executor.submit(function, item)
                waiting[future] = item
                future.add_done_callback(ended.put)
            if not waiting:
                return
            future = ended.get()
            item = waiting.pop(future)
            error = future.exception()
            if error is None:
                yield Outcome(item, future.result())
            elif isinstance(error, Exception):
                yield Outcome(item, error=error)
            else:
                raise error
    finally:
        begun = [future for future in waiting if not future.cancel()]
        if to_the_end:
            wait(begun)
