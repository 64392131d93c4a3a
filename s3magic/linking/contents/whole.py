"""The whole and right content of a tile, gathered in a file beside its place; goes on where a run ended."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

from s3magic.errors import NotFound, ObjectChanged, ServerError
from s3magic.linking.contents.pinned import pinned_body
from s3magic.linking.records.manifest import LinkedTile
from s3magic.store.base import Store

_CHUNK = 1 << 20
_MARK_EVERY = 64 << 20
Report = Callable[[int], None]


def gather(part: Path, tile: LinkedTile, store: Store, *, report: Report | None = None) -> str:
    """Fill a file with the content of a tile, flush it to the disk and return its ``sha256:…``.

    What an earlier run left in the file is taken up again; where no hash is known that will tell
    whether it was right, as far as that run saw it on the disk. What turns out wrong is removed.
    ``report`` is told the bytes as they come.

    Raises
    ------
    ObjectChanged, NoSuchKey
        The bytes that were linked cannot be had any more.
    ServerError
        S3 gave other bytes than were linked, under the ETag that was linked.
    """
    if tile.oid is None:
        _cut_back(part)
    resumed = part.exists()
    try:
        oid = _append(part, tile, store, report)
    finally:
        if not part.exists() or part.stat().st_size == tile.size:
            _mark(part).unlink(missing_ok=True)
    if tile.oid is not None and oid != tile.oid and resumed:
        part.unlink()
        oid = _append(part, tile, store, None)
    if tile.oid is not None and oid != tile.oid:
        part.unlink()
        raise ServerError(
            f"The content of {tile.url} has the hash {oid}, linked was {tile.oid}",
            "The ETag is the linked one, but the bytes are not: tell who keeps the bucket.",
        )
    return oid


def _append(part: Path, tile: LinkedTile, store: Store, report: Report | None) -> str:
    """Append to a part until it is whole, flush it, and return the hash of all of it."""
    digest, size, marked = hashlib.sha256(), 0, 0
    with part.open("a+b") as file:
        file.seek(0)
        if os.fstat(file.fileno()).st_size > tile.size:
            file.truncate(0)
        while there := file.read(_CHUNK):
            digest.update(there)
            size += len(there)
            _tell(report, len(there))
        try:
            with closing(pinned_body(store, tile, start=size)) as chunks:
                for chunk in chunks:
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    _tell(report, len(chunk))
                    if tile.oid is None and size - marked >= _MARK_EVERY:
                        marked = _set_mark(part, file)
        except Exception as error:
            if not size or isinstance(error, ObjectChanged | NotFound):
                part.unlink()
            raise
        file.flush()
        os.fsync(file.fileno())
    if size != tile.size:
        part.unlink()
        raise ServerError(f"{tile.url} has {size} bytes where {tile.size} were linked", "Check the endpoint.")
    return f"sha256:{digest.hexdigest()}"


def _mark(part: Path) -> Path:
    return part.with_suffix(".mark")


def _set_mark(part: Path, file: IO[bytes]) -> int:
    """Note how much of a part is on the disk for sure; the inode tells it from a part that came with a clone."""
    file.flush()
    os.fsync(file.fileno())
    about = os.fstat(file.fileno())
    _mark(part).write_text(f"{about.st_ino} {about.st_size}", encoding="ascii")
    return about.st_size


def _cut_back(part: Path) -> None:
    """Leave of a part what was marked, and nothing where it was not."""
    try:
        inode, size = map(int, _mark(part).read_text(encoding="ascii").split())
        about = part.lstat()
    except (OSError, ValueError):
        inode = size = 0
    if size and stat.S_ISREG(about.st_mode) and about.st_ino == inode and about.st_size >= size:
        os.truncate(part, size)
    else:
        part.unlink(missing_ok=True)


def _tell(report: Report | None, amount: int) -> None:
    if report is not None:
        report(amount)
