"""A store seen as a read-only file system: folders, files, open, read; knows nothing of FUSE.

What fails raises an error of s3magic, or an `OSError` with its errno; `failures.errno_of` reads both.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from s3magic.errors import ArchivedObject, ObjectChanged
from s3magic.mounting.ahead import FIRST_FETCH, UNIT
from s3magic.mounting.disk import DiskCache
from s3magic.mounting.folders import Folders, Reading, above
from s3magic.mounting.inodes import Entry, folder_entry
from s3magic.mounting.nodes import Node, NodeTable
from s3magic.mounting.past import Source
from s3magic.mounting.reads import Reads
from s3magic.mounting.siblings import MOST_BYTES
from s3magic.mounting.spans import Content
from s3magic.mounting.workers import Workers
from s3magic.store.base import ListPage

Held = TypeVar("Held")

FETCHERS = 64
REST_BYTES = 64 << 20
"""What the daemon takes before it holds any data."""
SMALLEST_CACHE = 16 << 20
WHOLE = UNIT
"""How large a file may be that is handed over whole as it is opened."""
NAMES_SHARE = 8
"""The part of the memory that listings may take; beyond it names are let go and asked for again."""


class FileSystem:
    """One prefix of a bucket as a tree of read-only files.

    Parameters
    ----------
    store
        The bucket; every request goes through it.
    prefix
        The root: empty for the bucket, or ending in ``/``.
    memory
        Bytes the process should stay below; the cache gets what is left of it.
    fresh
        Seconds after which listings and attributes are asked for again.
    disk
        Where bytes are kept for later mounts, if anywhere.
    root
        The first page of the root's listing as somebody saw it just now: names in it are found at once.

    Attributes
    ----------
    fresh : float
        The same.

    Examples
    --------
    >>> from s3magic.store.memory import MemoryStore
    >>> store = MemoryStore("teaching")
    >>> _ = store.put("tiles/a.las", b"LASF")
    >>> files = FileSystem(store)
    >>> folder, _ = files.lookup(1, "tiles")
    >>> files.lookup(folder.id, "a.las")[0].entry.size
    4
    """

    def __init__(
        self,
        store: Source,
        prefix: str = "",
        *,
        memory: int = 256 << 20,
        fresh: float = 10,
        disk: DiskCache | None = None,
        root: ListPage | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self.fresh = fresh
        self._lock = threading.Lock()
        self._readings: dict[int, Reading] = {}
        self._files: dict[int, tuple[int, Content]] = {}
        self._opens: Counter[int] = Counter()  # of inodes
        self._beginning: dict[int, list[Callable[[], None]]] = {}  # inodes opened for the first time: who waits for it
        self._next_handle = 1
        self._workers = Workers(FETCHERS, name="fetch")
        self._disk = disk
        self._reads = Reads(store, limit=memory - REST_BYTES, workers=self._workers, changed=self._on_change, disk=disk)
        self._folders = Folders(
            store,
            prefix,
            fresh=fresh,
            most=memory // NAMES_SHARE,
            workers=self._workers,
            grown=self._budget,
            seen=root,
        )
        self._nodes = NodeTable(folder_entry("", prefix, self._folders.began))
        self._budget()

    # Names

    def node(self, node_id: int) -> Node:
        """Return an inode that was looked up and not forgotten."""
        try:
            return self._nodes[node_id]
        except KeyError:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE)) from None

    def lookup(self, parent_id: int, name: str) -> tuple[Node | None, float]:
        """Return the inode of a name in a folder (None: there is none) and for how many seconds that holds."""
        entry, left = self._folders.find(self._prefix(parent_id), name)
        return (None if entry is None else self.remember(entry, left)), left

    def lookup_at_hand(self, parent_id: int, name: str) -> tuple[Node | None, float] | None:
        """Do the same as `lookup` if that takes no waiting; None when it would."""
        found = self._folders.find_at_hand(self._prefix(parent_id), name)
        if found is None:
            return None
        entry, left = found
        return (None if entry is None else self.remember(entry, left)), left

    def forget(self, node_id: int, lookups: int) -> None:
        """Take back lookups of an inode."""
        self._nodes.forget(node_id, lookups)

    def remember(self, entry: Entry, left: float) -> Node:
        """Return the inode of an entry that the kernel is told of for so many seconds, looked up once more."""
        return self._nodes.remember(entry, time.monotonic() + left if left else 0.0)

    def told(self) -> Iterator[tuple[int, bytes]]:
        """Yield folder and name of what the kernel was told of and may still believe."""
        return self._nodes.told(time.monotonic())

    # Folders

    def open_folder(self, node_id: int) -> int:
        """Return a handle to read a folder with."""
        return self._handle(self._readings, self._folders.open(self._prefix(node_id)))

    def read_folder(self, handle: int, position: int) -> Iterator[tuple[Entry, int, float]]:
        """Yield the entries from a position on, as `Reading.read` does."""
        return self._readings[handle].read(position)

    def is_at_hand(self, handle: int, position: int) -> bool:
        """Whether a folder can be read from a position on without waiting."""
        return self._readings[handle].is_at_hand(position)

    def close_folder(self, handle: int) -> None:
        """Give a folder handle back."""
        with self._lock:
            self._readings.pop(handle, None)

    # Files

    def open(
        self,
        node_id: int,
        done: Callable[[int | Exception], None],
        *,
        whole: Callable[[list[memoryview]], None] | None = None,
    ) -> None:
        """Open a file; ``done`` gets a handle, or the error, once the first bytes have come.

        So opening proves that the object still is what was listed, and may be read. One that is
        not gives ``ESTALE``, on which the kernel looks the name up again by itself.

        Of a small file that nobody else has open, ``whole`` gets all bytes before that, good until
        it returns. Whoever opens the file meanwhile waits for it.
        """
        entry = self.node(node_id).entry
        if entry.is_folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if entry.is_archived:
            raise ArchivedObject(f"In an archive class: {entry.key}", "Restore it first.")
        self._begin(node_id, entry, done, whole if 0 < entry.size <= WHOLE else None)
        most = min(MOST_BYTES, self._reads.limit // 8)
        following = self._folders.following(entry, most, lambda one: min(one.size, FIRST_FETCH))
        self._reads.foreseen.add(one for one in following if one.size and not one.is_archived)

    def _begin(
        self,
        node_id: int,
        entry: Entry,
        done: Callable[[int | Exception], None],
        whole: Callable[[list[memoryview]], None] | None,
    ) -> None:
        with self._lock:
            if (waiting := self._beginning.get(node_id)) is not None:
                waiting.append(partial(self._begin, node_id, entry, done, whole))
                return
            is_first = whole is not None and not self._opens[node_id]
            if is_first:
                self._beginning[node_id] = []
            self._opens[node_id] += 1
        content = self._reads.open(entry)

        def proved(result: list[memoryview] | Exception) -> None:
            if isinstance(result, Exception):
                self._close(node_id, content)
                is_other = isinstance(result, ObjectChanged)
                done(OSError(errno.ESTALE, os.strerror(errno.ESTALE)) if is_other else result)
            else:
                if is_first and whole is not None:
                    whole(result)
                done(self._handle(self._files, (node_id, content)))
            if is_first:
                with self._lock:
                    waiting = self._beginning.pop(node_id)
                for begin in waiting:
                    begin()

        self._reads.read(content, 0, entry.size if is_first else 1, proved)

    def _close(self, node_id: int, content: Content) -> None:
        with self._lock:
            self._opens[node_id] -= 1
            if not self._opens[node_id]:
                del self._opens[node_id]
        self._reads.close(content)

    def read(self, handle: int, start: int, size: int, done: Callable[[list[memoryview] | Exception], None]) -> None:
        """Hand the bytes ``[start, start + size)`` of an open file, or the error, to ``done``."""
        self._reads.read(self._files[handle][1], start, size, done)

    def urge(self) -> None:
        """Hurry up what somebody waits for; to be called now and then while one does."""
        self._reads.foreseen.urge()

    def release(self, handle: int) -> None:
        """Close an open file."""
        with self._lock:
            opened = self._files.pop(handle, None)
        if opened is not None:
            self._close(*opened)

    # The whole

    def refresh(self) -> None:
        """Forget all listings; what is open stays as it is."""
        self._folders.forget()

    def start_over(self) -> None:
        """Forget listings and bytes: they were another's to see."""
        self.refresh()
        self._reads.forget()

    def stats(self) -> dict[str, int | str]:
        """Return counts: requests, bytes, and what is held."""
        disk = self._disk
        return {
            "requests": self._folders.requests + self._reads.requests,
            "bytes_fetched": self._reads.fetched,
            "bytes_served": self._reads.served,
            "cache_bytes": self._reads.cached,
            "cache_limit": self._reads.limit,
            "disk_bytes": disk.held if disk else 0,
            "disk_limit": disk.limit if disk else 0,
            "disk_served": disk.served if disk else 0,
            "disk_trouble": disk.trouble if disk else "",
            "open_files": len(self._files),
            "inodes": len(self._nodes),
            "hidden": self._folders.hidden,
        }

    def close(self) -> None:
        """Let the threads end."""
        self._workers.stop()
        self._folders.close()

    def _prefix(self, node_id: int) -> str:
        entry = self.node(node_id).entry
        if not entry.is_folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return entry.key

    def _handle(self, table: dict[int, Held], value: Held) -> int:
        with self._lock:
            handle = self._next_handle
            self._next_handle += 1
            table[handle] = value
            return handle

    def _on_change(self, entry: Entry) -> None:
        self._folders.forget(above(entry.key))

    def _budget(self) -> None:
        """Give the cache what memory is left beside names."""
        left = self._memory - REST_BYTES - self._folders.size - self._nodes.size
        self._reads.limit = max(SMALLEST_CACHE, left)
