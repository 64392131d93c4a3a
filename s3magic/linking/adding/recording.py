"""Writing a dataset's new state: nothing where files of other people or last copies stand, all of it else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from heapq import nsmallest

from s3magic.errors import LinkError
from s3magic.linking.adding.ledger import forget
from s3magic.linking.adding.state import Part
from s3magic.linking.contents.looking import look_at_files
from s3magic.linking.contents.standing import Standing, ask_many
from s3magic.linking.records.changes import Changes
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local, local_state
from s3magic.linking.records.manifest import DatasetInfo, LinkedTile, parse_line
from s3magic.progress import meter
from s3magic.store.base import StoreOpener

_LISTED = 10
_OURS = frozenset({"absent", "pointer", "file"})


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be recorded in one folder: what holds for all tiles, and each tile as it is and as it shall be."""

    folder: Folder
    info: DatasetInfo
    tiles: Part


def refuse_strangers(one: Addition) -> None:
    """Raise `LinkError` when other files stand where tiles shall be, or somebody changed those that go."""
    if strangers := _listed(_strangers(one)):
        raise LinkError(
            f"{one.folder.path} holds other files of these names: {strangers}",
            "Move them away, or choose another folder.",
        )


def _strangers(one: Addition) -> Iterator[str]:
    here = os.fspath(one.folder.path)  # thousands of paths are put together faster as text
    for name, now, was in one.tiles.fresh():
        if os.path.lexists(f"{here}/{name}") or "/" in name:
            place = one.folder.place(name)
            tiles = filter(None, map(parse_line, filter(None, (now, was))))
            if all(local_state(place, tile) not in _OURS for tile in tiles):
                yield name
    for tile in one.tiles.gone():
        if local_state(one.folder.place(tile.name), tile) not in _OURS:
            yield tile.name


def refuse_last_copies(one: Addition, *, opener: StoreOpener, executor: Executor | None = None) -> None:
    """Raise `LinkError` when S3 has a tile's bytes no more, and its file here would go too."""
    gone = [tile for tile in one.tiles.gone_everywhere() if tile.size]
    here: list[LinkedTile] = []
    last: list[str] = []

    def look(number: int, state: Local) -> None:
        if state == "file":
            here.append(gone[number])

    def note(tile: LinkedTile, standing: Standing) -> None:
        if standing.linked is None:
            last.append(tile.name)

    failures = look_at_files(one.folder, gone, look)
    failures += ask_many(here, count=len(here), opener=opener, on_value=note, executor=executor).failures
    for _, error in failures:
        raise error
    if last:
        raise LinkError(
            f"Gone from S3, and the files here are the last of them: {_listed(last)}",
            f"Move them out of {one.folder.path}, then run the same again.",
        )


def _listed(names: Iterable[str]) -> str:
    """Return the first names and how many there are more; empty for none."""
    found = list(names)
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return f"{', '.join(nsmallest(_LISTED, found))}{more}"


def record(one: Addition, *, is_held: bool) -> Changes:
    """Record an addition and return what it changed; ``is_held`` where the folder is being written to already."""
    with nullcontext() if is_held else one.folder.writing(), meter("Writing pointers", one.tiles.fresh_count) as bar:
        if one.tiles.is_changed or not one.folder.is_dataset or one.folder.info() != one.info:
            one.folder.renew(one.info, one.tiles.shards(), wrote=bar)
        elif not one.info.imported:
            one.folder.write_pointers(one.folder.tiles(), bar)
    return one.tiles.changes()


@contextmanager
def at_work(folder: Folder) -> Iterator[None]:
    """Hold a folder for one writer; where no dataset comes to be, leave no trace of the attempt.

    What was described before an interrupt or a kill is kept for the next run, what was refused is not.
    """
    missing = [path for path in (folder.path, *folder.path.absolute().parents) if not path.exists()]
    try:
        with folder.writing():
            try:
                yield
            except LinkError:
                forget(folder.drafts)
                raise
    finally:
        if not folder.is_dataset:
            with suppress(OSError):
                folder.records.rmdir()
                for path in missing:
                    path.rmdir()
