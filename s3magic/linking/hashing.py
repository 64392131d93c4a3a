"""Reading bodies for their hashes, in one parallel pass, as far as a limit goes; keeps nothing of them."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from s3magic.linking import hashes
from s3magic.linking.manifest import LinkedTile
from s3magic.linking.state import State
from s3magic.linking.work import Harvest, gather
from s3magic.progress import Meter, meter
from s3magic.store.base import StoreOpener


def read_hashes(
    state: State, *, opener: StoreOpener, fresh: bool, limit: int | None, executor: Executor | None
) -> Harvest[LinkedTile]:
    """Read the bodies of unhashed tiles, in the order of names as far as the limit goes, and write their hashes down.

    Parameters
    ----------
    fresh
        Of what is new alone.
    limit
        The most bytes to read in all; None for no limit.

    Returns
    -------
    Harvest
        The tiles that could not be read.
    """
    count, size = state.to_read(fresh=fresh, limit=limit)
    with meter("Hashing", size, "B", tiles=count) as bar:

        def note(tile: LinkedTile, hashed: LinkedTile) -> None:
            bar.tile_done()
            if executor is not None:
                bar(tile.size)
            state.learn(hashed)

        work = partial(_read, opener=opener, report=bar if executor is None else None)
        return gather(work, state.reading(), executor=executor, on_value=note, stop=bar.stop, keep=False)


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> LinkedTile:
    return replace(tile, oid=hashes.read(opener(tile.source), tile, report=report), oid_from="stream")
