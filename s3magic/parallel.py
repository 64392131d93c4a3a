"""Doing one thing to many items at once: any Executor, progress, interruption, failures kept apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

WORKERS = 32
_MOMENT = 0.0001
"""Seconds for each thread in which outcomes gather: to wake for every one costs more than what is done with it."""


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


def each_here(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    workers: int = WORKERS,
    leaving: Callable[[], object] = bool,
) -> Generator[list[Outcome[Item, Value]], None, None]:
    """Do the same with threads of its own, which cost a tenth of what the futures of an executor do.

    Outcomes that come within a moment are yielded together, while others are there to be worked on.
    An interrupt (or leaving the loop) drops what has not begun and waits for what has, after it has
    called ``leaving``: nothing is under way any more when this ends.
    """
    crew, source, under_way = _Crew(function, workers), iter(items), 0
    try:
        while True:
            for item in islice(source, 2 * workers - under_way):
                crew.give(item)
                under_way += 1
            if not under_way:
                return
            outcomes = crew.take(_MOMENT * workers if under_way > workers else 0)
            yield outcomes
            under_way -= len(outcomes)
    finally:
        crew.drop()
        leaving()
        crew.dismiss()


class _Crew(Generic[Item, Value]):
    """Threads that carry out a function; as many as there was work for at once, at most."""

    def __init__(self, function: Callable[[Item], Value], most: int) -> None:
        self._function = function
        self._most = most
        self._threads: list[Thread] = []
        self._todo: SimpleQueue[tuple[Item] | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[Item, Value | None, BaseException | None]] = SimpleQueue()

    def give(self, item: Item) -> None:
        """Let something be done."""
        self._todo.put((item,))
        if len(self._threads) < self._most:
            self._threads.append(Thread(target=self._work, name=f"s3magic-{len(self._threads)}"))
            self._threads[-1].start()

    def take(self, moment: float) -> list[Outcome[Item, Value]]:
        """Wait until something is done and a moment for more; raise what is no error but wants to end it all."""
        ended = [self._ended.get()]
        time.sleep(moment)
        ended += (self._ended.get() for _ in range(self._ended.qsize()))
        outcomes = []
        for item, value, error in ended:
            if error is not None and not isinstance(error, Exception):
                raise error
            outcomes.append(Outcome(item, value, error))
        return outcomes

    def drop(self) -> None:
        """Forget what has not begun."""
        with suppress(Empty):
            while True:
                self._todo.get_nowait()

    def dismiss(self) -> None:
        """Wait for what has begun, and end."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (given := self._todo.get()) is not None:
            (item,) = given
            try:
                self._ended.put((item, self._function(item), None))
            except BaseException as error:  # noqa: BLE001 - whoever takes it is told
                self._ended.put((item, None, error))
            del given, item
