"""The bytes of one object, range by range, each counted and all of them capped; decodes nothing."""

from __future__ import annotations

from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import ByteLimitReached


class Source:
    """Gives ranges of an object as it was listed; what a decoder may read.

    Parameters
    ----------
    limit
        The most bytes it gives; above it `ByteLimitReached` is raised.

    Attributes
    ----------
    bytes_read, requests : int
        What was read so far.
    """

    def __init__(self, store: Store, info: ObjectInfo, *, limit: int) -> None:
        self.info = info
        self.limit = limit
        self.bytes_read = 0
        self.requests = 0
        self._store = store

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to ``stop``; raise what the store raises, `ObjectChanged` among it."""
        if self.bytes_read + stop - start > self.limit:
            raise ByteLimitReached(f"more than {self.limit} bytes wanted of {self.info.url}")
        data = self._store.get(self.info.key, start=start, stop=stop, etag=self.info.etag)
        self.requests += 1
        self.bytes_read += len(data)
        return data
