"""The names of one folder, learnt from a store page by page as they are wanted."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Executor

from s3magic.mounting.inodes import Entry, file_entry, file_name, folder_entry
from s3magic.mounting.pages import Ask, Pages, utf8
from s3magic.mounting.siblings import Walk
from s3magic.store.base import ListPage

DELIMITER = "/"


class Listing:
    """One folder as it was listed at one time.

    Where a key is both an object and a folder, the folder keeps the name. What can have no name,
    or has lost it to a folder, is counted in ``hidden``.

    Parameters
    ----------
    prefix
        The folder: empty, or ending in ``/``.
    modified
        The time that its folders are shown with.
    executor
        The threads that ask for pages before their turn.

    Attributes
    ----------
    born : float
        When it was begun, by `time.monotonic`.
    entries : list of Entry
        What is known so far, in the store's order; it only grows, so an index is a position.
    settled : int
        How many of them are sure: an object may yet lose its name to a folder on a later page.
    is_complete : bool
        Whether the last page has come.
    is_foreseen : bool
        Whether its next page is on its way although nobody waits for it; kept by who sends for it.
    walk : Walk
        How its files are being opened.
    """

    def __init__(self, prefix: str, *, modified: float, executor: Executor) -> None:
        self.prefix = prefix
        self.born = time.monotonic()
        self.entries: list[Entry] = []
        self.settled = 0
        self.is_complete = False
        self.hidden = 0
        self.is_foreseen = False
        self.walk = Walk()
        self._modified = modified
        self._index: dict[str, int] = {}
        self._pages = Pages(prefix, executor)
        self._reached = b""
        self._lock = threading.Lock()

    def extend(self, ask: Ask, beyond: int) -> None:
        """Ask for pages until an entry at index ``beyond`` is settled, or all are."""
        with self._lock:
            while not self.is_complete and self.settled <= beyond:
                self.add(self._pages.next(ask))

    def add(self, page: ListPage) -> None:
        """Take the next page in; for those who ask for pages themselves."""
        self._place_all(page)
        self.is_complete = page.next_token is None
        while self.settled < len(self.entries) and self._is_sure(self.entries[self.settled]):
            self.settled += 1

    def find(self, name: str) -> tuple[Entry | None, bool]:
        """Return the entry of a name, and whether the listing got far enough to be sure of it."""
        with self._lock:
            return self.glance(name)

    def glance(self, name: str) -> tuple[Entry | None, bool]:
        """Find without waiting for a page that is on its way: what is not sure may yet be there."""
        is_complete = self.is_complete  # before the look: a page may come between
        index = self._index.get(name)
        if index is None:
            return None, is_complete
        return self.entries[index], self._is_sure(self.entries[index])

    def position(self, name: str) -> int | None:
        """Return where the entry of a name is."""
        return self._index.get(name)

    def _is_sure(self, entry: Entry) -> bool:
        return self.is_complete or entry.is_folder or self._reached > utf8(entry.key + DELIMITER)

    def _place_all(self, page: ListPage) -> None:
        for info in page.objects:
            segment = info.key[len(self.prefix) :]
            if segment:
                name = file_name(segment)
                self._place(name, None if name is None else file_entry(name, info))
            else:  # the marker of this folder itself
                self.hidden += bool(info.size)
        for prefix in page.prefixes:
            name = file_name(prefix[len(self.prefix) : -1])
            self._place(name, None if name is None else folder_entry(name, prefix, self._modified))
        last = [info.key for info in page.objects[-1:]] + list(page.prefixes[-1:])
        self._reached = max([self._reached, *map(utf8, last)])

    def _place(self, name: str | None, entry: Entry | None) -> None:
        if name is None or entry is None:
            self.hidden += 1
            return
        index = self._index.get(name)
        if index is None:
            self._index[name] = len(self.entries)
            self.entries.append(entry)
            return
        self.hidden += 1
        if entry.is_folder:
            self.entries[index] = entry
