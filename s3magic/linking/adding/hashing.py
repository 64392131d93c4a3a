"""Reading bodies for their hashes, in one parallel pass, as far as a limit goes; keeps nothing of them."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from s3magic.harvest import Harvest
from s3magic.linking.adding.state import State
from s3magic.linking.contents import hashes
from s3magic.linking.contents.bytewise import gather_bytes
from s3magic.linking.records.manifest import LinkedTile
from s3magic.progress import Meter
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
    return gather_bytes(
        partial(_read, opener=opener),
        state.reading(),
        "Hashing",
        count=count,
        size=size,
        executor=executor,
        on_value=lambda _tile, hashed: state.learn(hashed),
        keep=False,
    )


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> LinkedTile:
    return replace(tile, oid=hashes.read(opener(tile.source), tile, report=report), oid_from="stream")
