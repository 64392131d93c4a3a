"""Checking a dataset: local bytes against their hashes, pins against HEAD, and bodies read again where asked."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from s3magic.linking import hashes
from s3magic.linking.folder import Folder
from s3magic.linking.local import Local, local_state
from s3magic.linking.manifest import LinkedTile
from s3magic.linking.standing import Standing, ask
from s3magic.linking.status import StatusReport, TileStatus
from s3magic.linking.work import Harvest, gather, reason
from s3magic.progress import Meter, meter
from s3magic.store.base import StoreOpener

_GOOD = frozenset({"ok", "superseded", "unhashed"})


class VerifyReport(StatusReport):
    """What a check found of each tile, sorted by name."""

    @property
    def failures(self) -> tuple[TileStatus, ...]:
        """The tiles whose linked bytes cannot be had, or whose file here has others."""
        return tuple(tile for tile in self if tile.remote not in _GOOD or tile.local == "modified")

    @property
    def ok(self) -> bool:
        """Whether there are no failures; a tile that S3 did not tell of is one."""
        return not self.failures

    def __repr__(self) -> str:
        verdict = "all well" if self.ok else f"{len(self.failures)} wrong"
        return f"{super().__repr__()[:-1]}: {verdict}>"


def verify(
    folder: Folder, *, opener: StoreOpener, deep: bool = False, executor: Executor | None = None
) -> VerifyReport:
    """Check every tile, here and on S3; changes nothing.

    Parameters
    ----------
    deep
        Read the bodies on S3 as well and hash them, where the linked bytes are still there.
    """
    tiles = folder.tiles()
    with meter("Asking S3", len(tiles)) as bar:
        asked = gather(partial(_ask, opener=opener), tiles, executor=executor, on_value=lambda _tile, _value: bar(1))
    asked.raise_stop()
    standings = dict(asked.values)
    failed = [*asked.failures]
    if deep:
        there = [tile for tile in tiles if tile.oid and standings.get(tile.name, _UNKNOWN).remote in _GOOD]
        reading = _read_all(there, opener, executor)
        standings |= {name: Standing("wrong", None, detail) for name, detail in reading.values if detail}
        failed += reading.failures
    with meter("Looking at files", sum(tile.size for tile in tiles), "B", tiles=len(tiles)) as bar:
        look = gather(
            partial(_local, folder=folder, report=bar),
            tiles,
            on_value=lambda _tile, _value: bar.tile_done(),
            stop=bar.stop,
        )
    look.raise_stop()
    here: dict[str, Local] = dict(look.values)
    reasons = {name: reason(error) for name, error in (*look.failures, *failed)}
    for name, _ in failed:
        standings[name] = _UNKNOWN
    return VerifyReport(
        TileStatus(
            tile.name,
            standings[tile.name].remote,
            here.get(tile.name, "unknown"),
            reasons.get(tile.name) or standings[tile.name].detail,
        )
        for tile in tiles
    )


_UNKNOWN = Standing("unknown")


def _ask(tile: LinkedTile, *, opener: StoreOpener) -> tuple[str, Standing]:
    return tile.name, replace(ask(tile, opener=opener), linked=None)  # which would fill the memory


def _read_all(tiles: Sequence[LinkedTile], opener: StoreOpener, executor: Executor | None) -> Harvest[tuple[str, str]]:
    with meter("Reading bodies", sum(tile.size for tile in tiles), "B", tiles=len(tiles)) as bar:

        def note(tile: LinkedTile, _value: object) -> None:
            bar.tile_done()
            if executor is not None:
                bar(tile.size)

        work = partial(_read, opener=opener, report=bar if executor is None else None)
        harvest = gather(work, tiles, executor=executor, on_value=note, stop=bar.stop)
    harvest.raise_stop()
    return harvest


def _read(tile: LinkedTile, *, opener: StoreOpener, report: Meter | None) -> tuple[str, str]:
    oid = hashes.read(opener(tile.source), tile, report=report)
    return tile.name, "" if oid == tile.oid else f"the body has the hash {oid}"


def _local(tile: LinkedTile, *, folder: Folder, report: Meter) -> tuple[str, Local]:
    return tile.name, local_state(folder.place(tile.name), tile, report=report)
