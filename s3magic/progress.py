"""A progress bar that any thread may count on, and that can tell all of them to stop; does no work itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class Stopped(Exception):
    """The work was given up between two chunks; never leaves the package."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Takes counts from any thread; ``stop`` makes it raise `Stopped` in whoever counts next.

    Parameters
    ----------
    count
        Adds bytes, or tiles, to the bar.
    tile_done
        Adds one to the tiles written behind a bar of bytes.
    note
        Writes words behind the bar.
    """

    count: Callable[[int], None]
    tile_done: Callable[[], None]
    note: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, amount: int) -> None:
        """Count, or raise `Stopped`."""
        if self.stop.is_set():
            raise Stopped
        self.count(amount)


@contextmanager
def meter(
    label: str, total: int | None, unit: str = " tiles", *, tiles: int = 0, noun: str = "tiles"
) -> Iterator[Meter]:
    """Show a bar when the work takes longer than a second; yield what counts on it.

    A bar of bytes, ``unit="B"``, tells how many of ``tiles``, or what else the ``noun`` calls them,
    are done as well. Where no ``total`` is known it counts on.
    """
    from tqdm.auto import tqdm  # noqa: PLC0415 - costs 0.1 s

    lock = threading.Lock()
    done = 0
    bar = tqdm(total=total, desc=label, unit=unit, unit_scale=unit == "B", delay=1, leave=False)
    with _passing(getattr(bar, "container", None)), bar:

        def count(amount: int) -> None:
            with lock:
                bar.update(amount)

        def note(words: str) -> None:
            with lock:
                bar.set_postfix_str(words, refresh=False)

        def tile_done() -> None:
            nonlocal done
            with lock:
                done += 1
                bar.set_postfix_str(f"{done}/{tiles} {noun}", refresh=False)

        yield Meter(count, tile_done, note)


@contextmanager
def _passing(widget: Any) -> Iterator[None]:
    """Let a bar that is a widget leave nothing in the notebook: there it would be an error once it is opened again."""
    if widget is None:
        yield
        return
    from IPython.display import display  # noqa: PLC0415 - there are widgets, so it is loaded

    shown: list[Any] = []

    def show() -> None:
        bundle = {**widget._repr_mimebundle_(), "text/plain": ""}
        shown.append(display(bundle, raw=True, display_id=True))  # type: ignore[no-untyped-call]

    widget._ipython_display_ = show
    try:
        yield
    finally:
        for place in shown:
            place.update({"text/plain": ""}, raw=True)
