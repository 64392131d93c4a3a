"""Room for what is decoded, shared by all threads: whoever wants more than is left waits; decodes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """A number of bytes that threads take and give back.

    Parameters
    ----------
    size
        Bytes in all.
    """

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, wanted: int) -> Iterator[None]:
        """Hold bytes for the length of a block; what is larger than the room has it to itself."""
        wanted = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: wanted <= self._left)
            self._left -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._left += wanted
                self._changed.notify_all()


DECODED = Room(1 << 29)
"""What all previews of this process may decode at once; a page of large masks would fill the memory."""
