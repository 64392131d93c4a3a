"""How a dataset differs from what S3 has now, or from itself in another commit; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Literal, overload

from s3magic.errors import AccessDenied, LinkError, NoSuchKey
from s3magic.harvest import raise_failures
from s3magic.html import bytes_text, table
from s3magic.linking.adding.describe import time_text
from s3magic.linking.adding.ledger import Ledger
from s3magic.linking.adding.order import renewal
from s3magic.linking.adding.survey import Candidate, survey
from s3magic.linking.contents.standing import Standing, ask_many
from s3magic.linking.git.repository import Repository
from s3magic.linking.records import manifest
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import ObjectInfo, StoreOpener

Change = Literal["added", "changed", "removed"]
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class TileDiff:
    """One tile that differs.

    Parameters
    ----------
    change
        ``added``: only the newer side has it; ``removed``: only the older; ``changed``: both do, with other content.
    before, after
        Size, time and ETag on either side; empty where there is nothing.
    """

    name: str
    change: Change
    before: str = ""
    after: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"name": self.name, "change": self.change, "before": self.before, "after": self.after}


class DiffReport(Sequence[TileDiff]):
    """The tiles in which two states of a dataset differ, sorted by name.

    Attributes
    ----------
    old, new : str
        What is compared with what.
    note : str
        What could not be compared; mostly empty.
    """

    def __init__(self, tiles: Iterable[TileDiff], *, old: str, new: str, note: str = "") -> None:
        self._tiles = tuple(sorted(tiles, key=lambda tile: tile.name))
        self.old, self.new, self.note = old, new, note

    @overload
    def __getitem__(self, index: int) -> TileDiff: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TileDiff, ...]: ...
    def __getitem__(self, index: int | slice) -> TileDiff | tuple[TileDiff, ...]:
        return self._tiles[index]

    def __len__(self) -> int:
        return len(self._tiles)

    def __iter__(self) -> Iterator[TileDiff]:
        return iter(self._tiles)

    def names(self, change: Change) -> tuple[str, ...]:
        """Return the tiles that differ in one way."""
        return tuple(tile.name for tile in self if tile.change == change)

    def to_json(self) -> list[dict[str, object]]:
        """Return the tiles as JSON types."""
        return [tile.to_json() for tile in self]

    def __str__(self) -> str:
        words = ", ".join(f"{len(self.names(change))} {change}" for change in ("added", "changed", "removed"))
        return f"{self.old} → {self.new}: {words if self._tiles else 'no difference'}" + (
            f" ({self.note})" if self.note else ""
        )

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_html_(self) -> str:
        rows = [(tile.name, tile.change, tile.before, tile.after) for tile in self._tiles[:_SHOWN]]
        more = f" (the first {_SHOWN} are shown)" if len(self) > _SHOWN else ""
        return table(("tile", "", self.old, self.new), rows, f"{self}{more}")


def against_s3(folder: Folder, *, opener: StoreOpener, executor: Executor | None = None) -> DiffReport:
    """Compare a dataset with what its sources name on S3 now: by listings, or by HEAD where those are not allowed."""
    order, tiles = renewal(folder.info()), folder.tiles()
    try:
        with Ledger() as ledger:
            found = survey(
                order.patterns, opener=opener, match=order.match, keep_prefix=order.keep_prefix, ledger=ledger
            )
            differing = list(_listed(tiles, found.candidates))
    except (AccessDenied, NoSuchKey):
        differing, note = _by_head(tiles, opener, executor), "S3 was asked for the tiles alone, not for new ones"
    else:
        note = "new ones may lie outside of the box" if order.box and _has_new(differing) else ""
        if folder.info().selection.get("split"):
            note = "new ones may be of another part of the split" if _has_new(differing) else ""
            differing = [tile for tile in differing if tile.change != "added"]
    return DiffReport(differing, old="dataset", new="S3 now", note=note)


def between(folder: Folder, old: str, new: str | None = None) -> DiffReport:
    """Compare a dataset in a commit with itself in another, or with what is here now.

    Raises `LinkError` when the folder is in no repository, or there is no such commit.
    """
    repository = Repository.around(folder.path)
    if repository is None:
        raise LinkError(f"{folder.path} is in no git repository", "Without commits, diff() compares with S3.")
    before = _in_commit(repository, folder, old)
    after = folder.tiles() if new is None else _in_commit(repository, folder, new)
    return DiffReport(_compared(before, after), old=old, new=new or "here")


def _listed(tiles: Iterable[LinkedTile], found: Iterable[Candidate]) -> Iterator[TileDiff]:
    """Compare tiles with objects, both in the order of their names."""
    known: Iterator[LinkedTile | Candidate] = iter(tiles)
    for name, group in groupby(merge(known, found, key=attrgetter("name")), key=attrgetter("name")):
        tile: LinkedTile | None = None
        info: ObjectInfo | None = None
        for one in group:
            if isinstance(one, LinkedTile):
                tile = one
            else:
                info = one.info
        if info is None and tile is not None:
            yield TileDiff(name, "removed", _tile_text(tile))
        elif tile is None and info is not None:
            yield TileDiff(name, "added", "", _object_text(info))
        elif tile is not None and info is not None and (info.etag, info.size) != (tile.etag, tile.size):
            yield TileDiff(name, "changed", _tile_text(tile), _object_text(info))


def _has_new(tiles: Iterable[TileDiff]) -> bool:
    return any(tile.change == "added" for tile in tiles)


def _by_head(tiles: Sequence[LinkedTile], opener: StoreOpener, executor: Executor | None) -> list[TileDiff]:
    differing: list[TileDiff] = []

    def note(tile: LinkedTile, standing: Standing) -> None:
        if standing.remote not in {"ok", "unhashed"}:
            change: Change = "removed" if standing.is_gone else "changed"
            differing.append(TileDiff(tile.name, change, _tile_text(tile), standing.detail))

    asked = ask_many(tiles, count=len(tiles), opener=opener, on_value=note, executor=executor)
    raise_failures(asked.failures, len(tiles) - len(asked.failures), "compared")
    return sorted(differing, key=attrgetter("name"))


def _in_commit(repository: Repository, folder: Folder, revision: str) -> list[LinkedTile]:
    found = repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise LinkError(f"There is no commit {revision!r}", "git log shows them; HEAD~1 is the one before this.")
    top = repository.inside(folder.path)
    place = f"{top}/.s3link/tiles" if top else ".s3link/tiles"
    told = repository.ask("ls-tree", "-z", f"{found.decode().strip()}:{place}")
    if told is None:
        raise LinkError(f"{folder.path} has no linked tiles in {revision}", "git log -- FOLDER shows when they came.")
    blobs = {entry.split()[2].decode(): entry.partition(b"\t")[2].decode() for entry in told.split(b"\0") if entry}
    return [
        tile
        for blob, data in repository.blobs(blobs)
        for tile in manifest.parse_tiles(data.decode("utf-8", "replace"), f"{revision}:{place}/{blobs[blob]}")
    ]


def _compared(before: Iterable[LinkedTile], after: Iterable[LinkedTile]) -> Iterator[TileDiff]:
    old, new = ({tile.name: tile for tile in tiles} for tiles in (before, after))
    for name in old.keys() | new.keys():
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            yield TileDiff(name, "added", "", _tile_text(now))
        elif now is None and was is not None:
            yield TileDiff(name, "removed", _tile_text(was))
        elif was is not None and now is not None and not _is_same(was, now):
            yield TileDiff(name, "changed", _tile_text(was), _tile_text(now))


def _is_same(one: LinkedTile, other: LinkedTile) -> bool:
    """Tell whether two records link the same content: by the hash where both know it, else by the pins."""
    if one.oid and other.oid:
        return one.oid == other.oid
    return (one.etag, one.size) == (other.etag, other.size)


def _tile_text(tile: LinkedTile) -> str:
    return _text(tile.size, tile.last_modified, tile.etag)


def _object_text(info: ObjectInfo) -> str:
    return _text(info.size, time_text(info.last_modified), info.etag)


def _text(size: int, time: str | None, etag: str) -> str:
    return ", ".join(filter(None, (bytes_text(size), (time or "").replace("T", " ").rstrip("Z"), f"ETag {etag[:12]}")))
