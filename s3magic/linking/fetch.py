"""Filling a dataset with its tiles: parallel, resumable, and in place only once the hash is right."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from s3magic.errors import LinkError
from s3magic.harvest import raise_failures
from s3magic.html import bytes_text, card, counted
from s3magic.linking.contents.bytewise import gather_bytes
from s3magic.linking.contents.looking import look_at_files
from s3magic.linking.contents.whole import gather as gather_whole
from s3magic.linking.git import index
from s3magic.linking.records.disk import sync_folder
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import Local, local_state
from s3magic.linking.records.manifest import LinkedTile
from s3magic.linking.records.selection import select
from s3magic.store.base import StoreOpener

_AT_ONCE = 24  # bodies: enough to fill a line, few enough not to wait for each other's turn in Python
_ROOM = 0.01  # share of the download that must stay free beside it


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a fetch did.

    Parameters
    ----------
    fetched
        Names of the tiles that were brought.
    present
        Names of those that were right already.
    size
        Bytes of the tiles that were brought.
    """

    fetched: tuple[str, ...]
    present: tuple[str, ...]
    size: int

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return {"fetched": list(self.fetched), "present": list(self.present), "size": self.size}

    def __repr__(self) -> str:
        brought = f"{counted(len(self.fetched), 'tile')} fetched ({bytes_text(self.size)})"
        return f"<{brought}, {len(self.present):,} already here>"

    def _repr_html_(self) -> str:
        rows = [
            ("fetched", f"{counted(len(self.fetched), 'tile')}, {bytes_text(self.size)}"),
            ("already here", counted(len(self.present), "tile")),
        ]
        return card("Tiles fetched", rows)


def fetch(
    folder: Folder,
    *,
    opener: StoreOpener,
    match: str | None = None,
    bbox: Sequence[float] | None = None,
    executor: Executor | None = None,
) -> FetchReport:
    """Bring tiles that are not here yet; an interrupted fetch goes on where it was.

    Raises
    ------
    TilesFailed
        Some tiles failed, the others are here. A changed original is among the failed, never
        taken for the tile.
    LinkError
        There is no room on the disk, or nothing is chosen; nothing was fetched.
    """
    report, failures = bring(folder, opener=opener, match=match, bbox=bbox, executor=executor)
    raise_failures(failures, len(report.fetched) + len(report.present), "fetched")
    return report


def bring(
    folder: Folder,
    *,
    opener: StoreOpener,
    match: str | None = None,
    bbox: Sequence[float] | None = None,
    only: Collection[str] | None = None,
    executor: Executor | None = None,
) -> tuple[FetchReport, list[tuple[str, Exception]]]:
    """Fetch, of ``only`` some names where they are given, and return what failed, by name, instead of raising it."""
    folder = Folder(folder.path.absolute())  # for an executor whose workers stand elsewhere
    with folder.writing():
        _record_learned(folder)
        everything = folder.tiles()
        chosen = select(everything, match=match, bbox=bbox)
        chosen = chosen if only is None else [tile for tile in chosen if tile.name in only]
        _sweep(folder, everything)
        present, wanted, failures = _look(folder, chosen)
        size = _check_room(folder, (chosen[number] for number in wanted), copies=1 + index.keeps_copies(folder))
        try:
            harvest = gather_bytes(
                partial(download, folder=folder, opener=opener),
                (chosen[number] for number in wanted),
                "Fetching",
                count=len(wanted),
                size=size,
                executor=executor,
                workers=_AT_ONCE,
                keep=False,
            )
        finally:
            _record_learned(folder)
        sync_folder(folder.path)
        index.settle(folder, chosen)
    harvest.raise_stop()
    failed = {name for name, _ in harvest.failures}
    fetched = [tile for tile in map(chosen.__getitem__, wanted) if tile.name not in failed]
    names = tuple(tile.name for tile in fetched)
    return FetchReport(names, present, sum(tile.size for tile in fetched)), [*failures, *harvest.failures]


def _sweep(folder: Folder, tiles: Iterable[LinkedTile]) -> None:
    """Remove what earlier runs left of tiles that are none any more."""
    if leftovers := set(folder.scratch.glob("*.part")):
        for leftover in leftovers - {folder.part(tile) for tile in tiles}:
            leftover.unlink()
    for mark in folder.scratch.glob("*.mark"):
        if not mark.with_suffix(".part").exists():
            mark.unlink()


def _look(
    folder: Folder, tiles: Sequence[LinkedTile]
) -> tuple[tuple[str, ...], list[int], list[tuple[str, Exception]]]:
    """Return the names of the tiles that are here, the numbers of those that are to be brought, and what failed."""
    states: list[Local] = ["unknown"] * len(tiles)
    failures = look_at_files(folder, tiles, states.__setitem__)
    failed = {name for name, _ in failures}
    present, wanted = [], []
    for number, (tile, state) in enumerate(zip(tiles, states, strict=True)):
        if state == "modified":
            failures.append((tile.name, _in_the_way(folder.place(tile.name))))
        elif state == "file":
            present.append(tile.name)
        elif tile.name not in failed:
            wanted.append(number)
    return tuple(present), wanted, failures


def download(
    tile: LinkedTile, *, folder: Folder, opener: StoreOpener, report: Callable[[int], None] | None = None
) -> str:
    """Bring one tile and return its ``sha256:…``; its name shows the whole file or what was there before."""
    part, target = folder.part(tile), folder.place(tile.name)
    oid = gather_whole(part, tile, opener(tile.source), report=report)
    state = local_state(target, replace(tile, oid=oid))
    if state == "modified":
        part.unlink()
        raise _in_the_way(target)
    if tile.oid is None:
        folder.learned.add({"name": tile.name, "etag": tile.etag, "oid": oid})
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return oid


def _record_learned(folder: Folder) -> None:
    """Put hashes that were noted into the records; those of a run that was killed too."""
    oids = {(fact.get("name"), fact.get("etag")): str(fact.get("oid")) for fact in folder.learned}
    if oids:
        unhashed = (tile for tile in folder.tiles() if tile.oid is None)
        folder.save_tiles(
            replace(tile, oid=oid, oid_from="download")
            for tile in unhashed
            if (oid := oids.get((tile.name, tile.etag))) is not None
        )
        folder.learned.forget()


def _check_room(folder: Folder, wanted: Iterable[LinkedTile], *, copies: int) -> int:
    """Return how many bytes the tiles have; raise `LinkError` where what is not here of them is too much."""
    needed = size = 0
    for tile in wanted:
        part = folder.part(tile)
        there = part.stat().st_size if tile.oid and part.exists() else 0
        needed += max(0, tile.size - there) + (copies - 1) * tile.size
        size += tile.size
    free = shutil.disk_usage(folder.path).free
    if needed * (1 + _ROOM) > free:
        raise LinkError(
            f"No room in {folder.path}: {bytes_text(needed)} to fetch, {bytes_text(free)} free",
            "Fetch fewer tiles with match or bbox, or make room.",
        )
    return size


def _in_the_way(path: Path) -> LinkError:
    return LinkError(
        f"{path.name} is not the linked file any more: somebody changed it here",
        f"Move {path} away, then fetch it again.",
    )
