"""One object decoded: what is asked of a decoder, what it answers, and a decoder that works here; starts no process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import PLAIN, Look, Preview, TileInfo
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import RangeReader

_BLOCK = 64 << 10
"""Bytes of one read: a quarter of what reading on usually takes, for a preview hardly reads on."""

Read = Callable[[int, int], bytes]
"""Gives the bytes from one place of the object to another, all of them; raises what keeps it from that."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be seen of one object.

    Parameters
    ----------
    name
        Its file name, which tells the format.
    length
        Its bytes.
    size
        Longer side of the picture in pixels; 0 where only the description is wanted.
    look
        What of it to show.
    limit
        The most bytes that will be given of it.
    head
        Its first bytes, where they were read already.
    """

    name: str
    length: int
    size: int
    look: Look = PLAIN
    limit: int = 1 << 22
    head: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen: a picture where one was wanted, and what the object says of itself, unless that is broken."""

    preview: Preview | None
    info: TileInfo | None


class Decoder(Protocol):
    """Does one task; safe to ask from several threads."""

    def __call__(self, task: Task, read: Read) -> Seen:
        """Return what was seen.

        Raises `UnreadableFormat`, `MissingLibrary`, `InvalidInput`, `DecoderFailed`, or what
        ``read`` raised.
        """
        ...


class DecoderFailed(Exception):
    """A decoder crashed, hung, or wanted too much memory; says so in a few words, and never leaves the package."""


def decode(task: Task, read: Read) -> Seen:
    """Do a task in this very process: a `Decoder` for objects that are trusted, and for workers."""
    format_ = registry.find(task.name)
    if format_ is None:
        raise UnreadableFormat("No preview of this type", "Its name tells no format that is known here.")
    info = ObjectInfo(url=task.name, key=task.name, size=task.length, etag="")
    source = cast("Store", _Source(task.head, read))
    file = cast("BinaryIO", RangeReader(source, info, block=_BLOCK, cached_blocks=task.limit // _BLOCK + 1))
    if not task.size:
        return Seen(None, format_.describe(file))
    preview = format_.preview(file, size=task.size, look=task.look)
    try:
        return Seen(preview, format_.describe(file))
    except Exception:  # noqa: BLE001 - the picture is worth showing without
        return Seen(preview, None)


class _Source:
    """What `RangeReader` needs of a store, over one function."""

    def __init__(self, head: bytes, read: Read) -> None:
        self._head = head
        self._read = read

    def get(self, _: str, *, start: int, stop: int, **__: object) -> bytes:
        known = self._head[start:stop]
        return known if start + len(known) == stop else known + self._read(start + len(known), stop)
