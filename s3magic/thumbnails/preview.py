"""One object made into a thumbnail, under a cap of bytes; what is wrong with it becomes words, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from typing import Any, BinaryIO, cast

from s3magic import __version__
from s3magic.errors import (
    AccessDenied,
    ArchivedObject,
    MissingLibrary,
    NoSuchKey,
    ObjectChanged,
    S3MagicError,
    UnreadableFormat,
)
from s3magic.formats import registry
from s3magic.formats.base import PLAIN, Field, Format, Look, Preview, TileInfo
from s3magic.html import bytes_text
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import ByteLimitReached, RangeReader
from s3magic.thumbnails.cache import DiskCache, Entry

READ_LIMIT = 4_000_000
"""Bytes that one preview may read."""
_BLOCK = 64 << 10
"""Bytes of one read: a quarter of what reading on usually takes, for a preview hardly reads on."""

_INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_LAYOUT = 2
"""Counted up when the entries of the cache change their form."""

_REASONS = {
    AccessDenied: "Not allowed to read it",
    ObjectChanged: "Changed since it was listed",
    NoSuchKey: "No longer there",
    ArchivedObject: "Archived: restore it first",
}

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """What could be seen of one object.

    Parameters
    ----------
    image
        The encoded picture; empty when there is none.
    media_type, width, height
        Of the picture; the sides in pixels.
    caption
        One line that says what is seen.
    source
        What it was made from: ``"exif"``, ``"overview"``, ``"slice"``, ``"points"``, ``"whole"``;
        ``"icon"`` when there is no picture.
    bytes_read, requests
        What it cost now; nothing when it came from the cache.
    error
        Why there is no picture, in words; None too for types that have none.
    format
        What the object says it is (``"laz-1.4/copc-1.0"``, ``"netcdf-4"`` …); ``"file"`` where it
        says nothing.
    facts
        What else it says of itself, by name; for people.
    field
        What the colours of the picture stand for, where they stand for numbers.
    """

    image: bytes = field_of(default=b"", repr=False)
    media_type: str = ""
    width: int = 0
    height: int = 0
    caption: str = ""
    source: str = "icon"
    bytes_read: int = 0
    requests: int = 0
    error: str | None = None
    format: str = "file"
    facts: Facts = ()
    field: Field | None = None

    def to_json(self) -> dict[str, object]:
        """Return all fields but the picture and what it cost, as JSON types."""
        return {
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "caption": self.caption,
            "source": self.source,
            "error": self.error,
            "format": self.format,
            "facts": [list(pair) for pair in self.facts],
            "field": None if self.field is None else self.field.to_json(),
        }


def look(
    store: Store,
    info: ObjectInfo,
    *,
    size: int = 160,
    read_limit: int = READ_LIMIT,
    cache: DiskCache | None = None,
    wanted: Look = PLAIN,
) -> Thumbnail:
    """Return the thumbnail of an object as it was listed.

    Parameters
    ----------
    size
        Longer side of the picture in pixels.
    read_limit
        The most bytes read of the object. Where a picture wants more it is asked what it holds
        instead, under the same cap once more.
    cache
        Where thumbnails are remembered by URL, ETag, size and look.
    wanted
        What of the object to show, where it holds more than one thing to see.
    """
    format_ = registry.find(info.name)
    if format_ is None:
        return Thumbnail(caption="no preview of this type")
    if info.is_archived:
        return Thumbnail(error=f"Archived ({info.storage_class}): restore it first")
    if info.size == 0:
        return Thumbnail(error="Empty: 0 bytes")
    key = (info.url, info.etag, info.size, size, read_limit, format_.name, wanted.to_json(), __version__, _LAYOUT)
    kept = _recall(cache.get(key)) if cache else None
    if kept is not None:
        return kept
    thumbnail, lasting = _make(store, info, format_, size=size, read_limit=read_limit, wanted=wanted)
    if cache and lasting:
        cache.put(key, Entry(thumbnail.to_json(), thumbnail.image))
    return thumbnail


def reason(error: Exception, read_limit: int = READ_LIMIT) -> str:
    """Return in a few words why an object could not be shown."""
    if isinstance(error, ByteLimitReached):
        return f"Wants more than {bytes_text(read_limit)}"
    for kind, words in _REASONS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, MissingLibrary):
        return f"{error.message}. {error.hint}"
    return error.message if isinstance(error, S3MagicError) else f"Could not be shown ({type(error).__name__})"


def to_facts(info: TileInfo) -> Facts:
    """Return a description as names and texts to be read by people."""
    facts: dict[str, str] = {"format": info.format}
    if info.dimensions:
        facts["dimensions"] = info.dimensions.replace("x", " x ")
    if info.point_count is not None:
        facts["points"] = f"{info.point_count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    for name, value in info.details.items():
        facts.setdefault(str(name), _text(value))
    if info.crs84_extent:
        facts["west, south, east, north"] = ", ".join(f"{value:.6g}" for value in info.crs84_extent)
    if info.native_extent:
        facts["extent"] = info.native_extent.replace(",", ", ")
    return tuple(facts.items())


def _make(
    store: Store, info: ObjectInfo, format_: Format, *, size: int, read_limit: int, wanted: Look
) -> tuple[Thumbnail, bool]:
    """Return a fresh thumbnail, and whether it stays true as long as the object is the same."""
    reader = _open(store, info, read_limit)
    try:
        preview = format_.preview(cast("BinaryIO", reader), size=size, look=wanted)
        if preview.media_type not in _INLINE_TYPES:
            raise UnreadableFormat("No picture a page can hold")  # noqa: TRY301 - as good as broken
    except Exception as error:  # noqa: BLE001 - one strange file must never break a page of sixty
        said = reason(error, read_limit).removesuffix(f": {info.name}")  # the name stands beside it anyway
        failed = Thumbnail(error=said, bytes_read=reader.bytes_read, requests=reader.requests)
        if isinstance(error, ByteLimitReached):
            again = _open(store, info, read_limit)
            described = _described(failed, format_, again)
            total = reader.bytes_read + again.bytes_read
            return replace(described, bytes_read=total, requests=reader.requests + again.requests), True
        return failed, isinstance(error, UnreadableFormat)
    return _described(_framed(preview), format_, reader), True


def _framed(preview: Preview) -> Thumbnail:
    return Thumbnail(
        image=preview.image,
        media_type=preview.media_type,
        width=preview.width,
        height=preview.height,
        caption=preview.caption,
        source=preview.source,
        field=preview.field,
    )


def _described(thumbnail: Thumbnail, format_: Format, reader: RangeReader) -> Thumbnail:
    """Return a thumbnail with what the object says of itself; mostly in blocks that were read already."""
    try:
        found = format_.describe(cast("BinaryIO", reader))
    except Exception:  # noqa: BLE001 - the picture is worth showing without
        return replace(thumbnail, bytes_read=reader.bytes_read, requests=reader.requests)
    return replace(
        thumbnail,
        format=found.format,
        facts=to_facts(found),
        bytes_read=reader.bytes_read,
        requests=reader.requests,
    )


def _open(store: Store, info: ObjectInfo, read_limit: int) -> RangeReader:
    """Return a reader that fetches no block twice."""
    return RangeReader(store, info, block=_BLOCK, limit=read_limit, cached_blocks=read_limit // _BLOCK + 1)


def _recall(entry: Entry | None) -> Thumbnail | None:
    """Return the thumbnail an entry of the cache holds; None when it is of another form."""
    if entry is None:
        return None
    try:
        kept: dict[str, Any] = {**entry.facts}
        facts = tuple((str(name), str(text)) for name, text in kept.pop("facts"))
        field_ = kept.pop("field")
        return Thumbnail(image=entry.image, facts=facts, field=field_ and Field(**field_), **kept)
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
