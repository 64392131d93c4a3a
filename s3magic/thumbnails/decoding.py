"""One object decoded: what is asked of a decoder, what it answers, and a decoder that works here; starts no process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from s3magic.errors import UnreadableFormat
from s3magic.formats import registry
from s3magic.formats.base import PLAIN, Folder, Look, Preview, TileInfo
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import RangeReader

_BLOCK, _AHEAD = 64 << 10, 1 << 20
"""Bytes of one read, little as a preview hardly reads on, and of one by a decoder that does read on and on."""

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
    is_folder
        Whether it is a folder of files that are one thing, such as a Zarr.
    """

    name: str
    length: int
    size: int
    look: Look = PLAIN
    limit: int = 1 << 22
    head: bytes = field(default=b"", repr=False)
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen: a picture where one was wanted, and what the object says of itself, unless that is broken."""

    preview: Preview | None
    info: TileInfo | None


class Decoder(Protocol):
    """Does one task; safe to ask from several threads."""

    def __call__(self, task: Task, read: Read | Folder) -> Seen:
        """Return what was seen; what is read is a `Folder` where the task is of one.

        Raises `UnreadableFormat`, `MissingLibrary`, `InvalidInput`, `DecoderFailed`, or what
        ``read`` raised.
        """
        ...


class DecoderFailed(Exception):
    """A decoder crashed, hung, or wanted too much memory; says so in a few words, and never leaves the package."""


def decode(task: Task, read: Read | Folder) -> Seen:
    """Do a task in this very process: a `Decoder` for objects that are trusted, and for workers."""
    format_ = registry.find(task.name)
    if format_ is None:
        raise UnreadableFormat("No preview of this type", "Its name tells no format that is known here.")
    if format_.is_folder != task.is_folder:
        raise UnreadableFormat("No preview of this type", "A folder has a name that tells a file, or a file a folder.")
    file = cast("BinaryIO", read) if task.is_folder else _file(task, cast("Read", read))
    if not task.size:
        return Seen(None, format_.describe(file))
    preview = format_.preview(file, size=task.size, look=task.look)
    try:
        return Seen(preview, format_.describe(file))
    except Exception:  # noqa: BLE001 - the picture is worth showing without
        return Seen(preview, None)


def _file(task: Task, read: Read) -> BinaryIO:
    info = ObjectInfo(url=task.name, key=task.name, size=task.length, etag="")
    kept = task.limit // _BLOCK + 1
    reader = RangeReader(
        cast("Store", _Source(read)),
        info,
        block=_BLOCK,
        around=0,
        limit=task.limit,
        cached_blocks=kept,
        head=task.head,
        ahead=_AHEAD,
    )
    return cast("BinaryIO", reader)


class _Source:
    """What `RangeReader` needs of a store, over one function."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def get(self, _: str, *, start: int, stop: int, **__: object) -> bytes:
        return self._read(start, stop)
