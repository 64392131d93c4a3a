"""What a file of a mount is: what is told of an object, and the number it has.

Asks no store and keeps nothing: it only names and numbers what others found.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from s3magic.store.base import ObjectInfo


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
