"""What of the objects is in memory, and what goes first when room is needed. Asks no store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from threading import Lock

from s3magic.mounting.ahead import PART, UNIT, Range, Readers
from s3magic.mounting.buffers import Buffers
from s3magic.mounting.inodes import Entry
from s3magic.mounting.spans import Content, Span

ASLEEP_SECONDS = 2
"""When a reader that reads no more gives what was fetched ahead for it back."""


class Cache:
    """Contents and their spans within one bound. Whoever calls a method holds its lock.

    What has been read is dropped first, oldest first; what was fetched ahead and is not read yet
    never takes more than half, shared by those who read.

    Parameters
    ----------
    limit
        Bytes it may hold; may be changed at any time.

    Attributes
    ----------
    lock : Lock
        Held while anything here is looked at or changed.
    held : int
        Bytes held, those on their way included.
    unread : int
        Those of them that were fetched ahead and are not read yet.
    buffers : Buffers
        Where the memory comes from.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lock = Lock()
        self.held = 0
        self.unread = 0
        self.buffers = Buffers(PART)
        self._contents: dict[tuple[str, str], Content] = {}
        self._used: OrderedDict[Span, None] = OrderedDict()  # the one read last at the end
        self._ahead: OrderedDict[Span, None] = OrderedDict()
        self._awaiting: set[Content] = set()  # those for which something was fetched ahead

    def knows(self, entry: Entry) -> bool:
        """Whether anything of an object is here, or it is open."""
        return entry.identity in self._contents

    def use(self, span: Span) -> None:
        """Note that a span is read, which was read before."""
        self._used.move_to_end(span)

    def take(self, span: Span) -> None:
        """Note that a span is read that was fetched ahead."""
        self._end_awaiting(span)
        self._used[span] = None

    def leave(self, content: Content, passed: Range) -> None:
        """Drop what a reader has left behind."""
        for unit in units(*passed):
            span = content.spans.get(unit)
            if span is not None and span.is_full and not span.is_ahead and span.stop <= passed[1]:
                self.drop(span)

    def content(self, entry: Entry) -> Content:
        """Return the content of an object, made if there is none that is good."""
        content = self._contents.get(entry.identity)
        if content is None or content.error is not None:
            content = self._contents[entry.identity] = Content(entry, Readers(entry.size))
        return content

    def room(self, content: Content) -> int:
        """Return how many bytes may be fetched ahead for a content: its share of half of the cache."""
        half = self.limit // 2
        if half - self.unread < PART:
            for other in list(self._awaiting):
                if other is not content and other.read_at < content.read_at - ASLEEP_SECONDS:
                    self.surrender(other)
        others = sum(1 for other in self._awaiting if other.opens and other is not content)
        return min(half // (1 + others) - content.unread, half - self.unread)

    def cover(self, content: Content, start: int, stop: int, *, is_ahead: bool) -> Iterator[Span]:
        """Make spans for whatever is neither here nor on its way."""
        missing = [unit for unit in units(start, stop) if unit not in content.spans]
        if is_ahead and content.spill is not None:
            missing = [unit for unit in missing if not content.spill.has(unit * UNIT, unit * UNIT + 1)]
        while missing:
            count = 1
            while count < len(missing) and missing[count] == missing[0] + count and count < PART // UNIT:
                count += 1
            begin, end = missing[0] * UNIT, min((missing[0] + count) * UNIT, content.entry.size)
            span = Span(content, begin, end)
            for unit in missing[:count]:
                content.spans[unit] = span
            self.held += span.size
            if is_ahead:
                self._await(span)
            else:
                self._used[span] = None
            yield span
            del missing[:count]

    def touched(self, content: Content, start: int, stop: int) -> Iterator[Span]:
        """Yield the spans of a range in order, each noted as read."""
        previous = None
        for unit in units(start, stop):
            span = content.spans[unit]
            if span is previous:
                continue
            previous = span
            if span.is_ahead:
                self.take(span)
            self._used[span] = None
            self._used.move_to_end(span)
            yield span

    def surrender(self, content: Content) -> None:
        """Let what was fetched ahead for a content, and will hardly be read, go first when room is needed."""
        if content.unread:
            for span in set(content.spans.values()):
                if span.is_ahead and span.is_full:
                    self._end_awaiting(span)
                    self._used[span] = None
                    self._used.move_to_end(span, last=False)

    def give_up(self, span: Span) -> None:
        """Drop a span that was not fetched; what it was to bring to disk is asked for later."""
        spill = span.content.spill
        if span.is_to_spill and spill is not None:
            spill.under_way -= span.size
            spill.rest.append(span.start // PART * PART)
        self.drop(span)

    def clear(self) -> None:
        """Drop all that is here, on disk too; what is on its way, or being handed out, stays for who asked for it."""
        limit, self.limit = self.limit, 0
        self.evict()
        self.limit = limit
        for content in self._contents.values():
            content.spill = None
            content.is_proved = False

    def evict(self) -> None:
        """Drop spans until the bound is kept; those on their way stay, for they take memory anyway."""
        excess = self.held - self.limit
        if excess <= 0:
            return
        victims = []
        for span in chain(self._used, self._ahead):
            if excess <= 0:
                break
            if span.is_full:
                victims.append(span)
                excess -= span.size
        for span in victims:
            self.drop(span)

    def drop(self, span: Span) -> None:
        """Give the memory of a span back, unless it was."""
        if span.is_dropped:
            return
        if span.is_ahead:
            self._end_awaiting(span)
        else:
            del self._used[span]
        self.held -= span.size
        spans = span.content.spans
        for unit in units(span.start, span.stop):
            if spans.get(unit) is span:
                del spans[unit]
        span.is_dropped = True
        if not span.pins and span.buffer is not None:
            self.buffers.give(span.buffer)
        self.release(span.content)

    def release(self, content: Content) -> None:
        """Forget a content that is neither open nor here."""
        if content.opens or content.spans:
            return
        if self._contents.get(content.entry.identity) is content:
            del self._contents[content.entry.identity]
        content.spill = None  # whoever still reads from it keeps it open

    def _await(self, span: Span) -> None:
        span.is_ahead = True
        self._ahead[span] = None
        self.unread += span.size
        span.content.unread += span.size
        self._awaiting.add(span.content)

    def _end_awaiting(self, span: Span) -> None:
        span.is_ahead = False
        del self._ahead[span]
        self.unread -= span.size
        span.content.unread -= span.size
        if not span.content.unread:
            self._awaiting.discard(span.content)


def units(start: int, stop: int) -> range:
    """Return the indices of the units that a range touches."""
    return range(start // UNIT, -(-stop // UNIT))
