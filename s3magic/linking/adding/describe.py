"""One object of S3 to one tile: a HEAD, the ranges its header needs, and the hash S3 knows; writes nothing."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from s3magic.errors import ObjectChanged, UnreadableFormat
from s3magic.formats import pam, registry
from s3magic.formats.base import GRID_HEADER, TileInfo
from s3magic.html import bytes_text
from s3magic.linking.adding.report import Report
from s3magic.linking.adding.survey import PAM, Candidate
from s3magic.linking.contents import hashes
from s3magic.linking.records.manifest import SIDECAR, Box, LinkedTile
from s3magic.store.base import ObjectInfo, Store, StoreOpener
from s3magic.store.reader import FIRST_BLOCK, ByteLimitReached, RangeReader
from s3magic.url import S3Url

HEADER_LIMIT = 2_000_000  # bytes of one tile that its metadata may cost
_GRIDS = (".nc", ".nc4", ".h5", ".hdf5", ".he5")
_TILES = (".las", ".laz", ".tif", ".tiff", ".gtiff", ".btf", *_GRIDS)
_NOWHERE = TileInfo("file", "file")
_TYPES = frozenset({"point-cloud", "raster", "grid"})


@dataclass(frozen=True, slots=True)
class Described:
    """A tile, and what must be equal in all tiles of a dataset.

    ``bounds`` are left where they tell its place on Earth, see `place`; ``content`` is the
    ``sha256:…`` of the whole content where describing the tile read all of it.
    """

    tile: LinkedTile
    type: str
    crs: str | None = None
    schema: Any = None
    bounds: Box | None = None
    content: str | None = None

    @property
    def name(self) -> str:
        """The tile's name."""
        return self.tile.name


def describe(
    candidate: Candidate,
    *,
    opener: StoreOpener,
    hash: str,  # noqa: A002 - the public word
    report: Report | None = None,
) -> Described:
    """Describe an object by HEAD and range reads; a small one by one GET of all of it.

    An object that is replaced meanwhile is described once more, as it is now. Raises
    `UnreadableFormat` when it is not what its name says, and what the store raises.
    """
    store = opener(S3Url(candidate.info.url.split("/")[2], candidate.info.key))
    try:
        return _describe(candidate, store, hash, report)
    except ObjectChanged:
        return _describe(replace(candidate, asked=False), store, hash, report)


def _describe(candidate: Candidate, store: Store, hash_word: str, report: Report | None) -> Described:
    info, content = _ask(store, candidate)
    version_id = candidate.version_id
    about = TileInfo("file", SIDECAR) if candidate.is_sidecar else _header(store, info, version_id, content)
    if candidate.sidecars and (about.crs is None or about.bounds is None):
        key = info.key + PAM
        about = pam.complete(about, store.get(key, stop=pam.MOST), f"{info.name}{PAM}")
    is_tile = about.kind in _TYPES
    seen = None if content is None else hashes.of(content)
    oid, source = (None, None) if hash_word != "auto" else _known_hash(store, info, version_id, report)
    if seen is not None and oid != seen:  # told, but not of these bytes
        oid = source = None
    where = about if is_tile else _NOWHERE
    tile = LinkedTile(
        name=candidate.name,
        url=info.url,
        etag=info.etag,
        size=info.size,
        version_id=version_id or info.version_id,
        oid=oid,
        oid_from=source,
        crc64nvme=info.checksums.get("CRC64NVME"),
        last_modified=time_text(info.last_modified),
        format=sys.intern(about.format) if is_tile or candidate.is_sidecar else "file",
        crs84_extent=where.crs84_extent,
        native_extent=where.native_extent,
        point_count=where.point_count,
        dimensions=where.dimensions,
        sidecars=candidate.sidecars,
    )
    if not is_tile:
        return Described(tile, "file", content=seen)
    bounds = None if about.crs84_extent else about.bounds
    return Described(tile, about.kind, about.crs and sys.intern(about.crs), about.schema, bounds, seen)


def place(some: Sequence[Described]) -> list[Described]:
    """Return described tiles with their places on Earth, as far as they can be told; all are projected at once."""
    if not any(one.crs and one.bounds for one in some):
        return list(some)
    from s3magic.formats.crs import crs84_extents  # noqa: PLC0415 - costs pyproj

    extents = crs84_extents([(one.crs, one.bounds) for one in some])
    return [
        replace(one, tile=replace(one.tile, crs84_extent=extent), bounds=None) if extent else one
        for one, extent in zip(some, extents, strict=True)
    ]


def _ask(store: Store, candidate: Candidate) -> tuple[ObjectInfo, bytes | None]:
    """Return all S3 knows of an object, and its content where that is no more than a header's read."""
    listed = candidate.info
    if candidate.asked:
        return listed, None
    if has_header(listed) and listed.size <= FIRST_BLOCK and not listed.is_archived:
        found = store.whole(listed.key, most=listed.size, version_id=candidate.version_id)
        if found is not None and (found[0].size == listed.size or found[0].etag != listed.etag):
            return found
    return store.head(listed.key, version_id=candidate.version_id), None


def has_header(info: ObjectInfo) -> bool:
    """Tell whether an object is of a format that is read for what it says of itself; others are linked as files."""
    return info.name.lower().endswith(_TILES)


def first_read(info: ObjectInfo) -> int:
    """Return how many bytes of a header are read at once; a few formats have more of it elsewhere."""
    return min(info.size, GRID_HEADER if info.name.lower().endswith(_GRIDS) else FIRST_BLOCK)


def _header(store: Store, info: ObjectInfo, version_id: str | None, content: bytes | None) -> TileInfo:
    """Read what the file says of itself; nothing is read of a file that is linked as such."""
    if not has_header(info):
        return _NOWHERE
    file = cast("BinaryIO", RangeReader(store, info, limit=HEADER_LIMIT, version_id=version_id))
    if content is not None:
        file = _Content(content, info.name)
    try:
        return registry.describe(file, info.name, placed=False)
    except ByteLimitReached as error:
        raise UnreadableFormat(
            f"The header of {info.name} wants more than {bytes_text(HEADER_LIMIT)}",
            "Write it with its metadata in one place, as a COG or COPC for example.",
        ) from error


class _Content(io.BytesIO):
    """A whole object in memory, as a file of its name."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def _known_hash(
    store: Store, info: ObjectInfo, version_id: str | None, report: Report | None
) -> tuple[str | None, str | None]:
    if info.size == 0:
        return hashes.of(b""), "head"
    if oid := hashes.whole(info):
        return oid, "head"
    if oid := hashes.only_part(store, info, version_id=version_id):
        return oid, "part1"
    if report is not None and (oid := report.find(info)):
        return oid, "report"
    return None, None


def time_text(moment: datetime | None) -> str | None:
    """Return a time as manifests have it: ``2026-01-31T12:00:00Z``."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z" if moment else None
