"""Bytes of objects, fetched in spans as they are read or will be.

Knows no names and no FUSE: it answers a read by calling back, from whichever thread has the bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from s3magic.errors import NotFound, ObjectChanged, ServerError, Unreachable
from s3magic.mounting.ahead import HEAD, INDEXED, PART, UNIT
from s3magic.mounting.cache import Cache, units
from s3magic.mounting.disk import DiskCache
from s3magic.mounting.filling import Costs, Spill
from s3magic.mounting.foreseen import Foreseen
from s3magic.mounting.inodes import Entry
from s3magic.mounting.past import Source
from s3magic.mounting.spans import Content, Done, Read, Span
from s3magic.mounting.workers import Workers

TRIES = 3
FILL_AT_ONCE = 24 * PART


class Reads:
    """What a mount reads.

    Every request insists on the ETag of the object that was opened, so that bytes of two objects
    never mix.

    Parameters
    ----------
    store
        The bucket.
    limit
        Bytes the cache may hold.
    workers
        The threads that fetch.
    changed
        Called with the entry of an object that turns out to be changed or gone.
    disk
        Where bytes are kept for later mounts, if anywhere.

    Attributes
    ----------
    requests, fetched, served : int
        Requests made, bytes fetched, bytes handed out.
    foreseen : Foreseen
        What will be read soon.
    """

    def __init__(
        self,
        store: Source,
        *,
        limit: int,
        workers: Workers,
        changed: Callable[[Entry], None],
        disk: DiskCache | None = None,
    ) -> None:
        self.requests = 0
        self.fetched = 0
        self.served = 0
        self._cache = Cache(limit)
        self._store = store
        self._workers = workers
        self._changed = changed
        self._disk = disk
        self._costs = Costs()
        self.foreseen = Foreseen(self._cache, self._costs, workers, self._fetch)

    @property
    def limit(self) -> int:
        """Bytes the cache may hold; may be changed at any time."""
        return self._cache.limit

    @limit.setter
    def limit(self, size: int) -> None:
        self._cache.limit = size

    @property
    def cached(self) -> int:
        """Bytes held, those on their way included."""
        return self._cache.held

    def open(self, entry: Entry) -> Content:
        """Return the content of an object; to be closed as often as it was opened."""
        with self._cache.lock:
            content = self._cache.content(entry)
            content.opens += 1
            return content

    def close(self, content: Content) -> None:
        """Give a content back; its bytes stay while there is room for them."""
        with self._cache.lock:
            content.opens -= 1
            if not content.opens:
                self._cache.surrender(content)
                self._cache.release(content)

    def read(self, content: Content, start: int, size: int, done: Done) -> None:
        """Hand the bytes ``[start, start + size)``, cut at the end of the object, to ``done``.

        It is called once, now or later and from any thread, with views that make up the bytes in
        order, or with the error that prevented them. The views are good until it returns.
        """
        stop = min(start + size, content.entry.size)
        if start >= stop or content.error is not None:
            done(content.error or [])
            return
        new: list[Span] = []
        read = spill = None
        is_all = not start and stop == content.entry.size  # nothing comes after it
        with self._cache.lock:
            span = content.spans.get(start // UNIT)
            is_here = span is not None and stop <= span.start + span.filled
            if is_here and span is not None and (is_all or not span.is_ahead):
                if span.is_ahead:
                    self._cache.take(span)
                elif not is_all and not content.readers.goes_on(start, stop):
                    new = self._plan(content, start, stop)
                self._cache.use(span)
                span.pins.append(None)
                read = Read(start, stop, [span], done)
            elif content.spill is not None and content.spill.has(start, stop):
                spill = content.spill
            else:
                new = self._plan(content, start, stop)
                read = Read(start, stop, list(self._cache.touched(content, start, stop)), done)
                self._join(read)
            is_ready = read is not None and not read.missing
            self._cache.evict()
        self._submit(new)
        if read is not None and is_ready:
            self._answer(read)
        elif spill is not None:
            self._answer_from_disk(spill, start, stop, done)

    def forget(self) -> None:
        """Drop what was fetched; what is on its way, or being handed out, stays for whoever asked for it."""
        with self._cache.lock:
            self._cache.clear()

    def _submit(self, spans: list[Span]) -> None:
        for span in spans:
            self._workers.submit(partial(self._fetch, span), later=span.is_ahead)

    def _answer(self, read: Read) -> None:
        self.served += read.stop - read.start
        try:
            read.done(read.views())
        finally:
            _unpin(read.spans)

    def _answer_from_disk(self, spill: Spill, start: int, stop: int, done: Done) -> None:
        try:
            answer: list[memoryview] | Exception = [memoryview(spill.read(start, stop))]
            self.served += stop - start
        except OSError as error:
            answer = error
        done(answer)

    # The rest of the planning runs under the lock.

    def _plan(self, content: Content, start: int, stop: int) -> list[Span]:
        content.read_at = time.monotonic()
        is_here = all(unit in content.spans for unit in units(start, stop))
        plan = content.readers.plan(start, stop, is_here=is_here, room=self._cache.room(content))
        new = list(self._cache.cover(content, *plan.now, is_ahead=False))
        for begin, end in plan.ahead:
            new += self._cache.cover(content, begin, end, is_ahead=True)
        self._cache.leave(content, plan.passed)
        if plan.is_leap and not is_here:
            content.leaps += 1
            new += self._consider_filling(content, start)
        return new

    def _join(self, read: Read) -> None:
        for span in read.spans:
            span.pins.append(None)
            needed = min(read.stop, span.stop) - span.start
            if span.filled < needed:
                span.waiting.append((needed, read))
                read.missing += 1

    def _consider_filling(self, content: Content, start: int) -> list[Span]:
        """Begin to fetch the whole object, or go on with it, when reads here and there have cost enough."""
        if content.spill is None and content.may_spill and self._costs.is_worth(content.entry.size, content.leaps):
            content.spill = Spill.make(content.entry.size)
            content.may_spill = content.spill is not None
            if content.spill is not None:
                here = start // PART * PART
                content.spill.rest = [*range(0, content.entry.size, PART)][::-1]
                turn = len(content.spill.rest) - here // PART
                content.spill.rest = content.spill.rest[turn:] + content.spill.rest[:turn]
                for span in set(content.spans.values()):
                    if span.is_full:
                        self._keep(span, content.spill)
        return self._fill_on(content)

    def _fill_on(self, content: Content) -> list[Span]:
        """Ask for the next parts of an object that is fetched whole."""
        spill, new = content.spill, []
        while spill is not None and spill.rest and content.opens and spill.under_way < FILL_AT_ONCE:
            if self._cache.unread + PART > self._cache.limit // 2 or self._costs.is_in_doubt(
                content.entry.size, content.leaps
            ):
                break
            start = spill.rest.pop()
            for span in self._cache.cover(content, start, min(start + PART, content.entry.size), is_ahead=True):
                span.is_to_spill = True
                spill.under_way += span.size
                new.append(span)
        return new

    # The fetching runs in a worker.

    def _fetch(self, span: Span) -> None:
        with self._cache.lock:
            is_wanted = span.waiting or span.content.opens or span.is_foreseen or not span.is_ahead
            if span.is_dropped or not is_wanted:  # nobody is left to read it
                self._cache.give_up(span)
                return
            span.pins.append(None)
        try:
            span.buffer = self._cache.buffers.take(span.size)
            for attempt in range(1, TRIES + 1):
                try:
                    self._fill_from_disk(span)
                    self._fill(span)
                    break
                except Unreachable:
                    if attempt == TRIES:
                        raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the readers must hear of it
            self._fail(span, error)
            return
        spill = span.content.spill
        if spill is not None:
            self._keep(span, spill)
        span.pins.pop()
        if span.is_to_spill:
            self._finish(span)

    def _fill(self, span: Span) -> None:
        if span.is_full:
            return
        entry, begin = span.content.entry, span.filled
        began = first = time.monotonic()

        def arrived(size: int) -> None:
            nonlocal first
            if size:
                self._arrived(span, size)
            else:
                first = time.monotonic()

        self.requests += 1
        into = memoryview(span.storage)[span.filled :]
        self._store.receive(entry.key, into, start=span.start + span.filled, etag=entry.etag, arrived=arrived)
        if not span.is_full:
            raise ServerError(f"Fewer bytes than listed: {entry.key}", "Read it again; if it stays so, list it again.")
        span.content.is_proved = True
        self._costs.learn(first - began, len(into), time.monotonic() - first)
        if self._disk is not None:
            whole = begin // UNIT * UNIT  # what came first was cut short, perhaps within a unit
            self._disk.write(entry, span.start + whole, memoryview(span.storage)[whole:])

    def _fill_from_disk(self, span: Span) -> None:
        """Take what is kept on disk; of an object that nobody has asked the store for, once it has told of it."""
        content = span.content
        if self._disk is None or span.filled or (span.start and not content.is_proved):
            return
        entry, into = content.entry, memoryview(span.storage)
        size = self._disk.read(entry, span.start, into)
        if size and not content.is_proved:
            self.requests += 1
            self._store.get(entry.key, stop=1, etag=entry.etag)  # to be told that it may be read and is the same
            content.is_proved = True
        if size:
            self._arrived(span, size, is_fetched=False)

    def _arrived(self, span: Span, size: int, *, is_fetched: bool = True) -> None:
        ready, waiting = [], []
        with self._cache.lock:
            self.fetched += size * is_fetched
            span.filled += size
            if span.start == 0 and span.filled - size < HEAD <= span.filled:
                span.content.readers.is_indexed = bytes(span.storage[:HEAD]).startswith(INDEXED)
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

    def _finish(self, span: Span) -> None:
        """Give up the memory of what has come to disk, and ask for more of its object."""
        with self._cache.lock:
            if span.content.spill is not None:
                span.content.spill.under_way -= span.size
            self._cache.drop(span)
            new = self._fill_on(span.content)
        self._submit(new)

    def _keep(self, span: Span, spill: Spill) -> None:
        try:
            spill.write(span.start, memoryview(span.storage))
        except OSError:  # the disk is full: what is there stays, the rest comes as it is asked for
            spill.rest.clear()

    def _fail(self, span: Span, error: Exception) -> None:
        content = span.content
        is_gone = isinstance(error, ObjectChanged | NotFound)
        if is_gone:
            error = ObjectChanged(f"The object changed while it was open: {content.entry.key}", "Open it again.")
        with self._cache.lock:
            failed = {read for _, read in span.waiting if read.missing > 0}
            for read in failed:
                read.missing = -1  # answered: no other span may answer it again
            span.waiting = []
            self._cache.give_up(span)
            if is_gone:
                content.error = error
                for other in set(content.spans.values()):
                    if not other.waiting:
                        self._cache.drop(other)
        if is_gone:
            self._changed(content.entry)
        for read in failed:
            read.done(error)
            _unpin(read.spans)


def _unpin(spans: list[Span]) -> None:
    for span in spans:
        span.pins.pop()
