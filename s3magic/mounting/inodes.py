"""What a file of a mount is: how keys become file names, and what is told of one.

Asks no store and keeps nothing: it only names and numbers what others found.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from s3magic.store.base import ObjectInfo

NAME_BYTES = 255

_SPECIAL = {"": "%2F", ".": "%2E", "..": "%2E%2E"}
_PLAIN = {name: segment for segment, name in _SPECIAL.items()}
_LOOKS_ESCAPED = re.compile(r"%(?:25)*(?:2F|2E|2E%2E)")
_ODD_BEGINNING = b"%./"
_SURROGATE = b"\xed"
"""How a lone surrogate begins, and some other letters."""


def file_name(segment: str) -> str | None:
    """Return the file name of one segment of a key, or None where no file can be called so.

    Nearly every segment is its own name. The three that a folder cannot hold are written with
    percent signs, and so is what would be mistaken for them; see ``SEMANTICS.md``.

    Examples
    --------
    >>> file_name("a b%20.nc"), file_name(".."), file_name("%2E%2E")
    ('a b%20.nc', '%2E%2E', '%252E%2E')
    """
    name = _SPECIAL.get(segment)
    if name is None:
        name = f"%25{segment[1:]}" if _LOOKS_ESCAPED.fullmatch(segment) else segment
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return None
    return name if size <= NAME_BYTES and "\0" not in name else None


def is_plain(tail: bytes) -> bool:
    """Tell quickly, of the end of a key in UTF-8, whether it is surely its own name; most are."""
    return len(tail) <= NAME_BYTES and tail[0] not in _ODD_BEGINNING and b"\0" not in tail and _SURROGATE not in tail


def segment_of(name: str) -> str:
    """Return the segment of a key that a file name stands for: the inverse of `file_name`."""
    if name in _PLAIN:
        return _PLAIN[name]
    return f"%{name[3:]}" if name.startswith("%25") and _LOOKS_ESCAPED.fullmatch(name) else name


class Entry(NamedTuple):
    """One name in a folder, as a listing tells it; a tuple, for nothing else is made as fast.

    Parameters
    ----------
    name
        File name; empty for the root.
    key
        The object's key; for a folder its prefix, which ends in ``/`` unless it is the bucket.
    is_folder
        Whether it is a folder: then it has neither size nor ETag.
    size, etag
        Length in bytes, and the ETag that every read insists on.
    modified
        Time of the last write, seconds since 1970.
    is_archived
        Whether the object must be restored before it can be read.
    """

    name: str
    key: str
    is_folder: bool = False
    size: int = 0
    etag: str = ""
    modified: float = 0.0
    is_archived: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it this file and no other: the key and the ETag."""
        return self.key, self.etag

    @property
    def number(self) -> int:
        """The inode number shown to programs: the same each time the same key and ETag are mounted."""
        digest = blake2b(f"{self.key}\0{self.etag}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1 | 2


def folder_entry(name: str, prefix: str, modified: float) -> Entry:
    """Return the entry of a folder; S3 keeps no time for it, so the caller gives one."""
    return Entry(name, prefix, is_folder=True, modified=modified)


def file_entry(name: str, info: ObjectInfo) -> Entry:
    """Return the entry of an object as it was listed."""
    written: datetime | None = info.last_modified
    return Entry(
        name,
        info.key,
        size=info.size,
        etag=info.etag,
        modified=written.timestamp() if written else 0.0,
        is_archived=info.is_archived,
    )
