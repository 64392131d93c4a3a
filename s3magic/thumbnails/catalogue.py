"""The objects a gallery is about: listed page by page as they are wanted, never all at once; reads no object."""

from __future__ import annotations

import threading
from collections import deque

from s3magic.errors import AccessDenied, NoSuchKey
from s3magic.store.base import ObjectInfo, Store
from s3magic.url import S3Url, matches

_PAGES_AT_ONCE = 10
"""Pages of a listing that one `take` may ask for, so that a rare pattern does not stall in a huge bucket."""


class Catalogue:
    """Walks what a URL names, in key order; safe to use from several threads.

    A URL that names no object but a folder without its closing slash is read as the folder.

    Parameters
    ----------
    match
        Keep only objects whose name fits this glob, or, when it holds a ``/``, whose path below
        the URL does.
    """

    def __init__(self, store: Store, url: S3Url, *, match: str | None = None) -> None:
        self.url = url
        self._store = store
        self._match = match
        self._lock = threading.Lock()
        self._waiting: deque[ObjectInfo] = deque()
        self._found = 0
        self._token: str | None = None
        self._complete = False

    @property
    def found(self) -> int:
        """Objects met so far, handed out or not."""
        return self._found

    @property
    def complete(self) -> bool:
        """Whether the listing came to its end, so that `found` is all there is."""
        return self._complete

    @property
    def exhausted(self) -> bool:
        """Whether everything was handed out."""
        return self.complete and not self._waiting

    def take(self, count: int) -> list[ObjectInfo]:
        """Return the next objects, at most ``count``; fewer where only long walking would find more."""
        with self._lock:
            for _ in range(_PAGES_AT_ONCE):
                if len(self._waiting) >= count or self._complete:
                    break
                batch = self._next()
                self._found += len(batch)
                self._waiting.extend(batch)
            return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def _next(self) -> list[ObjectInfo]:
        """Return what fits of the next page of the listing; after an error that page is asked for again."""
        if not self.url.is_pattern and not self.url.is_prefix:
            try:
                found = self._store.head(self.url.key, version_id=self.url.version_id)
            except (NoSuchKey, AccessDenied):
                folder = self.url.with_key(self.url.key + "/")
                if not self._store.list_page(folder.key, max_keys=1).objects:
                    raise
                self.url = folder
            else:
                self._complete = True
                return [found]
        page = self._store.list_page(self.url.prefix, token=self._token)
        self._token = page.next_token
        self._complete = page.next_token is None
        return [info for info in page.objects if self._fits(info)]

    def _fits(self, info: ObjectInfo) -> bool:
        if info.key.endswith("/") or not self.url.matches(info.key):
            return False
        if self._match is None:
            return True
        below = info.key[len(self.url.prefix) :] if "/" in self._match else info.name
        return matches(self._match, below)
