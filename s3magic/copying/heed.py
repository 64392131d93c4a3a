"""Writes and deletes on condition that what was listed is still there; tells whether a store heeds conditions.

That is tried with what was just written, which stays as it is, and with the first that is to go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from s3magic.errors import NoSuchKey, ObjectChanged, S3MagicError, ServerError
from s3magic.store.base import ObjectInfo, Store

_MOST = 1 << 20
"""Bytes that are written twice for it at most."""
_NO_ETAG = "0" * 32
Written = TypeVar("Written")


class Heed:
    """Writes to a store, and keeps the smallest thing that was written, to write it once more where nothing may be.

    Safe to use from many threads.

    Parameters
    ----------
    store
        Where to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._knows_conditions = True
        self._heeds_deletion: bool | None = None
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
        if self._look(key) != etag:
            raise self._changed(key)
        return write()

    def remove(self, info: ObjectInfo) -> None:
        """Delete the object that was listed; `ObjectChanged` where it is another."""
        with self._lock:
            if self._heeds_deletion is None and self._try_deletion(info):
                return
        if self._heeds_deletion:
            self._store.delete(info.key, if_match=info.etag)
        elif self._is_still(info):
            self._store.delete(info.key)

    def _try_deletion(self, info: ObjectInfo) -> bool:
        """Delete on a condition that never holds what shall go anyway; whether it is gone then."""
        if not self._is_still(info):
            return True
        try:
            self._store.delete(info.key, if_match=_NO_ETAG)
        except ObjectChanged:
            self._heeds_deletion = True
        except ServerError as error:
            if error.status != HTTPStatus.NOT_IMPLEMENTED:
                raise
            self._heeds_deletion = False
        else:
            self._heeds_deletion = False
            return True
        return False

    def _is_still(self, info: ObjectInfo) -> bool:
        """Tell whether an object is as it was listed; False where it is gone, `ObjectChanged` where it is another."""
        now = self._look(info.key)
        if now not in {None, info.etag}:
            raise self._changed(info.key)
        return now is not None

    def _look(self, key: str) -> str | None:
        try:
            return self._store.head(key).etag
        except NoSuchKey:
            return None

    def _changed(self, key: str) -> ObjectChanged:
        return ObjectChanged(f"The object changed: s3://{self._store.bucket}/{key}", "Copy again.")

    def note(self, size: int, again: Callable[[], object]) -> None:
        """Take note of a write, and of what does it again where nothing is."""
        with self._lock:
            if size < self._smallest:
                self._smallest, self._again = size, again

    def complaint(self) -> list[str]:
        """Return what is to be said of a store that heeds not all conditions; nothing of any other."""
        told, looked = f"s3://{self._store.bucket}/", "each object was looked at just before"
        notes = []
        if not self._knows_conditions:
            notes.append(f"{told} knows no conditions: {looked}")
        elif self._writes_again():
            notes.append(f"{told} ignores conditions: it would have overwritten what others wrote there meanwhile")
        if self._heeds_deletion is False:
            notes.append(f"{told} deletes without conditions: {looked}")
        return notes

    def _writes_again(self) -> bool:
        """Tell whether the store writes once more, where nothing may be, what is there by now."""
        if self._again is None:
            return False
        try:
            self._again()
        except (OSError, S3MagicError):  # as it should be
            return False
        return True
