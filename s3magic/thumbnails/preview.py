"""One object made into a thumbnail, under a cap of bytes; what is wrong with it becomes words, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from typing import Any

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
from s3magic.formats import camera, jpeg, registry
from s3magic.formats.base import PLAIN, Field, Look, TileInfo
from s3magic.html import bytes_text, count_text
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import FIRST_BLOCK, ByteLimitReached
from s3magic.thumbnails.cache import DiskCache, Entry
from s3magic.thumbnails.decoding import Decoder, DecoderFailed, Seen, Task, decode
from s3magic.thumbnails.folding import FolderInfo
from s3magic.thumbnails.source import FolderSource, Source

READ_LIMIT = 12_000_000
"""Bytes that one preview may read: those of a photograph that holds no smaller one."""
_CAMERA_SUFFIXES = (".jpg", ".jpeg")
_LONGEST_HEAD = 128 << 10

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
        What it was made from: ``"exif"``, ``"overview"``, ``"slice"``, ``"points"``, ``"head"``,
        ``"frame"``, ``"whole"``; ``"icon"`` when there is no picture.
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
    decoder: Decoder = decode,
    named: str | None = None,
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
    decoder
        Who makes the picture; by itself in this very process, so for objects that are trusted.
    named
        A name that tells its format, where its own does not.
    """
    name = named or info.name
    format_ = registry.find(name)
    if format_ is None:
        return Thumbnail(caption="no preview of this type")
    if info.is_archived:
        return Thumbnail(error=f"Archived ({info.storage_class}): restore it first")
    if info.size == 0:
        return Thumbnail(error="Empty: 0 bytes")
    key = (info.url, info.etag, info.size, size, read_limit, format_.name, wanted.to_json(), __version__, _LAYOUT)
    kept = recall(cache.get(key)) if cache else None
    if kept is not None:
        return kept
    task = Task(name, info.size, size, wanted, read_limit, is_folder=isinstance(info, FolderInfo))
    thumbnail, lasting = _make(store, info, task, decoder)
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
    if isinstance(error, DecoderFailed):
        return str(error)
    return error.message if isinstance(error, S3MagicError) else f"Could not be shown ({type(error).__name__})"


def to_facts(info: TileInfo) -> Facts:
    """Return a description as names and texts to be read by people."""
    facts: dict[str, str] = {"format": info.format}
    if info.dimensions:
        facts["dimensions"] = info.dimensions.replace("x", " x ")
    if info.point_count is not None:
        facts["points"] = count_text(info.point_count)
    for name, value in info.details.items():
        facts.setdefault(str(name), _text(value))
    if info.crs84_extent:
        facts["west, south, east, north"] = ", ".join(f"{value:.6g}" for value in info.crs84_extent)
    if info.native_extent:
        facts["extent"] = info.native_extent.replace(",", ", ")
    return tuple(facts.items())


def _make(store: Store, info: ObjectInfo, task: Task, decoder: Decoder) -> tuple[Thumbnail, bool]:
    """Return a fresh thumbnail, and whether it stays true as long as the object is the same."""
    source = _source(store, info, task.limit)
    try:
        if isinstance(source, Source) and task.name.lower().endswith(_CAMERA_SUFFIXES):
            task = replace(task, head=_head(source))
            if not task.look.whole and (found := camera.cut(task.head, size=task.size)):
                return _thumbnail(Seen(*found), source), True
        seen = decoder(task, source)
        if seen.preview is None or seen.preview.media_type not in _INLINE_TYPES:
            raise UnreadableFormat("No picture a page can hold")  # noqa: TRY301 - as good as broken
        made = _thumbnail(seen, source)
    except Exception as error:  # noqa: BLE001 - one strange file must never break a page of sixty
        said = reason(error, task.limit).removesuffix(f": {task.name}")  # the name stands beside it anyway
        failed = Thumbnail(error=said, bytes_read=source.bytes_read, requests=source.requests)
        if isinstance(error, ByteLimitReached):
            return _described(failed, store, info, task, decoder), True
        return failed, isinstance(error, UnreadableFormat)
    return made, True


def _head(source: Source) -> bytes:
    """Return the first bytes of a JPEG, with the whole of what its camera says."""
    head = source(0, min(FIRST_BLOCK, source.info.size))
    end = min(jpeg.exif_end(head), _LONGEST_HEAD, source.info.size)
    return head if end <= len(head) else head + source(len(head), end)


def _source(store: Store, info: ObjectInfo, limit: int) -> Source | FolderSource:
    return (FolderSource if isinstance(info, FolderInfo) else Source)(store, info, limit=limit)


def _thumbnail(seen: Seen, source: Source | FolderSource) -> Thumbnail:
    made = Thumbnail(bytes_read=source.bytes_read, requests=source.requests)
    if seen.preview is not None:
        names = ("image", "media_type", "width", "height", "caption", "source", "field")
        made = replace(made, **{name: getattr(seen.preview, name) for name in names})
    facts = () if seen.info is None else to_facts(seen.info)
    if isinstance(source.info, FolderInfo):
        count = count_text(source.info.count)
        facts = (*facts, ("objects", count if source.info.is_complete else f"more than {count}"))
    return replace(made, format=seen.info.format if seen.info else made.format, facts=facts)


def _described(failed: Thumbnail, store: Store, info: ObjectInfo, task: Task, decoder: Decoder) -> Thumbnail:
    """Return a thumbnail that could not be made with what the object says of itself instead."""
    source = _source(store, info, task.limit)
    try:
        made = _thumbnail(decoder(replace(task, size=0), source), source)
    except Exception:  # noqa: BLE001 - then its name must do
        made = Thumbnail(bytes_read=source.bytes_read, requests=source.requests)
    read, requests = failed.bytes_read + made.bytes_read, failed.requests + made.requests
    return replace(made, error=failed.error, bytes_read=read, requests=requests)


def recall(entry: Entry | None) -> Thumbnail | None:
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
