"""A seekable file over one object: range reads in blocks, every byte counted, one object throughout."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from s3magic.store.base import ObjectInfo, Store

FIRST_BLOCK = 32 << 10
BLOCK = 64 << 10
AROUND = 256 << 10
_WIDE = 2
"""So many reads elsewhere fetch more than is asked for: with the first three requests, in which most headers come."""
_APART = 1 << 20
"""Bytes that are fetched for nothing rather than by a request more."""


class RangeReader(io.RawIOBase):
    """A read-only, seekable binary file whose bytes come by conditional range reads.

    The first read fetches ``first_block`` bytes, enough for the header of most formats; later
    ones fetch whole aligned blocks, at most ``cached_blocks`` of which are kept. Who knows what
    will be read says so by `gather`.

    Parameters
    ----------
    store, info
        The bucket, and the object as it was listed; a changed object raises `ObjectChanged`.
    first_block, block
        Bytes of the first fetch, and of each later one.
    around
        Bytes that the first two of the later fetches take from around the place that is read:
        what a header is made of lies near each other.
    limit
        The most bytes this reader may fetch; above it `ByteLimitReached` is raised.
        None for no limit.
    version_id
        The version to read; None for the live one.
    head
        What is known of its beginning already; it is not read then.
    ahead
        The most bytes of one fetch where each read begins where the one before ended: then every
        fetch is twice as long as the last. 0 for none but what was asked for.

    Attributes
    ----------
    bytes_read : int
        Bytes fetched from the store so far.
    requests : int
        Requests made so far.
    """

    def __init__(
        self,
        store: Store,
        info: ObjectInfo,
        *,
        first_block: int = FIRST_BLOCK,
        block: int = BLOCK,
        around: int = AROUND,
        limit: int | None = None,
        version_id: str | None = None,
        cached_blocks: int = 64,
        head: bytes = b"",
        ahead: int = 0,
    ) -> None:
        super().__init__()
        self.info = info
        self.bytes_read = 0
        self.requests = 0
        self._store = store
        self._block = block
        self._around = around
        self._wide_left = _WIDE
        self._limit = limit
        self._version = version_id
        self._cached = cached_blocks
        self._first_block = first_block
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._head = head
        self._ahead = ahead
        self._stride = block
        self._fetched_to = 0

    @property
    def name(self) -> str:
        """The object's file name, for libraries that ask."""
        return self.info.name

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; reads beyond the end give nothing."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.info.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer from the position on; return how many bytes came."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to ``size`` bytes, all that is left when negative or None."""
        left = max(0, self.info.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._range(self._position, self._position + wanted) if wanted else b""
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read(-1)

    def afford(self, size: int) -> None:
        """Raise `ByteLimitReached` when so many bytes more would be too many; nothing is read."""
        if self._limit is not None and self.bytes_read + size > self._limit:
            raise ByteLimitReached(f"more than {self._limit} bytes wanted of {self.info.url}")

    def gather(self, spans: Sequence[tuple[int, int]]) -> bool:
        """Fetch parts that will be read, in one request those that lie near each other.

        Returns False, and fetches nothing, where that would be more than may be or can be kept.

        Parameters
        ----------
        spans
            Where each part begins and ends in the object.
        """
        room = self._room()
        parts = sorted((start, min(stop, self.info.size)) for start, stop in spans)
        if any(stop - start > room for start, stop in parts):
            return False
        parts = [(start, stop) for start, stop in parts if start < stop and not self._has(start, stop)]
        for apart in (_APART, 0):
            runs = _joined(parts, apart)
            if sum(stop - start + 2 * self._block for start, stop in runs) <= room:
                for start, stop in runs:
                    self._bring_run(start, stop)
                return True
        return False

    def _bring_run(self, start: int, stop: int) -> None:
        if start == 0 and not self._head:
            self._head = self._fetch(0, stop)
        else:
            self._bring(start // self._block, -(-stop // self._block))

    def _has(self, start: int, stop: int) -> bool:
        blocks = range(start // self._block, -(-stop // self._block))
        return stop <= len(self._head) or not any(map(self._is_new, blocks))

    def _is_new(self, index: int) -> bool:
        start = index * self._block
        return start < self.info.size and start + self._block > len(self._head) and index not in self._blocks

    def _room(self) -> int:
        """Return how many bytes more may be fetched and kept."""
        kept = self._cached * self._block
        return kept if self._limit is None else min(kept, self._limit - self.bytes_read)

    def _range(self, start: int, stop: int) -> bytes:
        if not self._head and start < self._first_block and 0 not in self._blocks:
            self._head = self._fetch(0, min(max(self._first_block, stop if stop <= self._block else 0), self.info.size))
        if start == 0 and stop == self.info.size > len(self._head) and not self._blocks:
            self._head += self._fetch(len(self._head), stop)  # at once, where blocks would be cut and joined again
        if stop <= len(self._head):
            return self._head[start:stop]
        first, last = start // self._block, (stop - 1) // self._block
        self._fill(*self._widened(first, last))
        joined = b"".join(self._blocks[index] for index in range(first, last + 1))
        self._forget()
        return joined[start - first * self._block : stop - first * self._block]

    def _fill(self, first: int, last: int) -> None:
        """Fetch the missing blocks of a span, each run of neighbours in one request."""
        index = first
        while index <= last:
            if index in self._blocks:
                self._blocks.move_to_end(index)
                index += 1
                continue
            end, wanted = index, max(last + 1, index + self._reach(index))
            while end < wanted and end not in self._blocks:
                end += 1
            self._bring(index, end)
            index = end

    def _widened(self, first: int, last: int) -> tuple[int, int]:
        """Return the blocks to fetch for a read: at first some around it, too, more after it than before."""
        wanted = min(self._around, self._room()) // self._block
        if not self._wide_left or last - first >= wanted or not any(map(self._is_new, range(first, last + 1))):
            return first, last
        self._wide_left -= 1
        first -= self._is_new(first - 1)
        while last - first + 1 < wanted and self._is_new(last + 1):
            last += 1
        while last - first + 1 < wanted and self._is_new(first - 1):
            first -= 1
        return first, last

    def _reach(self, index: int) -> int:
        """Return how many blocks a fetch may take from here on: more and more for who reads on and on."""
        self._stride = min(2 * self._stride, self._ahead) if index == self._fetched_to else self._block
        return min(self._stride // self._block, self._cached // 2, -(-self.info.size // self._block) - index)

    def _bring(self, first: int, end: int) -> None:
        """Fetch blocks in one request and keep them."""
        self._fetched_to = end
        data = self._blocks_from(first * self._block, min(end * self._block, self.info.size))
        for offset, index in enumerate(range(first, end)):
            self._blocks[index] = data[offset * self._block : (offset + 1) * self._block]

    def _blocks_from(self, start: int, stop: int) -> bytes:
        """Return the bytes of whole blocks; what the first fetch brought is not fetched again."""
        known = self._head[start:stop]
        return known + self._fetch(start + len(known), stop) if start + len(known) < stop else known

    def _forget(self) -> None:
        while len(self._blocks) > self._cached:
            self._blocks.popitem(last=False)

    def _fetch(self, start: int, stop: int) -> bytes:
        self.afford(stop - start)
        data = self._store.get(self.info.key, start=start, stop=stop, etag=self.info.etag, version_id=self._version)
        self.requests += 1
        self.bytes_read += len(data)
        return data


def _joined(parts: Sequence[tuple[int, int]], apart: int) -> list[tuple[int, int]]:
    """Return parts, in order, as fewer: those in one that are no further from each other than so many bytes."""
    joined: list[tuple[int, int]] = []
    for start, stop in parts:
        if joined and start - joined[-1][1] <= apart:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


class ByteLimitReached(Exception):
    """A preview or a header wanted more bytes than its cap; never leaves the package."""
