"""What a file of a mount is: how keys become file names, and one inode for one key with one ETag.

Asks no store: it only names and numbers what others found.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from s3magic.store.base import ObjectInfo

ROOT = 1
NAME_BYTES = 255

_SPECIAL = {"": "%2F", ".": "%2E", "..": "%2E%2E"}
_PLAIN = {name: segment for segment, name in _SPECIAL.items()}
_LOOKS_ESCAPED = re.compile(r"%(?:25)*(?:2F|2E|2E%2E)")


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


def segment_of(name: str) -> str:
    """Return the segment of a key that a file name stands for: the inverse of `file_name`."""
    if name in _PLAIN:
        return _PLAIN[name]
    return f"%{name[3:]}" if name.startswith("%25") and _LOOKS_ESCAPED.fullmatch(name) else name


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder, as a listing tells it.

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


@dataclass(slots=True)
class Node:
    """An inode the kernel knows of: its entry, and how many times the kernel was told of it."""

    id: int
    entry: Entry
    lookups: int = 0


@dataclass(slots=True)
class NodeTable:
    """The inodes the kernel holds; one for each key and ETag, forgotten when the kernel forgets."""

    root: Entry
    _nodes: dict[int, Node] = field(default_factory=dict)
    _ids: dict[tuple[str, str], int] = field(default_factory=dict)
    _next: int = ROOT + 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._nodes[ROOT] = Node(ROOT, self.root, lookups=1)
        self._ids[self.root.identity] = ROOT

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, node_id: int) -> Node:
        return self._nodes[node_id]

    def remember(self, entry: Entry) -> Node:
        """Return the inode of an entry, made if it is new, with one more lookup counted."""
        with self._lock:
            node_id = self._ids.get(entry.identity)
            if node_id is None:
                node_id = self._next
                self._next += 1
                self._ids[entry.identity] = node_id
                self._nodes[node_id] = Node(node_id, entry)
            node = self._nodes[node_id]
            node.lookups += 1
            return node

    def forget(self, node_id: int, lookups: int) -> None:
        """Take lookups back; drop the inode when none is left."""
        with self._lock:
            node = self._nodes.get(node_id)
            if node is None or node_id == ROOT:
                return
            node.lookups -= lookups
            if node.lookups <= 0:
                del self._nodes[node_id]
                del self._ids[node.entry.identity]
