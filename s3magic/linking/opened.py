"""The linked datasets that this process has opened, and how much of each is here; asks no server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from s3magic.errors import S3MagicError
from s3magic.linking.records.folder import Folder
from s3magic.linking.records.local import quick_state

_TICK = 100_000_000  # nanoseconds in which a file system may give two changes one time

Stamp = tuple[int, ...]

_lock = threading.Lock()
_opened: dict[Path, None] = {}  # in the order of the first opening
_tallies: dict[Path, tuple[frozenset[Path], Stamp, Tally]] = {}


@dataclass(frozen=True, slots=True)
class Tally:
    """How much of a dataset is here.

    Parameters
    ----------
    path
        Its folder.
    kind
        ``point-cloud``, ``raster``, ``grid`` or ``file``.
    tiles, size
        How many tiles it has, and their bytes; sidecars are left out.
    here
        How many of the tiles are here as files.
    """

    path: str
    kind: str
    tiles: int
    size: int
    here: int

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON types."""
        return asdict(self)


def note(path: Path) -> None:
    """Remember a dataset's folder."""
    with _lock:
        _opened[path.absolute()] = None


def tallies() -> list[Tally]:
    """Count what is here of each dataset opened; one that is gone, or cannot be read, is passed over.

    A dataset is counted again only when one of its folders has changed since.
    """
    with _lock:
        paths = list(_opened)
    found = []
    for path in paths:
        try:
            found.append(_tally(path))
        except (S3MagicError, OSError):  # deleted, or being written: whoever opens it is told
            continue
    return found


def _tally(path: Path) -> Tally:
    known = _tallies.get(path)
    if known is not None and _stamp(known[0]) == known[1]:
        return known[2]
    started = time.time_ns()
    folder = Folder(path)
    watched = {path, folder.records, folder.records / "tiles", folder.scratch}
    count = size = here = 0
    for tile in folder.tiles():
        if not tile.is_sidecar:
            place = folder.place(tile.name)
            watched.add(place.parent)
            count += 1
            size += tile.size
            here += quick_state(place, tile) == "file"
    tally = Tally(path=str(path), kind=folder.info().type, tiles=count, size=size, here=here)
    stamp = _stamp(watched)
    if max(stamp) < started - _TICK:  # else it may have changed while it was counted
        _tallies[path] = frozenset(watched), stamp, tally
    return tally


def _stamp(folders: Iterable[Path]) -> Stamp:
    return tuple(_changed(folder) for folder in sorted(folders))


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
