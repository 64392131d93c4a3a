"""The bytes of one object, or of one folder, each counted and all of them capped; decodes nothing."""

from __future__ import annotations

from s3magic.errors import NoSuchKey
from s3magic.store.base import ObjectInfo, Store
from s3magic.store.reader import ByteLimitReached

_SMALL = 64 << 10


class _Counted:
    """What is read of one thing in a bucket.

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


class Source(_Counted):
    """Gives ranges of an object as it was listed; what a decoder may read."""

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to ``stop``; raise what the store raises, `ObjectChanged` among it."""
        if self.bytes_read + stop - start > self.limit:
            raise ByteLimitReached(f"more than {self.limit} bytes wanted of {self.info.url}")
        data = self._store.get(self.info.key, start=start, stop=stop, etag=self.info.etag)
        self.requests += 1
        self.bytes_read += len(data)
        return data


class FolderSource(_Counted):
    """Gives the files of a folder that is one thing; a `s3magic.formats.base.Folder`.

    What is small is kept, for what describes a folder is asked for by picture and description both.
    """

    def __init__(self, store: Store, info: ObjectInfo, *, limit: int) -> None:
        super().__init__(store, info, limit=limit)
        self._kept: dict[str, bytes | None] = {}

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.info.name

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes | None:
        """Return the bytes of a file between two places; None where there is no such file."""
        if path in self._kept:
            kept = self._kept[path]
            return None if kept is None else kept[start:stop]
        left = self.limit - self.bytes_read
        key = f"{self.info.key}/{path}"
        is_whole = start == 0 and stop is None
        try:
            if start < 0:
                self.requests += 1
                start = max(0, self._store.head(key).size + start)
            self.requests += 1
            # A file's size is not known: one byte more than there may be is asked for.
            data = self._store.get(key, start=start, stop=min(start + left + 1, stop or start + left + 1))
        except NoSuchKey:
            self._kept[path] = None
            return None
        if len(data) > left:
            raise ByteLimitReached(f"more than {self.limit} bytes wanted of {self.info.url}")
        self.bytes_read += len(data)
        if is_whole and len(data) <= _SMALL:
            self._kept[path] = data
        return data

    def names(self, path: str = "") -> list[str]:
        """Return what lies directly below a path, the first thousand of it; folders end in ``/``."""
        self.requests += 1
        prefix = f"{self.info.key}/{path}"
        page = self._store.list_page(prefix, delimiter="/")
        keys = [*(info.key for info in page.objects), *page.prefixes]
        return sorted(name for key in keys if (name := key[len(prefix) :]))
