"""A store seen as a read-only file system: folders, files, open, read; knows nothing of FUSE.

What fails raises an error of s3magic, or an `OSError` with its errno; `failures.errno_of` reads both.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from s3magic.errors import ArchivedObject, ObjectChanged, S3MagicError
from s3magic.mounting.ahead import FIRST_FETCH
from s3magic.mounting.blocks import Block
from s3magic.mounting.inodes import Entry, file_entry, file_name, folder_entry, segment_of
from s3magic.mounting.listings import DELIMITER, Listing
from s3magic.mounting.nodes import Node, NodeTable
from s3magic.mounting.pages import AT_ONCE, utf8
from s3magic.mounting.reads import Reads
from s3magic.mounting.siblings import MOST_BYTES
from s3magic.mounting.spans import Content
from s3magic.mounting.workers import Workers
from s3magic.store.base import ListPage, Store

Held = TypeVar("Held")

FETCHERS = 64
REST_BYTES = 64 << 20
"""What the daemon takes before it holds any data."""
SMALLEST_CACHE = 16 << 20
NAMES_SHARE = 8
"""The part of the memory that listings may take; beyond it names are let go and asked for again."""
SPAN = 1 << 20
"""Positions in a folder that each block of it has."""


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
        store: Store,
        prefix: str = "",
        *,
        memory: int = 256 << 20,
        fresh: float = 10,
        root: ListPage | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self.fresh = fresh
        self._began = time.time()
        self._nodes = NodeTable(folder_entry("", prefix, self._began))
        self._lock = threading.Lock()
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._listed = 0
        self._folders: dict[int, _Reading] = {}
        self._files: dict[int, Content] = {}
        self._next_handle = 1
        self._requests = 0
        self._workers = Workers(FETCHERS, name="fetch")
        self._listers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="list")
        self._reads = Reads(store, limit=memory - REST_BYTES, workers=self._workers, changed=self._on_change)
        self._seen = None if root is None else self._new_listing(prefix)
        if self._seen is not None and root is not None:
            self._seen.add(root, self._seen.born, self._list)
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
        prefix = self._prefix(parent_id)
        segment = segment_of(name)
        if file_name(segment) != name:
            return None, self.fresh
        known = self._known(prefix, segment)
        if known is None:
            listing = self._listing(prefix)
            self._block(listing, 0)
            found = listing.find(utf8(segment), self._list)
            self._budget(listing)
            known = (
                (self._ask(name, prefix + segment), self.fresh) if found is None else (found[0], self._left(found[1]))
            )
        entry, left = known
        return (None if entry is None else self.remember(entry, left)), left

    def lookup_at_hand(self, parent_id: int, name: str) -> tuple[Node | None, float] | None:
        """Do the same as `lookup` if that takes no waiting; None when it would."""
        segment = segment_of(name)
        known = self._known(self._prefix(parent_id), segment) if file_name(segment) == name else (None, self.fresh)
        if known is None:
            return None
        entry, left = known
        return (None if entry is None else self.remember(entry, left)), left

    def _known(self, prefix: str, segment: str) -> tuple[Entry | None, float] | None:
        """Return the entry of a name and for how long it holds, if that was listed lately and is here."""
        listing = self._listing_at_hand(prefix)
        found = listing.find(utf8(segment)) if listing is not None else None
        left = self._left(found[1]) if found is not None else 0.0
        if found is None or not left or (found[0] is None and listing is self._seen):
            return None  # what was not there before the mount may have come since
        return found[0], left

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
        return self._handle(self._folders, _Reading(self._listing(self._prefix(node_id))))

    def read_folder(self, handle: int, position: int) -> Iterator[tuple[Entry, int, float]]:
        """Yield the entries from a position on: each with the position after it and the seconds it holds for.

        The first position is 0. Only what is at hand is yielded, at least one entry where there is
        one; an empty answer means the end.
        """
        reading = self._folders[handle]
        listing = reading.listing
        number, index = divmod(position, SPAN)
        while True:
            held, block = reading.held
            if held != number or block is None:  # what is being read stays, so that places in it stay
                block = self._block(listing, number)
                if block is None:
                    return
                reading.held = number, block
            if number + 1 >= len(listing) and not listing.is_complete and not listing.is_foreseen:
                listing.is_foreseen = True  # the next page is fetched while this one is read
                self._workers.submit(partial(self._foresee_page, listing))
            left = self._left(block.born)
            last = len(block) - 1
            for at, entry in enumerate(block.entries(index), index):
                yield entry, number * SPAN + at + 1 if at < last else (number + 1) * SPAN, left
            if index <= last and not listing.is_at_hand(number + 1):
                return
            number, index = number + 1, 0

    def is_at_hand(self, handle: int, position: int) -> bool:
        """Whether a folder can be read from a position on without waiting."""
        reading = self._folders[handle]
        number = position // SPAN
        return reading.held[0] == number or reading.listing.is_at_hand(number)

    def close_folder(self, handle: int) -> None:
        """Give a folder handle back."""
        with self._lock:
            self._folders.pop(handle, None)

    # Files

    def open(self, node_id: int, done: Callable[[int | Exception], None]) -> None:
        """Open a file; ``done`` gets a handle, or the error, once the first bytes have come.

        So opening proves that the object still is what was listed, and may be read. One that is
        not gives ``ESTALE``, on which the kernel looks the name up again by itself.
        """
        entry = self.node(node_id).entry
        if entry.is_folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if entry.is_archived:
            raise ArchivedObject(f"In an archive class: {entry.key}", "Restore it first.")
        content = self._reads.open(entry)

        def proved(result: list[memoryview] | Exception) -> None:
            if isinstance(result, Exception):
                self._reads.close(content)
                is_other = isinstance(result, ObjectChanged)
                done(OSError(errno.ESTALE, os.strerror(errno.ESTALE)) if is_other else result)
            else:
                done(self._handle(self._files, content))

        self._reads.read(content, 0, 1, proved)
        self._foresee_files(entry)

    def read(self, handle: int, start: int, size: int, done: Callable[[list[memoryview] | Exception], None]) -> None:
        """Hand the bytes ``[start, start + size)`` of an open file, or the error, to ``done``."""
        self._reads.read(self._files[handle], start, size, done)

    def release(self, handle: int) -> None:
        """Close an open file."""
        with self._lock:
            content = self._files.pop(handle, None)
        if content is not None:
            self._reads.close(content)

    # The whole

    def refresh(self) -> None:
        """Forget all listings; what is open stays as it is."""
        with self._lock:
            for prefix in list(self._listings):
                self._drop(prefix)
            self._seen = None
        self._budget()

    def start_over(self) -> None:
        """Forget listings and bytes: they were another's to see."""
        self.refresh()
        self._reads.forget()

    def stats(self) -> dict[str, int]:
        """Return counts: requests, bytes, and what is held."""
        with self._lock:
            listings = list(self._listings.values())
        return {
            "requests": self._requests + self._reads.requests,
            "bytes_fetched": self._reads.fetched,
            "bytes_served": self._reads.served,
            "cache_bytes": self._reads.cached,
            "cache_limit": self._reads.limit,
            "open_files": len(self._files),
            "inodes": len(self._nodes),
            "hidden": sum(listing.hidden for listing in listings),
        }

    def close(self) -> None:
        """Let the threads end."""
        self._workers.stop()
        self._listers.shutdown(wait=False, cancel_futures=True)

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

    def _left(self, born: float) -> float:
        return max(0.0, born + self.fresh - time.monotonic())

    def _listing(self, prefix: str) -> Listing:
        """Return the listing of a folder, begun again when it is no longer fresh."""
        with self._lock:
            listing = self._listings.get(prefix)
            if listing is None or not self._left(listing.born):
                self._drop(prefix)
                listing = self._listings[prefix] = self._new_listing(prefix)
            self._listings.move_to_end(prefix)
            return listing

    def _new_listing(self, prefix: str) -> Listing:
        return Listing(prefix, modified=self._began, executor=self._listers)

    def _listing_at_hand(self, prefix: str) -> Listing | None:
        """Return the listing of a folder; before the root is listed, that from before the mount."""
        with self._lock:
            listing = self._listings.get(prefix)
            if listing is None and self._seen is not None and self._seen.prefix == prefix:
                listing = self._seen
        return listing

    def _drop(self, prefix: str) -> None:
        """Forget a listing, if there is one; under the lock."""
        listing = self._listings.pop(prefix, None)
        if listing is not None:
            self._listed -= listing.charged
            listing.charged = 0

    def _block(self, listing: Listing, number: int) -> Block | None:
        block = listing.block(number, self._list)
        self._budget(listing)
        return block

    def _foresee_page(self, listing: Listing) -> None:
        try:
            self._block(listing, len(listing))
        except S3MagicError:
            pass  # whoever reads on asks again, and hears of it
        finally:
            listing.is_foreseen = False

    def _foresee_files(self, entry: Entry) -> None:
        """Fetch the beginnings of the files that follow, when files are opened in the order of their folder."""
        following: list[Entry] = []
        listing = self._listing_at_hand(entry.key[: entry.key.rfind(DELIMITER) + 1])
        with self._lock:
            place = None if listing is None else listing.place(utf8(entry.key[len(listing.prefix) :]))
            if listing is None or place is None or not self._left(listing.born):
                return
            most, size = min(MOST_BYTES, self._reads.limit // 8), 0
            for at in listing.walk.step(place):
                following_one = listing.at(at)
                size += min(following_one.size, FIRST_FETCH) if following_one is not None else most
                if following_one is None or size >= most:
                    break
                listing.walk.reached = at
                following.append(following_one)
        self._reads.foresee(entry for entry in following if entry.size and not entry.is_archived)

    def _list(
        self, prefix: str, token: str | None = None, start_after: str | None = None, *, most: int = 1000
    ) -> ListPage:
        with self._lock:
            self._requests += 1
        return self._store.list_page(prefix, delimiter=DELIMITER, token=token, start_after=start_after, max_keys=most)

    def _ask(self, name: str, key: str) -> Entry | None:
        """Find one name of a folder too long to list for it; a folder goes before an object."""
        folder = key + DELIMITER
        page = self._list(key, most=100)
        is_folder = folder in page.prefixes
        if not is_folder and page.next_token is not None:
            inside = self._list(folder, most=1)
            is_folder = bool(inside.objects or inside.prefixes)
        if is_folder:
            return folder_entry(name, folder, self._began)
        return next((file_entry(name, info) for info in page.objects if info.key == key), None)

    def _on_change(self, entry: Entry) -> None:
        with self._lock:
            self._drop(entry.key[: entry.key.rfind(DELIMITER) + 1])
            self._seen = None

    def _budget(self, listing: Listing | None = None) -> None:
        """Keep listings within their share, after one has grown, and give the cache what memory is left."""
        share = self._memory // NAMES_SHARE
        with self._lock:
            is_kept = listing is not None and self._listings.get(listing.prefix) is listing
            if listing is not None and is_kept:
                self._listed += listing.size - listing.charged
                listing.charged = listing.size
            while self._listed > share and len(self._listings) > 1:
                self._drop(next(iter(self._listings)))
        if listing is not None and listing.size > (most := share if is_kept else share // 4):
            listing.trim(most)
        left = self._memory - REST_BYTES - self._listed - self._nodes.size
        self._reads.limit = max(SMALLEST_CACHE, left)


@dataclass(slots=True)
class _Reading:
    """One who reads a folder: the listing, and the block of it that is being read."""

    listing: Listing
    held: tuple[int, Block | None] = (-1, None)
