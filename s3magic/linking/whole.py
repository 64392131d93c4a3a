"""The whole and right content of a tile, gathered in a file beside its place; goes on where a run ended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from s3magic.errors import NotFound, ObjectChanged, ServerError
from s3magic.linking.body import body
from s3magic.linking.manifest import LinkedTile
from s3magic.store.base import Store

_CHUNK = 1 << 20
Report = Callable[[int], None]


def gather(part: Path, tile: LinkedTile, store: Store, *, report: Report | None = None) -> str:
    """Fill a file with the content of a tile, flush it to the disk and return its ``sha256:…``.

    What an earlier run left in the file is taken up again where a known hash will tell whether it
    was right; what turns out wrong is removed. ``report`` is told the bytes as they come.

    Raises
    ------
    ObjectChanged, NoSuchKey
        The bytes that were linked cannot be had any more.
    ServerError
        S3 gave other bytes than were linked, under the ETag that was linked.
    """
    if tile.oid is None:
        part.unlink(missing_ok=True)
    resumed = part.exists()
    oid = _append(part, tile, store, report)
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
    digest, size = hashlib.sha256(), 0
    with part.open("a+b") as file:
        file.seek(0)
        if os.fstat(file.fileno()).st_size > tile.size:
            file.truncate(0)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            _tell(report, len(chunk))
        try:
            with closing(body(store, tile, start=size)) as chunks:
                for chunk in chunks:
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    _tell(report, len(chunk))
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


def _tell(report: Report | None, amount: int) -> None:
    if report is not None:
        report(amount)
