"""The folders of a mount: their listings, fresh, within a bound of memory, and asked for in as few requests as may be.

Knows keys and names, neither inodes nor bytes of files.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from s3magic.errors import S3MagicError
from s3magic.mounting.blocks import Block
from s3magic.mounting.inodes import Entry, file_entry, folder_entry
from s3magic.mounting.listings import DELIMITER, Listing
from s3magic.mounting.pages import AT_ONCE
from s3magic.mounting.past import Source
from s3magic.mounting.trees import folders_within
from s3magic.mounting.workers import Workers
from s3magic.naming import file_name, segment_of
from s3magic.store.base import ListPage
from s3magic.url import utf8

SPAN = 1 << 20
"""Positions in a folder that each block of it has."""

Found = tuple[Entry | None, float]
"""The entry of a name (None: there is none) and for how many seconds that holds."""


class Folders:
    """What is known of the folders under one prefix.

    Parameters
    ----------
    store
        The bucket.
    root
        The prefix.
    fresh
        Seconds after which a folder is listed again.
    most
        Bytes that listings may take; beyond it names are let go and asked for again.
    workers
        The threads that ask for what will be wanted next.
    grown
        Called when more or less memory is taken.
    seen
        The first page of the root as somebody saw it just now: names in it are found at once.

    Attributes
    ----------
    began : float
        The time that folders are shown with.
    size : int
        Bytes that listings take, about.
    requests : int
        How many requests were made.
    """

    def __init__(
        self,
        store: Source,
        root: str,
        *,
        fresh: float,
        most: int,
        workers: Workers,
        grown: Callable[[], None],
        seen: ListPage | None = None,
    ) -> None:
        self.began = time.time()
        self.size = 0
        self.requests = 0
        self._store = store
        self._root = root
        self._fresh = fresh
        self._most = most
        self._workers = workers
        self._grown = grown
        self._lock = threading.Lock()
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._listers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="list")
        self._seen = None if seen is None else self._new(root)
        if self._seen is not None and seen is not None:
            self._seen.add(seen, self._seen.born, self._list)

    @property
    def hidden(self) -> int:
        """How many keys of the folders that are known can be no file."""
        with self._lock:
            return sum(listing.hidden for listing in self._listings.values())

    def find(self, folder: str, name: str) -> Found:
        """Return the entry of a file name."""
        known = self.find_at_hand(folder, name)
        if known is not None:
            return known
        listing, segment = self._listing(folder), segment_of(name)
        self._block(listing, 0)
        found = listing.find(utf8(segment), self._list)
        self._charge(listing)
        if found is None:
            return self._ask(name, folder + segment), self._fresh
        return found[0], self._left(found[1])

    def find_at_hand(self, folder: str, name: str) -> Found | None:
        """Do the same as `find` if that takes no waiting; None when it would."""
        segment = segment_of(name)
        if file_name(segment) != name:
            return None, self._fresh
        listing = self._at_hand(folder)
        found = listing.find(utf8(segment)) if listing is not None else None
        left = self._left(found[1]) if found is not None else 0.0
        if found is None or not left or (found[0] is None and listing is self._seen):
            return None  # what was not there before the mount may have come since
        return found[0], left

    def open(self, folder: str) -> Reading:
        """Begin to read a folder."""
        listing = self._listing(folder)
        listing.is_in_order = self._is_in_order(folder)
        return Reading(self, listing)

    def following(self, entry: Entry, most: int, cost: Callable[[Entry], int]) -> list[Entry]:
        """Note that a file is opened; where its folder is gone through in order, return those that come next.

        They cost no more than ``most`` together.
        """
        following: list[Entry] = []
        listing = self._at_hand(above(entry.key))
        with self._lock:
            place = None if listing is None else listing.place(utf8(entry.key[len(listing.prefix) :]))
            if listing is None or place is None or not self._left(listing.born):
                return following
            spent = 0
            for at in listing.walk.step(place):
                one = listing.at(at)
                spent += cost(one) if one is not None else most
                if one is None or spent >= most:
                    break
                listing.walk.reached = at
                following.append(one)
        return following

    def forget(self, folder: str | None = None) -> None:
        """Forget one folder, or all; what is being read goes on."""
        with self._lock:
            for prefix in list(self._listings) if folder is None else [folder]:
                self._drop(prefix)
            self._seen = None
        self._grown()

    def close(self) -> None:
        """Let the threads end."""
        self._listers.shutdown(wait=False, cancel_futures=True)

    def read(self, listing: Listing, number: int, held: Block | None) -> tuple[Block, float] | None:
        """Return a block of a listing and for how long it holds; None beyond the last one; see `Reading`."""
        block = held or self._block(listing, number)
        if block is None:
            return None
        if number + 1 >= len(listing) and not listing.is_complete and not listing.is_foreseen:
            listing.is_foreseen = True  # the next page is fetched while this one is read
            self._workers.submit(partial(self._foresee, listing))
        return block, self._left(block.born)

    def _left(self, born: float) -> float:
        return max(0.0, born + self._fresh - time.monotonic())

    def _new(self, folder: str) -> Listing:
        return Listing(folder, modified=self.began, executor=self._listers)

    def _listing(self, folder: str) -> Listing:
        """Return the listing of a folder, begun again when it is no longer fresh."""
        with self._lock:
            listing = self._listings.get(folder)
            if listing is None or not self._left(listing.born):
                self._drop(folder)
                listing = self._listings[folder] = self._new(folder)
            self._listings.move_to_end(folder)
            return listing

    def _at_hand(self, folder: str) -> Listing | None:
        """Return the listing of a folder; before the root is listed, that from before the mount."""
        with self._lock:
            listing = self._listings.get(folder)
            if listing is None and self._seen is not None and self._seen.prefix == folder:
                listing = self._seen
        return listing

    def _drop(self, folder: str) -> None:
        """Forget a listing, if there is one; under the lock."""
        listing = self._listings.pop(folder, None)
        if listing is not None:
            self.size -= listing.charged
            listing.charged = 0

    def _charge(self, listing: Listing) -> None:
        """Keep listings within their bound, after one has grown."""
        with self._lock:
            is_kept = self._listings.get(listing.prefix) is listing
            if is_kept:
                self.size += listing.size - listing.charged
                listing.charged = listing.size
            while self.size > self._most and len(self._listings) > 1:
                self._drop(next(iter(self._listings)))
        if listing.size > (most := self._most if is_kept else self._most // 4):
            listing.trim(most)
        self._grown()

    def _block(self, listing: Listing, number: int) -> Block | None:
        if listing.is_in_order and not len(listing):
            self._list_tree(listing)
        block = listing.block(number, self._list)
        self._charge(listing)
        return block

    def _foresee(self, listing: Listing) -> None:
        try:
            self._block(listing, len(listing))
        except S3MagicError:
            pass  # whoever reads on asks again, and hears of it
        finally:
            listing.is_foreseen = False

    def _is_in_order(self, folder: str) -> bool:
        """Note that a folder is opened, and tell whether those beside it were opened one after another."""
        beside = self._at_hand(above(folder)) if folder != self._root else None
        place = beside.place(utf8(folder[len(beside.prefix) :])) if beside is not None else None
        if beside is None or place is None or not self._fresh:
            return False
        with self._lock:
            return bool(beside.descent.step(place)) and not beside.has_large_folders

    def _list_tree(self, listing: Listing) -> None:
        """List a folder and those that follow it by one request, so far as that holds each of them whole."""
        listing.is_in_order = False
        parent, born = above(listing.prefix), time.monotonic()
        try:
            page = self._list(parent, start_after=listing.prefix, delimiter="")
        except S3MagicError:
            return  # the folder is asked for by itself, and tells then
        found = folders_within(page, parent, listing.prefix)
        beside = self._at_hand(parent)
        if beside is not None and listing.prefix not in found:
            beside.has_large_folders = True
        for folder, all_of_it in found.items():
            one = listing if folder == listing.prefix else self._listing(folder)
            one.take(all_of_it, born, self._list)
            self._charge(one)

    def _list(
        self,
        prefix: str,
        token: str | None = None,
        start_after: str | None = None,
        *,
        delimiter: str = DELIMITER,
        most: int = 1000,
    ) -> ListPage:
        with self._lock:
            self.requests += 1
        return self._store.list_page(prefix, delimiter=delimiter, token=token, start_after=start_after, max_keys=most)

    def _ask(self, name: str, key: str) -> Entry | None:
        """Find one name of a folder too long to list for it; a folder goes before an object."""
        folder = key + DELIMITER
        page = self._list(key, most=100)
        is_folder = folder in page.prefixes
        if not is_folder and page.next_token is not None:
            inside = self._list(folder, most=1)
            is_folder = bool(inside.objects or inside.prefixes)
        if is_folder:
            return folder_entry(name, folder, self.began)
        return next((file_entry(name, info) for info in page.objects if info.key == key), None)


class Reading:
    """One who reads a folder from its beginning to its end, or from where it was before."""

    def __init__(self, folders: Folders, listing: Listing) -> None:
        self._folders = folders
        self._listing = listing
        self._held: tuple[int, Block | None] = (-1, None)  # stays while it is read, so that places in it stay

    def read(self, position: int) -> Iterator[tuple[Entry, int, float]]:
        """Yield the entries from a position on: each with the position after it and the seconds it holds for.

        The first position is 0. Only what is at hand is yielded, at least one entry where there is
        one; an empty answer means the end.
        """
        number, index = divmod(position, SPAN)
        while True:
            held, block = self._held
            found = self._folders.read(self._listing, number, block if held == number else None)
            if found is None:
                return
            block, left = found
            self._held = number, block
            last = len(block) - 1
            for at, entry in enumerate(block.entries(index), index):
                yield entry, number * SPAN + at + 1 if at < last else (number + 1) * SPAN, left
            if index <= last and not self._listing.is_at_hand(number + 1):
                return
            number, index = number + 1, 0

    def is_at_hand(self, position: int) -> bool:
        """Whether it can be read from a position on without waiting."""
        number = position // SPAN
        return self._held[0] == number or self._listing.is_at_hand(number)


def above(key: str) -> str:
    """Return the folder that a key is in."""
    return key[: key.rfind(DELIMITER, 0, -1) + 1]
