"""The names of one folder, learnt from a store page by page, kept packed, let go and asked for again."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from concurrent.futures import Executor

from s3magic.mounting.blocks import Block, Row, can_be_shown, rows
from s3magic.mounting.inodes import Entry
from s3magic.mounting.pages import Ask, Pages
from s3magic.mounting.siblings import Walk
from s3magic.store.base import ListPage

DELIMITER = "/"
_OVERHEAD = 2500
_MOST_CARRIED = 500
"""Names that may wait for a later page to tell whether an object's name is a folder's, before that is asked."""


class Listing:
    """One folder as it was listed at one time.

    Its names come in blocks of about a page. A block may be let go: it is asked for again, by the
    key before it, when it is wanted. Where a key is both an object and a folder, the folder keeps
    the name. What can have no name, or has lost it to a folder, is counted in ``hidden``.

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
    size : int
        Bytes it takes, about.
    charged : int
        How many of them were counted; kept by who counts.
    is_complete : bool
        Whether the last page has come.
    is_foreseen : bool
        Whether its next page is on its way although nobody waits for it; kept by who sends for it.
    walk, descent : Walk
        How its files, and its folders, are being opened.
    is_in_order : bool
        Whether it was opened after its neighbours, as a walk through a tree does; kept by who opens.
    has_large_folders : bool
        Whether a folder in it was found to be too large to be listed together with others; kept by who lists.
    """

    def __init__(self, prefix: str, *, modified: float, executor: Executor) -> None:
        self.prefix = prefix
        self.born = time.monotonic()
        self.size = _OVERHEAD
        self.charged = 0
        self.is_complete = False
        self.hidden = 0
        self.is_foreseen = False
        self.walk = Walk()
        self.descent = Walk()
        self.is_in_order = False
        self.has_large_folders = False
        self._modified = modified
        self._pages = Pages(prefix, executor)
        self._blocks: OrderedDict[int, Block] = OrderedDict()  # the one used last at the end
        self._lasts: list[bytes] = []  # the last tail of each block
        self._firsts = [0]  # how many names are before each block
        self._carried: list[Row] = []
        self._far: dict[bytes, bool] = {}  # objects whose folder would come much later: whether there is one
        self._reached = b""
        self._ended = 0.0
        self._is_ordered = True
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many blocks are known."""
        return len(self._lasts)

    def is_at_hand(self, number: int) -> bool:
        """Whether a block can be had without waiting, or it is known that there is none."""
        return number in self._blocks or (self.is_complete and number >= len(self._lasts))

    def block(self, number: int, ask: Ask) -> Block | None:
        """Return a block, asked for if it is not here; None beyond the last one."""
        block = self._blocks.get(number)
        if block is not None:
            return block
        with self._lock:
            while not self.is_complete and number >= len(self._lasts):
                born = time.monotonic()
                self.add(self._pages.next(ask), born, ask)
            if number >= len(self._lasts):
                return None
            if number not in self._blocks:
                self._keep(number, self._again(number, ask))
            self._blocks.move_to_end(number)
            return self._blocks[number]

    def add(self, page: ListPage, born: float, ask: Ask) -> None:
        """Take in the next page, asked for at a time; for those who ask for pages themselves."""
        self._ended = born
        new = rows(page, self.prefix)
        if new and not new[0].tail:  # the marker of this folder itself
            self.hidden += bool(new[0].size)
            del new[0]
        new.sort()
        if new:
            self._is_ordered = self._is_ordered and new[0].tail > self._reached
            self._reached = max(self._reached, new[-1].tail)
        known = self._carried + new
        settled = len(known) if page.next_token is None or not self._is_ordered else self._settled(known, ask)
        self._carried = known[settled:]
        known = self._shown(known[:settled])
        if known:
            number = len(self._lasts)
            block = Block(self.prefix, known, modified=self._modified, born=born)
            self._keep(number, block)
            self._firsts.append(self._firsts[-1] + len(block))
            self._lasts.append(known[-1].tail)
        self.is_complete = page.next_token is None

    def take(self, page: ListPage, born: float, ask: Ask) -> None:
        """Take in all of the folder in one page, asked for otherwise than by `block`, if nothing is known yet."""
        with self._lock:
            if not self._lasts and not self.is_complete:
                self.add(page, born, ask)

    def find(self, name: bytes, ask: Ask | None = None) -> tuple[Entry | None, float] | None:
        """Return the entry of a key's segment (None: there is none) and when that was so; None when that is not known.

        With ``ask``, blocks that were let go are asked for again; without, nobody is waited for.
        """
        if not self._is_ordered:
            return None
        found, born = None, time.monotonic()
        for tail in (name + b"/", name):
            number = bisect_left(self._lasts, tail)
            if number == len(self._lasts):
                if not self.is_complete:
                    return None
                born = min(born, self._ended)
                continue
            block = self._blocks.get(number) if ask is None else self.block(number, ask)
            if block is None:
                return None
            born = min(born, block.born)
            index = block.find(tail)
            if index is not None and found is None:
                found = block.entry(index)
        return found, born

    def place(self, name: bytes) -> int | None:
        """Return how many names come before a file's; None when it is not here."""
        number = bisect_left(self._lasts, name)
        block = self._blocks.get(number)
        index = block.find(name) if block is not None else None
        return None if index is None else self._firsts[number] + index

    def at(self, place: int) -> Entry | None:
        """Return the entry that so many names come before, as far as it is here."""
        number = bisect_left(self._firsts, place + 1) - 1
        block = self._blocks.get(number)
        index = place - self._firsts[number]
        return block.entry(index) if block is not None and index < len(block) else None

    def trim(self, most: int) -> None:
        """Let blocks go that were not used lately, until no more than so many bytes are held."""
        with self._lock:
            while self.size > most and len(self._blocks) > 1 and self._is_ordered:
                _, block = self._blocks.popitem(last=False)
                self.size -= block.size

    # The rest runs under the lock.

    def _settled(self, known: list[Row], ask: Ask) -> int:
        """Return how many names are sure: the object of one may yet lose it to a folder on a later page."""
        while True:
            pending = next((at for at, row in enumerate(known) if self._is_pending(row)), len(known))
            if len(known) - pending <= _MOST_CARRIED:
                return pending
            tail = known[pending].tail
            inside = ask(f"{self.prefix}{tail.decode('utf-8', 'surrogatepass')}{DELIMITER}", None, None)
            self._far[tail] = bool(inside.objects or inside.prefixes)

    def _is_pending(self, row: Row) -> bool:
        return row.tail + b"/" > self._reached and not row.is_folder and row.tail not in self._far

    def _shown(self, known: list[Row]) -> list[Row]:
        folders = {row.tail for row in known if row.is_folder}
        lost = {tail for tail, is_folder in self._far.items() if is_folder}
        shown = [row for row in known if row.tail + b"/" not in folders and row.tail not in lost and can_be_shown(row)]
        self.hidden += len(known) - len(shown)
        return shown

    def _keep(self, number: int, block: Block) -> None:
        self._blocks[number] = block
        self.size += block.size

    def _again(self, number: int, ask: Ask) -> Block:
        """List a block that was let go: what lies between the last name before it and its own last one."""
        begin, end = self._lasts[number - 1] if number else b"", self._lasts[number]
        born = time.monotonic()
        found: list[Row] = []
        start = f"{self.prefix}{begin.decode()}" if begin else None
        token = None
        while True:
            page = ask(self.prefix, token, start if token is None else None)
            new = sorted(rows(page, self.prefix))
            found += [row for row in new if begin < row.tail <= end]
            token = page.next_token
            if token is None or (new and new[-1].tail > end + b"/"):
                break
        hidden = self.hidden
        shown = self._shown(found)
        self.hidden = hidden  # they were counted
        return Block(self.prefix, shown, modified=self._modified, born=born)
