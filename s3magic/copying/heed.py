"""Whether a store heeds the conditions of writes: tried with what was just written, which stays as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable

from s3magic.errors import S3MagicError
from s3magic.store.base import Store

_MOST = 1 << 20
"""Bytes that are written twice for it at most."""


class Heed:
    """Keeps the smallest thing that was written, to write it once more on condition that it is not there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._smallest = _MOST + 1
        self._again: Callable[[], object] | None = None

    def note(self, size: int, again: Callable[[], object]) -> None:
        """Take note of a write, and of what does it again where nothing is."""
        with self._lock:
            if size < self._smallest:
                self._smallest, self._again = size, again

    def complaint(self, store: Store) -> list[str]:
        """Return what is to be said of a store that wrote again; nothing of one that refused, or was not tried."""
        if self._again is None:
            return []
        try:
            self._again()
        except (OSError, S3MagicError):  # as it should be: it is there
            return []
        told = f"s3://{store.bucket}/ ignores conditions"
        return [f"{told}: it would have overwritten what somebody else wrote there meanwhile"]
