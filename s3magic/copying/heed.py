"""Writes on condition that what was listed is still there, and whether a store heeds the conditions.

That is tried with what was just written, which stays as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from s3magic.errors import NoSuchKey, ObjectChanged, S3MagicError, ServerError
from s3magic.store.base import Store

_MOST = 1 << 20
"""Bytes that are written twice for it at most."""
Written = TypeVar("Written")


class Heed:
    """Writes to a store, and keeps the smallest thing that was written, to write it once more where nothing may be.

    Parameters
    ----------
    store
        Where to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._knows_conditions = True
        self._lock = threading.Lock()
        self._smallest = _MOST + 1
        self._again: Callable[[], object] | None = None

    def write(self, key: str, etag: str | None, write: Callable[..., Written]) -> Written:
        """Write over the object that was listed, of this ETag, or over nothing; `ObjectChanged` where it is another.

        ``write`` takes the conditions ``if_match`` and ``if_none_match``, or neither.
        """
        if self._knows_conditions:
            try:
                return write(if_match=etag, if_none_match=etag is None)
            except ServerError as error:
                if error.status != HTTPStatus.NOT_IMPLEMENTED:
                    raise
                self._knows_conditions = False
        self._check_unchanged(key, etag)
        return write()

    def _check_unchanged(self, key: str, etag: str | None) -> None:
        try:
            now = self._store.head(key).etag
        except NoSuchKey:
            now = None
        if now != etag:
            raise ObjectChanged(f"The object changed: s3://{self._store.bucket}/{key}", "Copy again.")

    def note(self, size: int, again: Callable[[], object]) -> None:
        """Take note of a write, and of what does it again where nothing is."""
        with self._lock:
            if size < self._smallest:
                self._smallest, self._again = size, again

    def complaint(self) -> list[str]:
        """Return what is to be said of a store that wrote again, or knows no conditions; nothing of any other."""
        told = f"s3://{self._store.bucket}/"
        if not self._knows_conditions:
            return [f"{told} knows no conditions: each object was looked at just before"]
        if self._again is None:
            return []
        try:
            self._again()
        except (OSError, S3MagicError):  # as it should be: it is there
            return []
        return [f"{told} ignores conditions: it would have overwritten what somebody else wrote there meanwhile"]
