"""Bytes of objects, fetched in spans and kept within one bound for the whole mount.

Knows no names and no FUSE: it answers a read by calling back, from whichever thread has the bytes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from s3magic.errors import NotFound, ObjectChanged, ServerError, Unreachable
from s3magic.mounting.ahead import PART, UNIT, Readers
from s3magic.mounting.inodes import Entry
from s3magic.mounting.workers import Workers
from s3magic.store.base import Store

TRIES = 3

Done = Callable[[list[memoryview] | Exception], None]


@dataclass(slots=True, eq=False)
class Content:
    """The bytes of one object with one ETag, as far as they are here."""

    entry: Entry
    readers: Readers
    opens: int = 0
    spans: dict[int, _Span] = field(default_factory=dict)  # by index of the unit
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class _Span:
    """A run of bytes that one request fetches, filled from its start."""

    content: Content
    start: int
    stop: int
    is_ahead: bool
    buffer: bytearray = field(default_factory=bytearray)
    filled: int = 0
    waiting: list[tuple[int, _Read]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(slots=True, eq=False)
class _Read:
    """One read, waiting for so many spans; answered once."""

    start: int
    stop: int
    spans: list[_Span]
    done: Done
    missing: int = 0

    def views(self) -> list[memoryview]:
        return [
            memoryview(span.buffer)[max(self.start - span.start, 0) : min(self.stop, span.stop) - span.start]
            for span in self.spans
        ]


class Reads:
    """The cache of a mount.

    Every request insists on the ETag of the object that was opened, so that bytes of two objects
    never mix. What has been read is dropped first, oldest first; what was fetched ahead and is
    not read yet never takes more than half of the cache.

    Parameters
    ----------
    store
        The bucket.
    limit
        Bytes the cache may hold; may be changed at any time.
    workers
        The threads that fetch.
    changed
        Called with the entry of an object that turns out to be changed or gone.

    Attributes
    ----------
    requests, fetched, served : int
        Requests made, bytes fetched, bytes handed out.
    cached : int
        Bytes held, those on their way included.
    """

    def __init__(self, store: Store, *, limit: int, workers: Workers, changed: Callable[[Entry], None]) -> None:
        self.limit = limit
        self.requests = 0
        self.fetched = 0
        self.served = 0
        self.cached = 0
        self._unread = 0
        self._store = store
        self._workers = workers
        self._changed = changed
        self._lock = threading.Lock()
        self._contents: dict[tuple[str, str], Content] = {}
        self._used: OrderedDict[_Span, None] = OrderedDict()  # the one read last at the end
        self._ahead: OrderedDict[_Span, None] = OrderedDict()

    def open(self, entry: Entry) -> Content:
        """Return the content of an object; to be closed as often as it was opened."""
        with self._lock:
            content = self._contents.get(entry.identity)
            if content is None or content.error is not None:
                content = self._contents[entry.identity] = Content(entry, Readers(entry.size))
            content.opens += 1
            return content

    def close(self, content: Content) -> None:
        """Give a content back; its bytes stay while there is room for them."""
        with self._lock:
            content.opens -= 1
            self._release(content)

    def read(self, content: Content, start: int, size: int, done: Done) -> None:
        """Hand the bytes ``[start, start + size)``, cut at the end of the object, to ``done``.

        It is called once, now or later and from any thread, with views that make up the bytes in
        order, or with the error that prevented them.
        """
        stop = min(start + size, content.entry.size)
        if start >= stop or content.error is not None:
            done(content.error or [])
            return
        with self._lock:
            new = self._plan(content, start, stop)
            read = _Read(start, stop, list(self._touched(content, start, stop)), done)
            for span in read.spans:
                needed = min(stop, span.stop) - span.start
                if span.filled < needed:
                    span.waiting.append((needed, read))
                    read.missing += 1
            is_ready = not read.missing
            self._evict()
        for span in new:
            self._workers.submit(partial(self._fetch, span), later=span.is_ahead)
        if is_ready:
            self._answer(read)

    def _answer(self, read: _Read) -> None:
        self.served += read.stop - read.start
        read.done(read.views())

    # The rest of the planning runs under the lock.

    def _plan(self, content: Content, start: int, stop: int) -> list[_Span]:
        is_here = all(unit in content.spans for unit in _units(start, stop))
        plan = content.readers.plan(start, stop, is_here=is_here, room=self.limit // 2 - self._unread)
        new = list(self._cover(content, *plan.now, is_ahead=False))
        for begin, end in plan.ahead:
            new += self._cover(content, begin, end, is_ahead=True)
        return new

    def _cover(self, content: Content, start: int, stop: int, *, is_ahead: bool) -> Iterator[_Span]:
        """Make spans for whatever is neither here nor on its way."""
        missing = [unit for unit in _units(start, stop) if unit not in content.spans]
        while missing:
            count = 1
            while count < len(missing) and missing[count] == missing[0] + count and count < PART // UNIT:
                count += 1
            begin, end = missing[0] * UNIT, min((missing[0] + count) * UNIT, content.entry.size)
            span = _Span(content, begin, end, is_ahead)
            for unit in missing[:count]:
                content.spans[unit] = span
            self.cached += span.size
            if is_ahead:
                self._unread += span.size
            (self._ahead if is_ahead else self._used)[span] = None
            yield span
            del missing[:count]

    def _touched(self, content: Content, start: int, stop: int) -> Iterator[_Span]:
        """Yield the spans of a range in order, each noted as read."""
        previous = None
        for unit in _units(start, stop):
            span = content.spans[unit]
            if span is previous:
                continue
            previous = span
            if span in self._ahead:
                del self._ahead[span]
                self._unread -= span.size
            self._used[span] = None
            self._used.move_to_end(span)
            yield span

    def _evict(self) -> None:
        """Drop spans until the bound is kept; those on their way stay, for they take memory anyway."""
        excess = self.cached - self.limit
        victims = []
        for span in chain(self._used, self._ahead):
            if excess <= 0:
                break
            if span.filled == span.size:
                victims.append(span)
                excess -= span.size
        for span in victims:
            self._drop(span)

    def _drop(self, span: _Span) -> None:
        if span in self._used:
            del self._used[span]
        elif span in self._ahead:
            del self._ahead[span]
            self._unread -= span.size
        else:
            return
        self.cached -= span.size
        spans = span.content.spans
        for unit in _units(span.start, span.stop):
            if spans.get(unit) is span:
                del spans[unit]
        self._release(span.content)

    def _release(self, content: Content) -> None:
        if not content.opens and not content.spans and self._contents.get(content.entry.identity) is content:
            del self._contents[content.entry.identity]

    # The fetching runs in a worker.

    def _fetch(self, span: _Span) -> None:
        with self._lock:
            if span.is_ahead and not span.waiting and not span.content.opens:
                self._drop(span)  # nobody is left to read it
                return
        try:
            span.buffer = bytearray(span.size)
            for attempt in range(1, TRIES + 1):
                try:
                    self._fill(span)
                    break
                except Unreachable:
                    if attempt == TRIES:
                        raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the readers must hear of it
            self._fail(span, error)

    def _fill(self, span: _Span) -> None:
        entry = span.content.entry
        self.requests += 1
        with self._store.stream(entry.key, start=span.start + span.filled, stop=span.stop, etag=entry.etag) as chunks:
            for chunk in chunks:
                memoryview(span.buffer)[span.filled : span.filled + len(chunk)] = chunk
                self._arrived(span, len(chunk))
        if span.filled < span.size:
            raise ServerError(f"Fewer bytes than listed: {entry.key}", "Read it again; if it stays so, list it again.")

    def _arrived(self, span: _Span, size: int) -> None:
        ready, waiting = [], []
        with self._lock:
            self.fetched += size
            span.filled += size
            for needed, read in span.waiting:
                if span.filled < needed:
                    waiting.append((needed, read))
                else:
                    read.missing -= 1
                    if not read.missing:
                        ready.append(read)
            span.waiting = waiting
        for read in ready:
            self._answer(read)

    def _fail(self, span: _Span, error: Exception) -> None:
        content = span.content
        is_gone = isinstance(error, ObjectChanged | NotFound)
        if is_gone:
            error = ObjectChanged(f"The object changed while it was open: {content.entry.key}", "Open it again.")
        with self._lock:
            failed = {read for _, read in span.waiting if read.missing > 0}
            for read in failed:
                read.missing = -1  # answered: no other span may answer it again
            span.waiting = []
            self._drop(span)
            if is_gone:
                content.error = error
                for other in set(content.spans.values()):
                    if not other.waiting:
                        self._drop(other)
        if is_gone:
            self._changed(content.entry)
        for read in failed:
            read.done(error)


def _units(start: int, stop: int) -> range:
    return range(start // UNIT, -(-stop // UNIT))
