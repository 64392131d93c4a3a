"""Doing one thing to many items at once: any Executor, progress, interruption, failures kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
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
    executor: Executor | None = None,
    workers: int = WORKERS,
) -> Iterator[Outcome[Item, Value]]:
    """Apply a function to every item, yielding outcomes as they come, in no fixed order.

    At most twice as many items as workers are taken from ``items`` ahead of the results, so an
    endless listing is fine. An error becomes an `Outcome`; an interrupt (or leaving the loop)
    cancels what has not begun, and waits for what has in threads of its own.

    Parameters
    ----------
    executor
        Where to run; a pool of ``workers`` threads when None. It is left open.
    """
    with _pool(executor, workers) as pool:
        waiting: dict[Future[Value], Item] = {}
        source = iter(items)
        exhausted = False
        try:
            while True:
                while not exhausted and len(waiting) < 2 * workers:
                    try:
                        item = next(source)
                    except StopIteration:
                        exhausted = True
                        break
                    waiting[pool.submit(function, item)] = item
                if not waiting:
                    return
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    item = waiting.pop(future)
                    error = future.exception()
                    if error is None:
                        yield Outcome(item, future.result())
                    elif isinstance(error, Exception):
                        yield Outcome(item, error=error)
                    else:
                        raise error
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def _pool(executor: Executor | None, workers: int) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="s3magic")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
