"""Whether S3 still has the bytes that a tile links, asked by HEAD: what there is now against every pin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from s3magic.errors import AccessDenied, NotFound
from s3magic.harvest import Harvest, gather
from s3magic.linking.contents import hashes
from s3magic.linking.records.manifest import LinkedTile
from s3magic.progress import meter
from s3magic.store.base import ObjectInfo, StoreOpener

Remote = Literal["ok", "changed", "missing", "superseded", "unhashed", "unknown", "wrong"]
"""How a tile stands on S3, in one word; `TileStatus` says what each means."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tile stands on S3.

    Parameters
    ----------
    remote
        As in `TileStatus`; ``wrong`` where the pin holds and a checksum says that the bytes are others.
    linked
        The object with the linked bytes, by its key or by its version; None where there is none.
    detail
        What differs.
    is_gone
        Whether nothing has the key any more; a version may still be had.
    """

    remote: Remote
    linked: ObjectInfo | None = None
    detail: str = ""
    is_gone: bool = False


def ask(tile: LinkedTile, *, opener: StoreOpener) -> Standing:
    """Ask S3 for a tile's object, and for the linked version of it where the object is another by now."""
    store, key = opener(tile.source), tile.source.key
    try:
        now = store.head(key)
    except NotFound:
        now = None
    if now is not None and (now.etag, now.size) == (tile.etag, tile.size):
        return _checked("ok" if tile.oid else "unhashed", tile, now)
    detail = "the object is gone" if now is None else f"the object has {now.size} bytes and the ETag {now.etag}"
    lost = Standing("missing" if now is None else "changed", None, detail, is_gone=now is None)
    if tile.version_id is None:
        return lost
    try:
        version = store.head(key, version_id=tile.version_id)
    except (NotFound, AccessDenied):
        return lost
    return replace(_checked("superseded", tile, version, detail), is_gone=now is None)


def ask_many(
    tiles: Iterable[LinkedTile],
    *,
    count: int,
    opener: StoreOpener,
    on_value: Callable[[LinkedTile, Standing], Any],
    executor: Executor | None = None,
) -> Harvest[Standing]:
    """Ask for many tiles at once, under a bar; ``on_value`` is told how each stands. Return those that failed."""
    with meter("Asking S3", count) as bar:

        def note(tile: LinkedTile, standing: Standing) -> None:
            bar(1)
            on_value(tile, standing)

        harvest = gather(partial(ask, opener=opener), tiles, executor=executor, on_value=note, keep=False)
    harvest.raise_stop()
    return harvest


def differences(tile: LinkedTile, info: ObjectInfo) -> str:
    """Return in which of the things S3 knows of contents an object differs from a tile; empty for none."""
    found = []
    if info.size != tile.size:
        found.append(f"{info.size} bytes instead of {tile.size}")
    crc, sha256 = info.checksums.get("CRC64NVME"), hashes.whole(info)
    if crc and tile.crc64nvme and crc != tile.crc64nvme:
        found.append("another CRC64NVME")
    if sha256 and tile.oid and sha256 != tile.oid:
        found.append("another SHA-256")
    return ", ".join(found)


def agreements(tile: LinkedTile, info: ObjectInfo) -> bool:
    """Tell whether an object is sure to have a tile's bytes: nothing differs, and ETag or a checksum agrees."""
    crc, sha256 = info.checksums.get("CRC64NVME"), hashes.whole(info)
    agrees = info.etag == tile.etag or (crc and crc == tile.crc64nvme) or (sha256 and sha256 == tile.oid)
    return bool(agrees) and not differences(tile, info)


def _checked(remote: Remote, tile: LinkedTile, info: ObjectInfo, detail: str = "") -> Standing:
    different = differences(tile, info)
    return Standing("wrong", info, different) if different else Standing(remote, info, detail)
