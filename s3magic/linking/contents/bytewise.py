"""Many tiles at once under a bar of bytes, for work that takes as long as its tiles are large; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from s3magic.harvest import Harvest, gather
from s3magic.linking.records.manifest import LinkedTile
from s3magic.progress import meter

Value = TypeVar("Value")


def gather_bytes(
    function: Callable[..., Value],
    tiles: Iterable[LinkedTile],
    label: str,
    *,
    count: int,
    size: int,
    executor: Executor | None = None,
    on_value: Callable[[LinkedTile, Value], Any] | None = None,
    workers: int | None = None,
    keep: bool = True,
) -> Harvest[Value]:
    """Apply a function to every tile, as `gather` does, and show how far it is.

    Parameters
    ----------
    function
        Takes a tile and ``report``, which it tells the bytes as they come, and which ends it where
        all of it ends. None in an executor of the user's, which no bar reaches: there a tile
        counts when it is done.
    label, count, size
        What the bar says: what is done, to how many tiles, of how many bytes.
    """
    with meter(label, size, "B", tiles=count) as bar:

        def note(tile: LinkedTile, value: Value) -> None:
            bar.tile_done()
            if executor is not None:
                bar(tile.size)
            if on_value is not None:
                on_value(tile, value)

        work = partial(function, report=bar if executor is None else None)
        return gather(work, tiles, executor=executor, on_value=note, stop=bar.stop, workers=workers, keep=keep)
