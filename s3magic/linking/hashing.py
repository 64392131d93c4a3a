"""Reading bodies for their hashes, in one parallel pass, as far as a limit goes; keeps nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from s3magic.linking import hashes
from s3magic.linking.manifest import LinkedTile
from s3magic.linking.work import Harvest, gather
from s3magic.progress import Meter, meter
from s3magic.store.base import StoreOpener


def read_hashes(
    tiles: Sequence[LinkedTile],
    seen: Mapping[str, str],
    *,
    opener: StoreOpener,
    limit: int | None,
    executor: Executor | None,
    learnt: Callable[[LinkedTile], None],
) -> Harvest[LinkedTile]:
    """Read the bodies of unhashed tiles, in the order of names as far as the limit goes.

    Parameters
    ----------
    seen
        The ``sha256:…`` of bodies that were read already, by name.
    limit
        The most bytes to read in all; None for no limit.
    learnt
        Is told of each tile as its hash is known, in the calling thread.

    Returns
    -------
    Harvest
        The tiles that have a hash now, and those that could not be read.
    """
    chosen: list[LinkedTile] = []
    known: list[LinkedTile] = []
    left = limit
    for tile in sorted((tile for tile in tiles if tile.oid is None), key=lambda tile: tile.name):
        if left is None or tile.size <= left:
            left = None if left is None else left - tile.size
            if tile.name in seen:
                known.append(replace(tile, oid=seen[tile.name], oid_from="stream"))
            else:
                chosen.append(tile)
    with meter("Hashing", sum(tile.size for tile in chosen), "B", tiles=len(chosen)) as bar:

        def note(tile: LinkedTile, hashed: LinkedTile) -> None:
            bar.tile_done()
            if executor is not None:
                bar(tile.size)
            learnt(hashed)

        work = partial(_read, opener=opener, report=bar if executor is None else None)
        harvest = gather(work, chosen, executor=executor, on_value=note, stop=bar.stop)
    harvest.values += known
    return harvest


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> LinkedTile:
    return replace(tile, oid=hashes.read(opener(tile.source), tile, report=report), oid_from="stream")
