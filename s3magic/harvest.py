"""Work on many things at once: what came of them, what failed and why, what stopped it all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from s3magic.errors import (
    ClockSkew,
    CopyFailed,
    ExpiredCredentials,
    InvalidCredentials,
    MissingLibrary,
    NoCredentials,
    S3MagicError,
    TilesFailed,
    Unreachable,
)
from s3magic.parallel import Outcome, each, each_here

WORKERS = 64  # a header is a round trip, not a transfer: as many as a client keeps connections
_HOPELESS = (ClockSkew, ExpiredCredentials, InvalidCredentials, MissingLibrary, NoCredentials)
_LISTED = 10


class Named(Protocol):
    """Anything a failure can be reported of."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


Item = TypeVar("Item", bound=Named)
Value = TypeVar("Value")


@dataclass(slots=True)
class Harvest(Generic[Value]):
    """What a piece of work brought in: values, failures by name, and what stopped it, if anything did."""

    values: list[Value] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)
    stopped: BaseException | None = None

    def raise_stop(self) -> None:
        """Raise what stopped the work: an interrupt, or an error that nothing else would escape."""
        if self.stopped is not None:
            raise self.stopped


def gather(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    executor: Executor | None = None,
    on_value: Callable[[Item, Value], None] | None = None,
    on_values: Callable[[Sequence[Value]], None] | None = None,
    stop: threading.Event | None = None,
    workers: int | None = None,
    keep: bool = True,
) -> Harvest[Value]:
    """Apply a function to every item; an interrupt ends it early and keeps what is done.

    So does what no other would escape: credentials that have ended, or a network that is gone
    for as many items in a row as are under way at once. When this returns nothing is under way any
    more, in an executor of the user's neither.

    Parameters
    ----------
    on_value
        Called with each item and its value as they come, in the calling thread.
    on_values
        Called with the values that have come since it was called last, all of them at once.
    stop
        Set when the work ends early, for functions that look at it.
    workers
        Threads, where there is no executor; ``WORKERS`` when None.
    keep
        Whether the values are part of what is returned; where they are very many, ``on_value`` may do.
    """
    harvest: Harvest[Value] = Harvest()
    turns = (
        each_here(function, items, workers=workers or WORKERS, leaving=stop.set if stop is not None else bool)
        if executor is None
        else _singly(each(function, items, executor=executor, workers=WORKERS, to_the_end=True))
    )
    in_vain = 0
    try:
        with closing(turns):
            for turn in turns:
                came = [one for one in turn if one.error is None]
                values: list[Value] = [one.value for one in came]  # type: ignore[misc]
                harvest.values += values if keep else ()
                if on_value is not None:
                    for one, value in zip(came, values, strict=True):
                        on_value(one.item, value)
                if on_values is not None:
                    on_values(values)
                for one in turn:
                    in_vain = in_vain + 1 if isinstance(one.error, Unreachable) else 0
                    if one.error is not None:
                        harvest.failures.append((one.item.name, one.error))
                        if isinstance(one.error, _HOPELESS) or in_vain >= (workers or WORKERS):
                            harvest.stopped = one.error
                if harvest.stopped is not None:
                    break
    except KeyboardInterrupt as interrupt:
        harvest.stopped = interrupt
    return harvest


def _singly(outcomes: Generator[Outcome[Item, Value], None, None]) -> Generator[list[Outcome[Item, Value]], None, None]:
    """Yield each outcome as soon as it comes: to an executor the way is long."""
    with closing(outcomes):
        for outcome in outcomes:
            yield [outcome]


def raise_failures(
    failures: Sequence[tuple[str, Exception]],
    done: int,
    verb: str,
    *,
    noun: str = "tiles",
    kind: type[TilesFailed | CopyFailed] = TilesFailed,
) -> None:
    """Raise an error of a ``kind`` naming each item with its reason; nothing when there is no failure.

    A single one that was all there was to do raises its own error.
    """
    if not failures:
        return
    ordered = sorted(failures, key=lambda failure: failure[0])
    if len(ordered) == 1 and not done and isinstance(ordered[0][1], S3MagicError):
        raise ordered[0][1]
    reasons = tuple((name, reason(error)) for name, error in ordered)
    groups: dict[str, list[str]] = {}
    for name, text in reasons[:_LISTED]:
        groups.setdefault(text, []).append(name)
    listed = "; ".join(f"{', '.join(names)}: {text}" for text, names in groups.items())
    more = f"; and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    failed = kind(
        f"{len(reasons)} of {len(reasons) + done} {noun} could not be {verb}: {listed}{more}",
        "The others are done. Run the same again when the cause is gone: only the rest is done then.",
    )
    failed.failures = reasons
    raise failed from ordered[0][1]


def reason(error: Exception) -> str:
    """Return in one line why something failed."""
    if isinstance(error, S3MagicError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
