"""What the cache of a mount is made of: contents of objects, spans of them, and reads that wait for spans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from s3magic.mounting.ahead import Readers
from s3magic.mounting.buffers import Buffer
from s3magic.mounting.filling import Spill
from s3magic.mounting.inodes import Entry

Done = Callable[[list[memoryview] | Exception], None]


@dataclass(slots=True, eq=False)
class Content:
    """The bytes of one object with one ETag, as far as they are here."""

    entry: Entry
    readers: Readers
    opens: int = 0
    spans: dict[int, Span] = field(default_factory=dict)  # by index of the unit
    unread: int = 0
    """Bytes fetched ahead and not read yet."""
    read_at: float = 0.0
    leaps: int = 0
    """Reads that came from nowhere and were not here."""
    spill: Spill | None = None
    may_spill: bool = True
    is_proved: bool = False
    """Whether the store has told, since somebody may read here, that the object is what was listed."""
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class Span:
    """A run of bytes that one request fetches, filled from its start."""

    content: Content
    start: int
    stop: int
    is_ahead: bool = False
    is_foreseen: bool = False
    """Wanted although nobody has the object open yet."""
    is_queued: bool = False
    """Whether it is to be fetched in its turn, which has not come."""
    is_to_spill: bool = False
    is_dropped: bool = False
    buffer: Buffer | None = None
    filled: int = 0
    pins: list[None] = field(default_factory=list)
    """One for each use of the buffer, put in under the lock; a list, for it is taken out without."""
    waiting: list[tuple[int, Read]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes it is to hold."""
        return self.stop - self.start

    @property
    def is_full(self) -> bool:
        """Whether all of them are here."""
        return self.start + self.filled == self.stop

    @property
    def storage(self) -> Buffer:
        """Where its bytes are, which it has from when its fetching begins."""
        if self.buffer is None:
            raise ValueError(f"{self.content.entry.key}: these bytes were given back")
        return self.buffer


@dataclass(slots=True, eq=False)
class Read:
    """One read, waiting for so many spans; answered once."""

    start: int
    stop: int
    spans: list[Span]
    done: Done
    missing: int = 0

    def views(self) -> list[memoryview]:
        """Return its bytes in order, when all are here."""
        return [
            memoryview(span.storage)[max(self.start - span.start, 0) : min(self.stop, span.stop) - span.start]
            for span in self.spans
        ]
