"""Writing a dataset's new state: nothing where files of other people or last copies stand, all of it else."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace

from s3magic.errors import LinkError
from s3magic.linking.changes import Changes
from s3magic.linking.folder import Folder
from s3magic.linking.local import local_state
from s3magic.linking.manifest import DatasetInfo, LinkedTile
from s3magic.linking.standing import ask
from s3magic.progress import meter
from s3magic.store.base import StoreOpener

_LISTED = 10
_OURS = frozenset({"absent", "pointer", "file"})


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be recorded in one folder.

    Parameters
    ----------
    known
        The tiles that are recorded, by name.
    fresh, gone
        Those that are new or changed, and those that shall be recorded no more.
    """

    folder: Folder
    info: DatasetInfo
    known: Mapping[str, LinkedTile]
    fresh: tuple[LinkedTile, ...]
    gone: tuple[LinkedTile, ...]

    @property
    def stay(self) -> list[LinkedTile]:
        """The recorded tiles that are not gone."""
        gone = {tile.name for tile in self.gone}
        return [tile for name, tile in self.known.items() if name not in gone]

    def hashed(self, done: Mapping[str, LinkedTile], failed: Iterable[str]) -> Addition:
        """Return the same with the hashes that were learnt, and without the new tiles that could not be read."""
        lost = set(failed)
        lost |= {name for tile in self.fresh if tile.name in lost for name in tile.sidecars}
        fresh = {tile.name: tile for tile in self.fresh if tile.name not in lost}
        fresh |= {name: tile for name, tile in done.items() if name in fresh or name in self.known}
        return replace(self, fresh=tuple(fresh.values()))


def refuse_strangers(one: Addition) -> None:
    """Raise `LinkError` when other files stand where tiles shall be, or somebody changed those that go."""
    strangers = []
    for tile in one.fresh:
        place, was = one.folder.place(tile.name), one.known.get(tile.name)
        if local_state(place, tile) not in _OURS and (was is None or local_state(place, was) not in _OURS):
            strangers.append(tile.name)
    strangers += [tile.name for tile in one.gone if local_state(one.folder.place(tile.name), tile) not in _OURS]
    if strangers:
        more = f"; and {len(strangers) - _LISTED} more" if len(strangers) > _LISTED else ""
        raise LinkError(
            f"{one.folder.path} holds other files of these names: {', '.join(sorted(strangers)[:_LISTED])}{more}",
            "Move them away, or choose another folder.",
        )


def refuse_last_copies(one: Addition, elsewhere: Container[str], *, opener: StoreOpener) -> None:
    """Raise `LinkError` when S3 has a tile's bytes no more, and its file here would go too.

    What is recorded ``elsewhere`` now is not gone.
    """
    gone = (tile for tile in one.gone if tile.size and tile.name not in elsewhere)
    here = (tile for tile in gone if local_state(one.folder.place(tile.name), tile) == "file")
    last = sorted(tile.name for tile in here if ask(tile, opener=opener).linked is None)
    if last:
        more = f"; and {len(last) - _LISTED} more" if len(last) > _LISTED else ""
        raise LinkError(
            f"Gone from S3, and the files here are the last of them: {', '.join(last[:_LISTED])}{more}",
            f"Move them out of {one.folder.path}, then run the same again.",
        )


def record(one: Addition, *, is_held: bool) -> Changes:
    """Record an addition and return what it changed; ``is_held`` where the folder is being written to already."""
    fresh = [tile for tile in one.fresh if one.known.get(tile.name) != tile]
    with nullcontext() if is_held else one.folder.writing(), meter("Writing pointers", len(fresh)) as bar:
        if fresh or one.gone or not one.folder.is_dataset or one.folder.info() != one.info:
            one.folder.replace(one.info, fresh, one.gone, wrote=bar)
        elif not one.info.imported:
            one.folder.write_pointers(one.folder.tiles(), bar)
    new = {tile.name for tile in fresh}
    return Changes(
        added=tuple(sorted(new - one.known.keys())),
        changed=tuple(sorted(new & one.known.keys())),
        removed=tuple(sorted(tile.name for tile in one.gone)),
        kept=tuple(sorted(tile.name for tile in one.stay if tile.name not in new)),
    )


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
                folder.described.forget()
                raise
    finally:
        if not folder.is_dataset:
            with suppress(OSError):
                folder.records.rmdir()
                for path in missing:
                    path.rmdir()
